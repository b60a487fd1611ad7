//! Recorded probabilistic links of source keys to anchors (design §3, rule 4), with what each was found by.

use crate::StoreError;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// A link as kept.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ScoredLink {
    /// Whose.
    pub source_key: String,
    /// How many it had with this one.
    pub n: i64,
    /// Whereto.
    pub anchor: String,
    /// When it was recorded.
    pub since: DateTime<Utc>,
    /// When it ended; none: it stands.
    pub until: Option<DateTime<Utc>>,
    /// The weights' version.
    pub weights: String,
    /// Records compared, levels, weights, candidates, margin. No values.
    pub evidence: Value,
}

/// A new link.
#[derive(Clone, Debug)]
pub struct LinkChange {
    /// Whose.
    pub source_key: String,
    /// Whereto.
    pub anchor: String,
    /// The weights' version.
    pub weights: String,
    /// As in [`ScoredLink`].
    pub evidence: Value,
}

/// Where the links that stand lead, by source key: what rule 4 of attaching reads.
pub async fn scored_anchors(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<BTreeMap<String, String>, StoreError> {
    if source_keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select l.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select source_key, anchor from scored_link where source_key = wanted and until is null limit 1) l",
    )
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The links that stand of source keys, and the source keys that are linked to them.
///
/// Whether a link stands is asked outside: while the table is small, the planner takes the index of all that stand for a good way
/// to those of one anchor, and keeps to it when they are millions.
pub async fn scored_around(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<(Vec<(String, String)>, Vec<String>), StoreError> {
    if source_keys.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let rows: Vec<(bool, String, String)> = sqlx::query_as(
        "select true, l.source_key, l.anchor from unnest($1::text[]) as t (wanted) cross join lateral (
           select source_key, anchor from scored_link where source_key = wanted and until is null limit 1) l
         union all
         select false, l.source_key, l.anchor from unnest($1::text[]) as t (wanted) cross join lateral (
           select source_key, anchor, until from scored_link where anchor = wanted offset 0) l
         where l.until is null",
    )
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    let (mut own, mut linked) = (Vec::new(), Vec::new());
    for (is_own, source_key, anchor) in rows {
        if is_own {
            own.push((source_key, anchor));
        } else {
            linked.push(source_key);
        }
    }
    Ok((own, linked))
}

/// The links of source keys, and those that lead to them, as they were known at a moment (now, without one): source key and
/// anchor.
pub async fn scored_links_at(
    connection: &mut PgConnection,
    keys: &[&str],
    at: Option<DateTime<Utc>>,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query_as(
        "select l.source_key, l.anchor from (
           select l.* from unnest($1::text[]) as t (wanted) cross join lateral (
             select source_key, anchor, since, until from scored_link where source_key = wanted offset 0) l
           union
           select l.* from unnest($1::text[]) as t (wanted) cross join lateral (
             select source_key, anchor, since, until from scored_link where anchor = wanted offset 0) l) l
         where case when $2::timestamptz is null then l.until is null
           else l.since <= $2 and (l.until is null or l.until > $2) end",
    )
    .bind(keys)
    .bind(at)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The links that stand, with their evidence.
pub async fn scored_links(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<Vec<ScoredLink>, StoreError> {
    let rows = sqlx::query_as(
        "select l.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select * from scored_link where source_key = wanted and until is null limit 1) l",
    )
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// All links that a source key ever had, the newest first.
pub async fn scored_history(
    connection: &mut PgConnection,
    source_key: &str,
    limit: i64,
) -> Result<Vec<ScoredLink>, StoreError> {
    let rows = sqlx::query_as("select * from scored_link where source_key = $1 order by n desc limit $2")
        .bind(source_key)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// Which source keys are linked to anchors: (source key, anchor).
pub async fn linked_to(
    connection: &mut PgConnection,
    anchors: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query_as(
        "select l.source_key, l.anchor from unnest($1::text[]) as t (wanted) cross join lateral (
           select source_key, anchor, until from scored_link where anchor = wanted offset 0) l
         where l.until is null order by 1",
    )
    .bind(anchors)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Ends the links that stand of these source keys.
pub async fn end_links(connection: &mut PgConnection, source_keys: &[&str]) -> Result<(), StoreError> {
    if source_keys.is_empty() {
        return Ok(());
    }
    sqlx::query("update scored_link set until = now() where source_key = any($1) and until is null")
        .bind(source_keys)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records links. Those that stood of the same source keys have been ended.
pub async fn put_links_scored(connection: &mut PgConnection, links: &[LinkChange]) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into scored_link (source_key, n, anchor, weights, evidence)
         select t.source_key,
           1 + coalesce((select max(l.n) from scored_link l where l.source_key = t.source_key), 0),
           t.anchor, t.weights, t.evidence
         from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) as t (source_key, anchor, weights, evidence)",
    )
    .bind(links.iter().map(|l| l.source_key.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|l| l.anchor.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|l| l.weights.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|l| l.evidence.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
