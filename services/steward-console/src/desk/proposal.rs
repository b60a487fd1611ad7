//! What moves persons is proposed by one steward and approved by another; only then is there a decision to capture.

use super::decide::{AboutCase, DecideError, may_decide, reason, record_identity};
use super::decision_row::after_the_last;
use super::identity_row::IdentityRow;
use super::open::{Desk, DeskError};
use super::{chain, show_case};
use crate::audit::{self, Actor, Entry};
use chrono::{DateTime, Utc};
use registry_rules::{RecordKey, RulingKind};
use serde::Serialize;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

/// Proposals of one case that are shown at most: each shows that stewards disagree, and one of them is decided.
const MOST_PENDING: i64 = 50;

/// A proposal that waits for a second steward.
#[expect(clippy::struct_field_names, reason = "the field is named as the column is")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Its id.
    pub proposal_id: Uuid,
    /// The name of a ruling, or `take_back`.
    pub kind: String,
    /// The record that it is about.
    pub record: Option<String>,
    /// The record that it is held against.
    pub other: Option<String>,
    /// The decision that it takes back.
    pub reverses: Option<Uuid>,
    /// Why.
    pub reason: String,
    /// Who proposes it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// What its author had before their eyes: who approves must see the same.
    pub seen: String,
}

/// How a proposal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalEnd {
    /// A second steward agrees: it becomes a decision.
    Approved,
    /// A second steward does not.
    Rejected,
    /// Its author takes it back.
    Withdrawn,
}

impl ProposalEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Approved => "proposal_approved",
            Self::Rejected => "proposal_rejected",
            Self::Withdrawn => "proposal_withdrawn",
        }
    }
}

/// Keeps what a steward proposes.
pub(super) async fn put(
    desk: &Desk,
    actor: &Actor,
    case: &AboutCase<'_>,
    row: &IdentityRow,
) -> Result<Uuid, DecideError> {
    let mut transaction = desk.console.begin().await?;
    let split = |named: &Option<(RecordKey, String)>| {
        named.as_ref().map(|(key, anchor)| (key.to_string(), anchor.clone())).unzip()
    };
    let ((record, anchor), (other, other_anchor)) = (split(&row.subject), split(&row.other));
    sqlx::query(
        "insert into console.proposal (proposal_id, case_id, follows, seen, ruling, record, anchor, other_record,
           other_anchor, considered, reverses, reason, proposed_by, proposed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(row.decision_id)
    .bind(case.case_id)
    .bind(case.follows.unwrap_or_else(Uuid::nil))
    .bind(case.seen)
    .bind(row.ruling.map(RulingKind::as_str))
    .bind(record)
    .bind(anchor)
    .bind(other)
    .bind(other_anchor)
    .bind(&row.considered)
    .bind(row.reverses)
    .bind(case.reason)
    .bind(&actor.name)
    .bind(row.decided_at)
    .execute(&mut *transaction)
    .await?;
    let entry = Entry {
        case_id: Some(case.case_id),
        proposal_id: Some(row.decision_id),
        takes: row.subject.as_ref().map(|(record, _)| record),
        reason: Some(case.reason),
        ..Entry::of("decision_proposed", actor, row.decided_at)
    };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    tracing::info!(proposal = %row.decision_id, case = %case.case_id, "decision proposed");
    Ok(row.decision_id)
}

#[derive(sqlx::FromRow)]
struct Columns {
    proposal_id: Uuid,
    case_id: String,
    follows: Uuid,
    seen: String,
    ruling: Option<String>,
    record: Option<String>,
    anchor: Option<String>,
    other_record: Option<String>,
    other_anchor: Option<String>,
    considered: String,
    reverses: Option<Uuid>,
    reason: String,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
}

macro_rules! waiting {
    ($rest:literal) => {
        concat!(
            "select proposal_id, case_id, follows, seen, ruling, record, anchor, other_record, other_anchor, considered,
               reverses, reason, proposed_by, proposed_at from console.proposal p
             where not exists (select from console.proposal_outcome o where o.proposal_id = p.proposal_id) and ",
            $rest
        )
    };
}

/// The proposals of a case that wait, of a closed one too: taking a decision back is one.
pub(crate) async fn pending_of(desk: &Desk, case_id: &str) -> Result<Vec<Proposal>, DeskError> {
    Ok(pending(&desk.console, case_id).await?)
}

/// The proposals of a case that wait.
pub(super) async fn pending(pool: &PgPool, case_id: &str) -> Result<Vec<Proposal>, sqlx::Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(waiting!("p.case_id = $1 order by p.proposed_at, p.proposal_id limit $2"))
            .bind(case_id)
            .bind(MOST_PENDING)
            .fetch_all(pool)
            .await?;
    let shown = |row: Columns| Proposal {
        proposal_id: row.proposal_id,
        kind: row.ruling.unwrap_or_else(|| "take_back".to_owned()),
        record: row.record,
        other: row.other_record,
        reverses: row.reverses,
        reason: row.reason,
        proposed_by: row.proposed_by,
        proposed_at: row.proposed_at,
        seen: row.seen,
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Ends a proposal; approved, it is a decision with its own id, which is returned. `why` is the second steward's reason.
///
/// # Errors
/// [`DecideError::SamePerson`] for one's own proposal (or another's, to withdraw); [`DecideError::Changed`] when what its
/// author saw is not what is there now: withdraw or reject it, and propose anew.
pub async fn end_proposal(
    desk: &Desk,
    actor: &Actor,
    proposal_id: Uuid,
    end: ProposalEnd,
    why: &str,
) -> Result<Option<Uuid>, DecideError> {
    may_decide(desk, actor).await?;
    let why = reason(why)?;
    let row: Option<Columns> = sqlx::query_as(waiting!("p.proposal_id = $1"))
        .bind(proposal_id)
        .fetch_optional(&desk.console)
        .await?;
    let proposal = row.ok_or(DecideError::NoProposal)?;
    if (proposal.proposed_by == actor.name) != (end == ProposalEnd::Withdrawn) {
        return Err(DecideError::SamePerson);
    }
    let now = desk.clock.now();
    let mut transaction = desk.console.begin().await?;
    let decision = if end == ProposalEnd::Approved {
        Some(approve(desk, actor, &mut transaction, &proposal, now).await?)
    } else {
        None
    };
    close(&mut transaction, actor, &proposal, end, now).await?;
    let entry = Entry {
        case_id: Some(&proposal.case_id),
        proposal_id: Some(proposal_id),
        reason: Some(why),
        ..Entry::of(end.action(), actor, now)
    };
    audit::write(&mut *transaction, &entry).await?;
    transaction.commit().await?;
    Ok(decision)
}

async fn close(
    transaction: &mut Transaction<'_, Postgres>,
    actor: &Actor,
    proposal: &Columns,
    end: ProposalEnd,
    now: DateTime<Utc>,
) -> Result<(), DecideError> {
    let done = sqlx::query(
        "insert into console.proposal_outcome (proposal_id, proposed_by, outcome, ended_by, ended_at)
         values ($1, $2, $3, $4, $5) on conflict (proposal_id) do nothing",
    )
    .bind(proposal.proposal_id)
    .bind(&proposal.proposed_by)
    .bind(end.as_str())
    .bind(&actor.name)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DecideError::NoProposal) }
}

/// Makes the decision of the proposal, if its author saw what is there now.
async fn approve(
    desk: &Desk,
    actor: &Actor,
    transaction: &mut Transaction<'_, Postgres>,
    proposal: &Columns,
    now: DateTime<Utc>,
) -> Result<Uuid, DecideError> {
    let last = chain::last(&mut **transaction, &proposal.case_id).await?;
    let follows = Some(proposal.follows).filter(|id| !id.is_nil());
    if last.as_ref().map(|last| last.decision_id) != follows {
        return Err(DecideError::Changed);
    }
    // A reversal is about a decision, not about what a case shows.
    if proposal.reverses.is_none() {
        let sheet = show_case::read(desk, &proposal.case_id).await?.ok_or(DecideError::NotOpen)?;
        if sheet.seen != proposal.seen {
            return Err(DecideError::Changed);
        }
    }
    let row = proposal.row(after_the_last(now, last.map(|last| last.decided_at)))?;
    let case =
        AboutCase { case_id: &proposal.case_id, follows, seen: &proposal.seen, reason: &proposal.reason };
    record_identity(transaction, actor, &case, &row, "case_decided").await?;
    Ok(row.decision_id)
}

impl Columns {
    /// The decision that it becomes; it keeps the proposal's id.
    fn row(&self, decided_at: DateTime<Utc>) -> Result<IdentityRow, DecideError> {
        let kind = |name: &String| {
            RulingKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(DecideError::Kind)
        };
        Ok(IdentityRow {
            decision_id: self.proposal_id,
            ruling: self.ruling.as_ref().map(kind).transpose()?,
            subject: named(self.record.as_ref(), self.anchor.as_ref())?,
            other: named(self.other_record.as_ref(), self.other_anchor.as_ref())?,
            question: None,
            considered: self.considered.clone(),
            reverses: self.reverses,
            decided_at,
        })
    }
}

/// A record with its anchor, where the proposal names one.
fn named(key: Option<&String>, anchor: Option<&String>) -> Result<Option<(RecordKey, String)>, DecideError> {
    let Some((key, anchor)) = key.zip(anchor) else { return Ok(None) };
    let key = RecordKey::try_from(key.clone()).map_err(|_| DecideError::Record)?;
    Ok(Some((key, anchor.clone())))
}
