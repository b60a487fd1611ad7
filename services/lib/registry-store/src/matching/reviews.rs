//! Pairs of records that a human must look at: nearly one person by the score, or twins.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{RecordKey, Resemblance};
use serde_json::Value;
use sqlx::PgConnection;

/// A pair that waits.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ReviewPair {
    /// The source key that is to be placed.
    pub source_key: String,
    /// Its record.
    pub record_key: String,
    /// The record of whom it may be.
    pub other_key: String,
    /// Where that person's records belong.
    pub anchor: String,
    /// They may be twins.
    pub twins: bool,
    /// Why no link was made: a name of `record_linkage::Reason`.
    pub reason: String,
    /// Weight of the pair in bits.
    pub weight: f64,
    /// The weights' version.
    pub weights: String,
    /// As of a link. No values.
    pub evidence: Value,
    /// When it was found.
    pub since: DateTime<Utc>,
}

const COLUMNS: &str =
    "source_key, record_key, other_key, anchor, twins, reason, weight, weights, evidence, since";

/// The open pairs that name any of these records, on either side. Whether one is open is asked outside, as for links
/// ([`crate::scored_around`]).
pub async fn open_reviews(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<ReviewPair>, StoreError> {
    if record_keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from (
           select r.* from unnest($1::text[]) as t (wanted) cross join lateral (
             select * from match_review where record_key = wanted offset 0) r
           union
           select r.* from unnest($1::text[]) as t (wanted) cross join lateral (
             select * from match_review where other_key = wanted offset 0) r) r
         where r.until is null order by record_key, other_key"
    )))
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The pairs that waited at a moment (now, without one) and name any of these records, on either side.
pub async fn resembling_at(
    connection: &mut PgConnection,
    record_keys: &[&str],
    at: Option<DateTime<Utc>>,
) -> Result<Vec<Resemblance>, StoreError> {
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "select record_key, other_key, twins from unnest($1::text[]) as t (wanted) cross join lateral (
           select * from match_review where record_key = wanted
           union select * from match_review where other_key = wanted) r
         where case when $2::timestamptz is null then until is null
           else since <= $2 and (until is null or until > $2) end",
    )
    .bind(record_keys)
    .bind(at)
    .fetch_all(connection)
    .await?;
    let key = |key: String| RecordKey::try_from(key).map_err(|_| StoreError::Unreadable("record key"));
    rows.into_iter()
        .map(|(record, other, twins)| Ok(Resemblance { record: key(record)?, other: key(other)?, twins }))
        .collect()
}

/// The open pairs of source keys.
pub async fn reviews_of(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<Vec<ReviewPair>, StoreError> {
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from unnest($1::text[]) as t (wanted) cross join lateral (
           select * from match_review where source_key = wanted and until is null offset 0) r
         order by source_key, record_key, other_key"
    )))
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// These pairs need no look any more.
pub async fn end_reviews(connection: &mut PgConnection, pairs: &[&ReviewPair]) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update match_review m set until = now() from unnest($1::text[], $2::text[], $3::text[])
           as t (source_key, record_key, other_key)
         where m.source_key = t.source_key and m.record_key = t.record_key and m.other_key = t.other_key
           and m.until is null",
    )
    .bind(pairs.iter().map(|p| p.source_key.as_str()).collect::<Vec<_>>())
    .bind(pairs.iter().map(|p| p.record_key.as_str()).collect::<Vec<_>>())
    .bind(pairs.iter().map(|p| p.other_key.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets pairs wait for a human. Those of them that waited with other evidence have been ended.
pub async fn put_reviews(connection: &mut PgConnection, pairs: &[&ReviewPair]) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&ReviewPair) -> &str| pairs.iter().map(|pair| of(pair)).collect::<Vec<_>>();
    sqlx::query(
        "insert into match_review (source_key, record_key, other_key, anchor, twins, reason, weight, weights, evidence, since)
         select t.*, clock_timestamp() from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[],
           $7::float8[], $8::text[], $9::jsonb[]) as t",
    )
    .bind(text(|p| &p.source_key))
    .bind(text(|p| &p.record_key))
    .bind(text(|p| &p.other_key))
    .bind(text(|p| &p.anchor))
    .bind(pairs.iter().map(|p| p.twins).collect::<Vec<_>>())
    .bind(text(|p| &p.reason))
    .bind(pairs.iter().map(|p| p.weight).collect::<Vec<_>>())
    .bind(text(|p| &p.weights))
    .bind(pairs.iter().map(|p| p.evidence.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
