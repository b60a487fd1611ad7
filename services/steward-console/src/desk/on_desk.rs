//! What the console's own database says of cases in a list: who has them, what was decided, what waits for a second steward.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use std::collections::BTreeMap;

/// A case as the desk knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct OnDesk {
    /// When the last decision about it was made.
    pub(super) decided_at: Option<DateTime<Utc>>,
    /// Who has it on the desk.
    pub(super) claimed_by: Option<String>,
    /// Until when the last decision about it can be undone.
    pub(super) held_until: Option<DateTime<Utc>>,
    /// A proposal waits for a second steward.
    pub(super) proposed: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    case_id: String,
    #[sqlx(flatten)]
    on_desk: OnDesk,
}

/// What is known of these cases, by case.
pub(super) async fn on_desk(
    pool: &PgPool,
    case_ids: &[&str],
) -> Result<BTreeMap<String, OnDesk>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select t.case_id,
           (select max(coalesce(d.decided_at, i.decided_at)) from console.case_decision c
              left join console.decision d on d.decision_id = c.decision_id
              left join console.identity_decision i on i.decision_id = c.identity_decision_id
            where c.case_id = t.case_id) as decided_at,
           (select claimed_by from console.case_claim c where c.case_id = t.case_id) as claimed_by,
           (select held_until from console.held_now n where n.case_id = t.case_id) as held_until,
           exists (select from console.proposal p where p.case_id = t.case_id
             and not exists (select from console.proposal_outcome o where o.proposal_id = p.proposal_id)) as proposed
         from unnest($1::text[]) as t (case_id)",
    )
    .bind(case_ids)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.case_id, row.on_desk)).collect())
}
