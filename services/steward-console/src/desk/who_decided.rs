//! Who made decisions, and why: what stays in the console while the decisions travel.

use serde::Serialize;
use sqlx::PgPool;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct WhoDecided {
    /// The steward.
    pub decided_by: String,
    /// The reason given.
    pub reason: Option<String>,
}

/// Who made these decisions about values, by id; none of one that this console did not record.
///
/// # Errors
/// When the console's database does not answer.
pub async fn who_decided(
    console: &PgPool,
    decisions: &[Uuid],
) -> Result<BTreeMap<Uuid, WhoDecided>, sqlx::Error> {
    let rows: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(
        "select c.decision_id, c.decided_by,
           (select a.reason from console.audit a where a.decision_id = c.decision_id and a.reason is not null limit 1)
         from console.case_decision c where c.decision_id = any($1)",
    )
    .bind(decisions)
    .fetch_all(console)
    .await?;
    Ok(rows.into_iter().map(|(id, decided_by, reason)| (id, WhoDecided { decided_by, reason })).collect())
}
