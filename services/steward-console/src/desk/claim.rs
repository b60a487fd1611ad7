//! Who has a case on the desk. It lives in the console's database: the registry does not know of it.

use super::decide::{DecideError, may_decide};
use super::open::Desk;
use crate::audit::{self, Actor, Entry};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

/// A case that a steward has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Who has it.
    pub claimed_by: String,
    /// Since when.
    pub claimed_at: DateTime<Utc>,
}

/// Takes a case; to take one's own once more changes nothing.
///
/// # Errors
/// [`DecideError::Claimed`] when somebody else has it.
pub async fn claim(desk: &Desk, actor: &Actor, case_id: &str) -> Result<(), DecideError> {
    may_decide(desk, actor).await?;
    let mut transaction = desk.console.begin().await?;
    let now = desk.clock.now();
    sqlx::query("insert into console.case_claim (case_id, claimed_by, claimed_at) values ($1, $2, $3) on conflict do nothing")
        .bind(case_id)
        .bind(&actor.name)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    let holder: Option<String> =
        sqlx::query_scalar("select claimed_by from console.case_claim where case_id = $1")
            .bind(case_id)
            .fetch_optional(&mut *transaction)
            .await?;
    if holder.as_deref() != Some(actor.name.as_str()) {
        return Err(DecideError::Claimed);
    }
    let entry = Entry { case_id: Some(case_id), ..Entry::of("case_claimed", actor, now) };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives a case back. Any steward may: who has it may be on leave, and the audit log says who did.
///
/// # Errors
/// When the actor may not decide, or a database does not answer.
pub async fn release(desk: &Desk, actor: &Actor, case_id: &str) -> Result<(), DecideError> {
    may_decide(desk, actor).await?;
    let mut transaction = desk.console.begin().await?;
    sqlx::query("delete from console.case_claim where case_id = $1")
        .bind(case_id)
        .execute(&mut *transaction)
        .await?;
    let entry = Entry { case_id: Some(case_id), ..Entry::of("case_released", actor, desk.clock.now()) };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn of_case(pool: &PgPool, case_id: &str) -> Result<Option<Claim>, sqlx::Error> {
    let row: Option<(String, DateTime<Utc>)> =
        sqlx::query_as("select claimed_by, claimed_at from console.case_claim where case_id = $1")
            .bind(case_id)
            .fetch_optional(pool)
            .await?;
    Ok(row.map(|(claimed_by, claimed_at)| Claim { claimed_by, claimed_at }))
}
