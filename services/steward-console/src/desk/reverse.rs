//! Taking a decision back: by another decision, never by deleting.

use super::decide::{AboutCase, DecideError, Decided, may_decide, reason, record_identity, record_value};
use super::decision_row::{DecisionRow, after_the_last};
use super::identity_row::IdentityRow;
use super::open::Desk;
use super::{chain, held, proposal};
use crate::audit::Actor;
use chrono::{DateTime, Utc};
use registry_rules::{RecordKey, RulingKind};
use sqlx::PgPool;
use uuid::Uuid;

/// What is taken back, and why.
#[derive(Clone, Debug)]
pub struct ReverseRequest {
    /// The decision.
    pub decision_id: Uuid,
    /// Why.
    pub reason: String,
}

#[derive(sqlx::FromRow)]
struct Earlier {
    case_id: String,
    seen: String,
    taken_back: bool,
    is_value: bool,
    field: Option<String>,
    takes: Option<String>,
    considered: String,
    /// The ruling, or that of the decision that a reversal took back: what it moved comes back.
    ruling: Option<String>,
}

/// Takes a decision back, or proposes to where persons move by it. The rules, or the decision before, decide again.
///
/// # Errors
/// See [`DecideError`].
pub async fn reverse(desk: &Desk, actor: &Actor, request: &ReverseRequest) -> Result<Decided, DecideError> {
    may_decide(desk, actor).await?;
    let reason = reason(&request.reason)?;
    let Some(earlier) = earlier(&desk.console, request.decision_id).await? else {
        return Err(held::why_not(&desk.console, request.decision_id).await?);
    };
    if earlier.taken_back {
        return Err(DecideError::TakenBack);
    }
    let last = chain::last(&desk.console, &earlier.case_id).await?.ok_or(DecideError::UnknownDecision)?;
    let follows = Some(last.decision_id);
    let case = AboutCase { case_id: &earlier.case_id, follows, seen: &earlier.seen, reason };
    let now = desk.clock.now();
    if earlier.is_value {
        let row = earlier.value_row(request.decision_id, after_the_last(now, Some(last.decided_at)))?;
        return record_value(desk, actor, &case, &row).await.map(Decided::Recorded);
    }
    let row = IdentityRow::reversing(request.decision_id, last.decided_at, now);
    let moves = RulingKind::ALL
        .into_iter()
        .find(|kind| Some(kind.as_str()) == earlier.ruling.as_deref())
        .is_some_and(RulingKind::moves_records);
    if desk.second_approval && moves {
        return proposal::put(desk, actor, &case, &row).await.map(Decided::Proposed);
    }
    let mut transaction = desk.console.begin().await?;
    record_identity(&mut transaction, actor, &case, &row, "decision_taken_back").await?;
    transaction.commit().await?;
    Ok(Decided::Recorded(row.decision_id))
}

impl Earlier {
    fn value_row(&self, reverses: Uuid, decided_at: DateTime<Utc>) -> Result<DecisionRow, DecideError> {
        let field = self.field.as_deref().and_then(|field| field.parse().ok());
        let takes = self.takes.clone().and_then(|takes| RecordKey::try_from(takes).ok());
        let (field, takes) = field.zip(takes).ok_or(DecideError::UnknownDecision)?;
        Ok(DecisionRow {
            decision_id: Uuid::new_v4(),
            field,
            takes,
            considered: self.considered.clone(),
            reverses: Some(reverses),
            decided_at,
        })
    }
}

async fn earlier(pool: &PgPool, decision: Uuid) -> Result<Option<Earlier>, sqlx::Error> {
    sqlx::query_as(
        "with recursive about as (
           select i.decision_id, i.ruling, i.reverses, 0 as depth from console.identity_decision i
             where i.decision_id = $1
           union all
           select b.decision_id, b.ruling, b.reverses, about.depth + 1 from about
             join console.identity_decision b on b.decision_id = about.reverses
         )
         select c.case_id, c.seen, d.decision_id is not null as is_value, d.field, d.takes,
           coalesce(d.considered, i.considered) as considered,
           (select ruling from about where ruling is not null order by depth limit 1) as ruling,
           exists (select from console.decision r where r.reverses = d.decision_id)
             or exists (select from console.identity_decision r where r.reverses = i.decision_id) as taken_back
         from console.case_decision c
           left join console.decision d on d.decision_id = c.decision_id
           left join console.identity_decision i on i.decision_id = c.identity_decision_id
         where c.decision_id = $1 or c.identity_decision_id = $1",
    )
    .bind(decision)
    .fetch_optional(pool)
    .await
}
