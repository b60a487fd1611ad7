//! Stewards' decisions, by the records they name.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{Considered, Decision, RecordKey};
use sqlx::PgConnection;

/// Keeps decisions; a newer version of the same one takes its place.
pub async fn keep_decisions(
    connection: &mut PgConnection,
    decisions: &[(RecordKey, Decision)],
) -> Result<(), StoreError> {
    for (record_key, decision) in decisions {
        let considered =
            serde_json::to_value(&decision.considered).map_err(|_| StoreError::Unwritable("a decision"))?;
        sqlx::query(
            "insert into decision (decision_id, record_key, field, takes, considered, decided_at, reverses)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (decision_id) do update set record_key = excluded.record_key, field = excluded.field,
               takes = excluded.takes, considered = excluded.considered, decided_at = excluded.decided_at,
               reverses = excluded.reverses",
        )
        .bind(&decision.id)
        .bind(record_key.as_str())
        .bind(decision.field.as_str())
        .bind(decision.takes.as_str())
        .bind(considered)
        .bind(decision.decided_at)
        .bind(&decision.reverses)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "insert into decision_record (record_key, decision_id) select record_key, $2 from unnest($1::text[])
             as t (record_key) on conflict do nothing",
        )
        .bind(named(decision))
        .bind(&decision.id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn named(decision: &Decision) -> Vec<&str> {
    std::iter::once(decision.takes.as_str())
        .chain(decision.considered.iter().map(|c| c.record_key.as_str()))
        .collect()
}

/// The records that decisions name, and those that decisions name which these take back, and so on: all whose answers a
/// reversal can change.
pub async fn records_decided(
    connection: &mut PgConnection,
    decisions: &[&str],
) -> Result<Vec<String>, StoreError> {
    let keys = sqlx::query_scalar(
        "with recursive chain (decision_id) as (
           select decision_id collate \"C\" from unnest($1::text[]) as t (decision_id)
           union
           select d.reverses from chain c join decision d on d.decision_id = c.decision_id where d.reverses is not null)
         select distinct r.record_key from chain c join decision_record r on r.decision_id = c.decision_id",
    )
    .bind(decisions)
    .fetch_all(connection)
    .await?;
    Ok(keys)
}

#[derive(sqlx::FromRow)]
struct DecisionColumns {
    decision_id: String,
    field: String,
    takes: String,
    considered: serde_json::Value,
    decided_at: DateTime<Utc>,
    reverses: Option<String>,
}

/// The decisions that name any of the records, and those that reverse them.
pub async fn decisions_naming(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<Decision>, StoreError> {
    if record_keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<DecisionColumns> = sqlx::query_as(
        "with recursive wanted (decision_id) as (
           select decision_id from decision_record where record_key = any($1)
           union
           select d.decision_id from wanted w join decision d on d.reverses = w.decision_id)
         select d.decision_id, d.field, d.takes, d.considered, d.decided_at, d.reverses
         from wanted w join decision d on d.decision_id = w.decision_id order by d.decision_id",
    )
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| decision(row).ok_or(StoreError::Unreadable("decision"))).collect()
}

fn decision(row: DecisionColumns) -> Option<Decision> {
    Some(Decision {
        id: row.decision_id,
        field: row.field.parse().ok()?,
        takes: RecordKey::try_from(row.takes).ok()?,
        considered: serde_json::from_value::<Vec<Considered>>(row.considered).ok()?,
        decided_at: row.decided_at,
        reverses: row.reverses,
    })
}
