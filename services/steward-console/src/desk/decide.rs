//! The one action: take the value of a record. Decision, its place in the case's chain and the audit entry are one
//! transaction.

use super::decision_row::DecisionRow;
use super::open::{Desk, DeskError};
use super::show_case;
use crate::access::user::{self, Role, UserError};
use crate::audit::{self, Actor, Channel, Entry};
use registry_rules::RecordKey;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

/// A reason names a document or a rule: less says nothing, more is no reason.
const REASON_LENGTHS: std::ops::RangeInclusive<usize> = 10..=2000;

/// What a steward wants.
#[derive(Clone, Debug)]
pub struct DecideRequest {
    /// The case.
    pub case_id: String,
    /// The record whose value is to stand.
    pub takes: RecordKey,
    /// The sheet's `seen`: the values that were before their eyes.
    pub seen: String,
    /// The last decision that the sheet showed.
    pub follows: Option<Uuid>,
    /// Why.
    pub reason: String,
}

/// Why a decision was not recorded. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The user may not decide.
    #[error("this user may not decide cases; the role 'steward' may")]
    NotAllowed,
    /// No such open case.
    #[error("this case is not open; list the open ones with `dansync case list`")]
    NotOpen,
    /// The values or the decisions are not those that were shown.
    #[error("the values or decisions have changed since the case was shown; show it again, then decide")]
    Changed,
    /// The record states nothing that can be taken.
    #[error("this record's value cannot be taken; `dansync case show` says which can")]
    NotTakeable,
    /// The reason is missing, too short or too long.
    #[error("a reason has 10 to 2000 characters; name the document, the rule or the result of verification")]
    Reason,
    /// A database.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<sqlx::Error> for DecideError {
    fn from(error: sqlx::Error) -> Self {
        Self::Desk(DeskError::Console(error))
    }
}

/// Records the decision and returns its id.
///
/// # Errors
/// See [`DecideError`].
pub async fn decide(desk: &Desk, actor: &Actor, request: &DecideRequest) -> Result<Uuid, DecideError> {
    let role = role_now(desk, actor).await?;
    if !role.is_some_and(Role::may_decide) {
        return Err(DecideError::NotAllowed);
    }
    let reason = request.reason.trim();
    if !REASON_LENGTHS.contains(&reason.chars().count()) {
        return Err(DecideError::Reason);
    }
    let sheet = show_case::read(desk, &request.case_id).await?.ok_or(DecideError::NotOpen)?;
    let last = sheet.last_decision.as_ref().map(|last| last.decision_id);
    if sheet.seen != request.seen || last != request.follows {
        return Err(DecideError::Changed);
    }
    let row = DecisionRow::taking(&sheet, &request.takes, &desk.key, desk.clock.now())
        .ok_or(DecideError::NotTakeable)?;
    let mut transaction = desk.console.begin().await?;
    insert(&mut transaction, &row).await?;
    let is_next = chain(&mut transaction, &row, request, actor).await?;
    if !is_next {
        transaction.rollback().await?;
        return Err(DecideError::Changed);
    }
    let entry = Entry {
        case_id: Some(&request.case_id),
        decision_id: Some(row.decision_id),
        field: Some(&row.field),
        takes: Some(&row.takes),
        reason: Some(reason),
        ..Entry::of("case_decided", actor, row.decided_at)
    };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    tracing::info!(decision = %row.decision_id, case = %request.case_id, field = %row.field, "decision recorded");
    Ok(row.decision_id)
}

/// The rights that the actor has now, whatever they were when the page was opened.
async fn role_now(desk: &Desk, actor: &Actor) -> Result<Option<Role>, DecideError> {
    match user::find(&desk.console, &actor.name).await {
        Ok(user) => Ok(user.map(|user| user.role)),
        Err(UserError::Database(error)) => Err(error.into()),
        Err(UserError::Name | UserError::Role | UserError::Unknown | UserError::Password(_)) => Ok(None),
    }
}

async fn insert(transaction: &mut Transaction<'_, Postgres>, row: &DecisionRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.decision (decision_id, field, takes, considered, reverses, decided_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row.decision_id)
    .bind(row.field.as_str())
    .bind(row.takes.as_str())
    .bind(&row.considered)
    .bind(row.reverses)
    .bind(row.decided_at)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Puts the decision after the one that the steward saw; false when another one is there already.
async fn chain(
    transaction: &mut Transaction<'_, Postgres>,
    row: &DecisionRow,
    request: &DecideRequest,
    actor: &Actor,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into console.case_decision (case_id, follows, decision_id, seen, decided_by)
         values ($1, $2, $3, $4, $5) on conflict (case_id, follows) do nothing",
    )
    .bind(&request.case_id)
    .bind(request.follows.unwrap_or_else(Uuid::nil))
    .bind(row.decision_id)
    .bind(&request.seen)
    .bind(&actor.name)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The steward who acts through the command line.
///
/// # Errors
/// When the console knows no such user.
pub async fn command_actor(desk: &Desk, name: &str) -> Result<Actor, UserError> {
    user::find(&desk.console, name).await?.ok_or(UserError::Unknown)?;
    Ok(Actor { name: name.to_owned(), channel: Channel::Command })
}
