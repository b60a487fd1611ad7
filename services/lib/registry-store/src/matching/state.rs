//! How far the matcher has come.

use crate::StoreError;
use sqlx::PgConnection;

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchPhase {
    /// Nothing was compared here by this model yet.
    New,
    /// Every record gets its place in the blocks; so far up to this key.
    Keys(String),
    /// It follows what changes.
    Live,
}

/// Where matching by a model stands.
pub async fn match_state(connection: &mut PgConnection, model: &str) -> Result<MatchPhase, StoreError> {
    let row: Option<(String, String, String)> =
        sqlx::query_as("select model, phase, after from match_state").fetch_optional(connection).await?;
    Ok(match row {
        Some((known, phase, after)) if known == model && phase == "keys" => MatchPhase::Keys(after),
        Some((known, ..)) if known == model => MatchPhase::Live,
        Some(_) | None => MatchPhase::New,
    })
}

/// Whether every record has its place by this model, and every source key was decided about.
pub(crate) async fn is_swept(connection: &mut PgConnection, model: &str) -> Result<bool, StoreError> {
    let swept = sqlx::query_scalar(
        "select exists (select from match_state where model = $1 and phase = 'live')
           and not exists (select from match_pending) and not exists (select from match_again)",
    )
    .bind(model)
    .fetch_one(connection)
    .await?;
    Ok(swept)
}

/// Begins from the first record by this model: what was compared by another one is forgotten, what was linked stays until it
/// is decided anew.
pub async fn begin_matching(connection: &mut PgConnection, model: &str) -> Result<(), StoreError> {
    for table in ["match_key", "match_record", "match_block_over", "match_again", "match_state"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}"))).execute(&mut *connection).await?;
    }
    sqlx::query("insert into match_state (model, phase, after) values ($1, 'keys', '')")
        .bind(model)
        .execute(connection)
        .await?;
    Ok(())
}

/// Has come so far.
pub async fn move_matching(connection: &mut PgConnection, to: &MatchPhase) -> Result<(), StoreError> {
    let (phase, after) = match to {
        MatchPhase::New => return Ok(()),
        MatchPhase::Keys(after) => ("keys", after.as_str()),
        MatchPhase::Live => ("live", ""),
    };
    sqlx::query("update match_state set phase = $1, after = $2")
        .bind(phase)
        .bind(after)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nobody notes changes from here on: whoever matches next begins from the first record.
pub async fn stop_matching(connection: &mut PgConnection) -> Result<(), StoreError> {
    for statement in ["delete from match_state", "delete from match_pending"] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// What there is to match, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct MatchCounts {
    /// Rows and source keys that wait for the matcher.
    pub waiting: i64,
    /// Blocks over their bound.
    pub over_bound: i64,
    /// Links that stand.
    pub links: i64,
    /// Pairs that wait for a human.
    pub reviews: i64,
}

/// Counts what waits and what was found.
pub async fn match_counts(connection: &mut PgConnection) -> Result<MatchCounts, StoreError> {
    let counts = sqlx::query_as(
        "select (select count(*) from match_pending) + (select count(*) from match_again) as waiting,
           (select count(*) from match_block_over) as over_bound,
           (select count(*) from scored_link where until is null) as links,
           (select count(*) from match_review where until is null) as reviews",
    )
    .fetch_one(connection)
    .await?;
    Ok(counts)
}
