//! Deciding a case. Decision, its place in the case's chain and the audit entry are one transaction.

use super::action::Action;
use super::chain::{self, Chained};
use super::decision_row::DecisionRow;
use super::identity_row::{IdentityRow, needs_a_second};
use super::open::{Desk, DeskError};
use super::{held, proposal, show_case};
use crate::access::user::{self, Role, UserError};
use crate::audit::{self, Actor, Channel, Entry};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

/// A reason names a document or a rule: less says nothing, more is no reason.
const REASON_LENGTHS: std::ops::RangeInclusive<usize> = 10..=2000;

/// What a steward wants.
#[derive(Clone, Debug)]
pub struct DecideRequest {
    /// The case.
    pub case_id: String,
    /// What is decided.
    pub action: Action,
    /// The sheet's `seen`: the values and places that were before their eyes.
    pub seen: String,
    /// The last decision that the sheet showed.
    pub follows: Option<Uuid>,
    /// Why.
    pub reason: String,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is recorded: a decision with this id.
    Recorded(Uuid),
    /// It is about a value: recorded under this id when its undo window is over.
    Held(Uuid, DateTime<Utc>),
    /// It moves persons: a proposal with this id waits for a second steward.
    Proposed(Uuid),
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
    /// This kind of decision answers no case of this kind.
    #[error("this kind of case takes no such decision; `dansync case show` lists those it takes")]
    Kind,
    /// The record is not shown, or is attached nowhere.
    #[error("record: not among the records that the case shows; `dansync case show` lists them")]
    Record,
    /// One record too many or too few, or the same twice.
    #[error("other: link, merge, keep-separate and confirm-twins name two different records, the others one")]
    Other,
    /// A question to the source is missing, or has no place.
    #[error("question: send-back takes one of the coded questions, the others none")]
    Question,
    /// It would change nothing.
    #[error(
        "this would change nothing: records to be joined are one person's already, or the record to be split stands alone"
    )]
    NoEffect,
    /// No such decision.
    #[error("decision: the console has recorded no such decision; `dansync case show` lists those of a case")]
    UnknownDecision,
    /// It is taken back already.
    #[error("decision: taken back already; take the later decision back to let this one stand again")]
    TakenBack,
    /// No such proposal waits.
    #[error("proposal: no such proposal waits; `dansync case show` lists those of a case")]
    NoProposal,
    /// The second steward must be another one.
    #[error(
        "a proposal is approved or rejected by another steward than the one who made it, and withdrawn by that one"
    )]
    SamePerson,
    /// Somebody else has the case.
    #[error("another steward has this case on the desk; ask them to release it")]
    Claimed,
    /// A decision about the case can still be undone.
    #[error(
        "a decision about this case is within its undo window; undo it with `dansync case undo`, or decide when it is over"
    )]
    Held,
    /// It is recorded.
    #[error(
        "decision: it is recorded and cannot be undone any more; take it back by another decision: `dansync case reverse`"
    )]
    WindowOver,
    /// It was never recorded.
    #[error(
        "decision: it was undone, or given up because the case had changed, and is not recorded; decide the case anew"
    )]
    Undone,
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

/// Records the decision, or the proposal where a second steward has to agree.
///
/// # Errors
/// See [`DecideError`].
pub async fn decide(desk: &Desk, actor: &Actor, request: &DecideRequest) -> Result<Decided, DecideError> {
    may_decide(desk, actor).await?;
    let reason = reason(&request.reason)?;
    let sheet = show_case::read(desk, &request.case_id).await?.ok_or(DecideError::NotOpen)?;
    let last = sheet.last_decision.as_ref().map(|last| last.decision_id);
    if sheet.seen != request.seen || last != request.follows {
        return Err(DecideError::Changed);
    }
    if sheet.claim.as_ref().is_some_and(|claim| claim.claimed_by != actor.name) {
        return Err(DecideError::Claimed);
    }
    if sheet.held.is_some() {
        return Err(DecideError::Held);
    }
    let case = AboutCase { case_id: &request.case_id, follows: request.follows, seen: &request.seen, reason };
    match &request.action {
        Action::TakeValue(takes) => {
            let row = DecisionRow::taking(&sheet, takes, &desk.key, desk.clock.now())
                .ok_or(DecideError::NotTakeable)?;
            if desk.undo_window > TimeDelta::zero() {
                let until = held::hold(desk, actor, &case, &row).await?;
                return Ok(Decided::Held(row.decision_id, until));
            }
            record_value(desk, actor, &case, &row).await.map(Decided::Recorded)
        }
        Action::Rule(action) => {
            let row = IdentityRow::of(&sheet, action, &desk.key, desk.clock.now())?;
            if desk.second_approval && needs_a_second(&row) {
                return proposal::put(desk, actor, &case, &row).await.map(Decided::Proposed);
            }
            let mut transaction = desk.console.begin().await?;
            record_identity(&mut transaction, actor, &case, &row, "case_decided").await?;
            transaction.commit().await?;
            Ok(Decided::Recorded(row.decision_id))
        }
    }
}

/// The case that a decision is about, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct AboutCase<'a> {
    pub(super) case_id: &'a str,
    pub(super) follows: Option<Uuid>,
    pub(super) seen: &'a str,
    pub(super) reason: &'a str,
}

/// Whether the actor may decide now, whatever they might when the page was opened.
pub(super) async fn may_decide(desk: &Desk, actor: &Actor) -> Result<(), DecideError> {
    let role = role_now(desk, actor).await?;
    if role.is_some_and(Role::may_decide) { Ok(()) } else { Err(DecideError::NotAllowed) }
}

/// The reason without white space around it, if it is one.
pub(super) fn reason(text: &str) -> Result<&str, DecideError> {
    let reason = text.trim();
    if REASON_LENGTHS.contains(&reason.chars().count()) { Ok(reason) } else { Err(DecideError::Reason) }
}

/// Records a decision about a value.
pub(super) async fn record_value(
    desk: &Desk,
    actor: &Actor,
    case: &AboutCase<'_>,
    row: &DecisionRow,
) -> Result<Uuid, DecideError> {
    let mut transaction = desk.console.begin().await?;
    put_value(&mut transaction, actor, case, row, false).await?;
    transaction.commit().await?;
    tracing::info!(decision = %row.decision_id, case = %case.case_id, field = %row.field, "decision recorded");
    Ok(row.decision_id)
}

/// Records a decision about a value, one that was held or not, in a transaction that the caller ends.
pub(super) async fn put_value(
    transaction: &mut Transaction<'_, Postgres>,
    actor: &Actor,
    case: &AboutCase<'_>,
    row: &DecisionRow,
    was_held: bool,
) -> Result<(), DecideError> {
    insert(transaction, row).await.map_err(taken_back_or)?;
    let decision = Chained::Value(row.decision_id);
    put_in_chain(transaction, actor, case, decision).await?;
    let entry = Entry {
        case_id: Some(case.case_id),
        decision_id: Some(row.decision_id),
        held_decision_id: was_held.then_some(row.decision_id),
        field: Some(&row.field),
        takes: Some(&row.takes),
        reason: Some(case.reason),
        ..Entry::of(action_of(row.reverses, "case_decided"), actor, row.decided_at)
    };
    audit::write(&mut **transaction, &entry).await?;
    Ok(())
}

/// Records a decision about who a record belongs to, in a transaction that the caller ends.
pub(super) async fn record_identity(
    transaction: &mut Transaction<'_, Postgres>,
    actor: &Actor,
    case: &AboutCase<'_>,
    row: &IdentityRow,
    action: &'static str,
) -> Result<(), DecideError> {
    row.insert(transaction).await.map_err(taken_back_or)?;
    put_in_chain(transaction, actor, case, Chained::Identity(row.decision_id)).await?;
    let entry = Entry {
        case_id: Some(case.case_id),
        identity_decision_id: Some(row.decision_id),
        takes: row.subject.as_ref().map(|(record, _)| record),
        reason: Some(case.reason),
        ..Entry::of(action_of(row.reverses, action), actor, row.decided_at)
    };
    audit::write(&mut **transaction, &entry).await?;
    let kind = row.ruling.map_or("take_back", registry_rules::RulingKind::as_str);
    tracing::info!(decision = %row.decision_id, case = %case.case_id, kind, "decision recorded");
    Ok(())
}

fn action_of(reverses: Option<Uuid>, action: &'static str) -> &'static str {
    if reverses.is_some() { "decision_taken_back" } else { action }
}

/// Of two who take the same decision back at once the table lets one through.
fn taken_back_or(error: sqlx::Error) -> DecideError {
    let is_second = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if is_second { DecideError::TakenBack } else { error.into() }
}

async fn put_in_chain(
    transaction: &mut Transaction<'_, Postgres>,
    actor: &Actor,
    case: &AboutCase<'_>,
    decision: Chained,
) -> Result<(), DecideError> {
    let link = chain::Link {
        case_id: case.case_id,
        follows: case.follows,
        decision,
        seen: case.seen,
        decided_by: &actor.name,
    };
    // What is not committed is rolled back when the transaction is dropped.
    if chain::put(transaction, &link).await? { Ok(()) } else { Err(DecideError::Changed) }
}

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

/// The steward who acts through the command line.
///
/// # Errors
/// When the console knows no such user.
pub async fn command_actor(desk: &Desk, name: &str) -> Result<Actor, UserError> {
    user::find(&desk.console, name).await?.ok_or(UserError::Unknown)?;
    Ok(Actor { name: name.to_owned(), channel: Channel::Command })
}
