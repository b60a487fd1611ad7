//! A steward's decision about a value is held until its undo window is over (design §3): no adapter captures it, so nobody
//! downstream knows of it yet, and undoing it costs nothing.

use super::decide::{AboutCase, DecideError, may_decide};
use super::decision_row::DecisionRow;
use super::open::Desk;
use crate::audit::{self, Actor, Entry};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgExecutor, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// A decision within its undo window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct HeldDecision {
    /// Its id, which it keeps when it is recorded.
    pub decision_id: Uuid,
    /// The record whose value it takes.
    pub takes: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub held_by: String,
    /// When.
    pub held_at: DateTime<Utc>,
    /// Until when it can be undone; then the console records it.
    pub held_until: DateTime<Utc>,
}

/// How the wait of a held decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldEnd<'a> {
    /// It is a decision now.
    Recorded,
    /// A steward undid it.
    Undone(&'a str),
    /// What its author saw was not there any more.
    Changed,
    /// Its author may not decide any more.
    NotAllowed,
}

impl<'a> HeldEnd<'a> {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Undone(_) => "undone",
            Self::Changed => "changed",
            Self::NotAllowed => "not_allowed",
        }
    }

    const fn by(self) -> Option<&'a str> {
        match self {
            Self::Undone(who) => Some(who),
            Self::Recorded | Self::Changed | Self::NotAllowed => None,
        }
    }
}

/// Holds a decision; answers until when it can be undone.
pub(super) async fn hold(
    desk: &Desk,
    actor: &Actor,
    case: &AboutCase<'_>,
    row: &DecisionRow,
) -> Result<DateTime<Utc>, DecideError> {
    let held_until = row.decided_at + desk.undo_window;
    let mut transaction = desk.console.begin().await?;
    sqlx::query(
        "insert into console.held_decision (decision_id, case_id, follows, seen, field, takes, considered, reason,
           held_by, held_at, held_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(row.decision_id)
    .bind(case.case_id)
    .bind(case.follows.unwrap_or_else(Uuid::nil))
    .bind(case.seen)
    .bind(row.field.as_str())
    .bind(row.takes.as_str())
    .bind(&row.considered)
    .bind(case.reason)
    .bind(&actor.name)
    .bind(row.decided_at)
    .bind(held_until)
    .execute(&mut *transaction)
    .await?;
    let waits = sqlx::query(
        "insert into console.held_now (case_id, decision_id, held_until) values ($1, $2, $3)
         on conflict (case_id) do nothing",
    )
    .bind(case.case_id)
    .bind(row.decision_id)
    .bind(held_until)
    .execute(&mut *transaction)
    .await?;
    if waits.rows_affected() == 0 {
        return Err(DecideError::Held);
    }
    let entry = Entry {
        case_id: Some(case.case_id),
        held_decision_id: Some(row.decision_id),
        field: Some(&row.field),
        takes: Some(&row.takes),
        reason: Some(case.reason),
        ..Entry::of("decision_held", actor, row.decided_at)
    };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    tracing::info!(decision = %row.decision_id, case = %case.case_id, field = %row.field, "decision held");
    Ok(held_until)
}

/// The decision about a case that can still be undone.
pub(super) async fn of_case(
    console: impl PgExecutor<'_>,
    case_id: &str,
) -> Result<Option<HeldDecision>, sqlx::Error> {
    sqlx::query_as(
        "select h.decision_id, h.takes, h.reason, h.held_by, h.held_at, h.held_until
         from console.held_now n join console.held_decision h using (decision_id) where n.case_id = $1",
    )
    .bind(case_id)
    .fetch_optional(console)
    .await
}

/// Undoes a held decision: it is never recorded, and only the console knows of it. Any steward may, as any may take a decision
/// back, for as long as it is held.
///
/// # Errors
/// [`DecideError::WindowOver`] when it is recorded: take it back. See [`DecideError`].
pub async fn undo(desk: &Desk, actor: &Actor, decision_id: Uuid) -> Result<(), DecideError> {
    may_decide(desk, actor).await?;
    let now = desk.clock.now();
    let mut transaction = desk.console.begin().await?;
    let Some(case_id) = end_wait(&mut transaction, decision_id, HeldEnd::Undone(&actor.name), now).await?
    else {
        return Err(why_not(&desk.console, decision_id).await?);
    };
    let entry = Entry {
        case_id: Some(&case_id),
        held_decision_id: Some(decision_id),
        ..Entry::of("decision_undone", actor, now)
    };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    tracing::info!(decision = %decision_id, case = %case_id, "decision undone");
    Ok(())
}

/// Ends the wait of a decision, in a transaction that the caller ends, and gives its case; none where it does not wait: of two
/// who end it at once the second one waits here for the first.
pub(super) async fn end_wait(
    transaction: &mut Transaction<'_, Postgres>,
    decision_id: Uuid,
    how: HeldEnd<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "with ended as (delete from console.held_now where decision_id = $1 returning decision_id, case_id),
           noted as (insert into console.held_outcome (decision_id, outcome, ended_by, ended_at)
             select decision_id, $2, $3, $4 from ended)
         select case_id from ended",
    )
    .bind(decision_id)
    .bind(how.as_str())
    .bind(how.by())
    .bind(now)
    .fetch_optional(&mut **transaction)
    .await
}

/// Why a decision cannot be undone, or not be taken back.
pub(super) async fn why_not(console: &PgPool, decision_id: Uuid) -> Result<DecideError, sqlx::Error> {
    let (waits, is_recorded, has_ended): (bool, bool, bool) = sqlx::query_as(
        "select exists (select from console.held_now where decision_id = $1),
           exists (select from console.case_decision where decision_id = $1 or identity_decision_id = $1),
           exists (select from console.held_outcome where decision_id = $1)",
    )
    .bind(decision_id)
    .fetch_one(console)
    .await?;
    Ok(if waits {
        DecideError::Held
    } else if is_recorded {
        DecideError::WindowOver
    } else if has_ended {
        DecideError::Undone
    } else {
        DecideError::UnknownDecision
    })
}
