//! The decisions of a case form a chain: of two stewards who saw the same state, one gets through.

use super::sheet::RecordedDecision;
use sqlx::{PgExecutor, Postgres, Transaction};
use uuid::Uuid;

/// A decision that is to stand in a case's chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) case_id: &'a str,
    pub(super) follows: Option<Uuid>,
    pub(super) decision: Chained,
    pub(super) seen: &'a str,
    pub(super) decided_by: &'a str,
}

/// Of which table a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chained {
    Value(Uuid),
    Identity(Uuid),
}

impl Chained {
    pub(super) const fn value(self) -> Option<Uuid> {
        match self {
            Self::Value(id) => Some(id),
            Self::Identity(_) => None,
        }
    }

    pub(super) const fn identity(self) -> Option<Uuid> {
        match self {
            Self::Value(_) => None,
            Self::Identity(id) => Some(id),
        }
    }
}

/// Puts the decision after the one that the steward saw; false when another one is there already.
pub(super) async fn put(
    transaction: &mut Transaction<'_, Postgres>,
    link: &Link<'_>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into console.case_decision (case_id, follows, decision_id, identity_decision_id, seen, decided_by)
         values ($1, $2, $3, $4, $5, $6) on conflict (case_id, follows) do nothing",
    )
    .bind(link.case_id)
    .bind(link.follows.unwrap_or_else(Uuid::nil))
    .bind(link.decision.value())
    .bind(link.decision.identity())
    .bind(link.seen)
    .bind(link.decided_by)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The last decision about a case.
pub(super) async fn last(
    pool: impl PgExecutor<'_>,
    case_id: &str,
) -> Result<Option<RecordedDecision>, sqlx::Error> {
    sqlx::query_as(
        "select coalesce(d.decision_id, i.decision_id) as decision_id,
           case when coalesce(d.reverses, i.reverses) is not null then 'take_back'
             else coalesce(i.ruling, 'take_value') end as kind,
           coalesce(d.takes, i.record, '') as takes, c.decided_by,
           coalesce(d.decided_at, i.decided_at) as decided_at, c.seen
         from console.case_decision c
           left join console.decision d on d.decision_id = c.decision_id
           left join console.identity_decision i on i.decision_id = c.identity_decision_id
         where c.case_id = $1 order by decided_at desc, decision_id desc limit 1",
    )
    .bind(case_id)
    .fetch_optional(pool)
    .await
}
