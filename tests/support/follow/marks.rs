//! Where everything was before an office wrote.

use super::Places;
use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// What comes after these places is followed.
#[derive(Debug, Clone)]
pub struct Marks {
    /// Of each source, the end of its log: what commits later has a higher position.
    pub(super) positions: BTreeMap<&'static str, i64>,
    /// Of each source, the ends of its topic's partitions.
    pub(super) ends: BTreeMap<&'static str, BTreeMap<i32, i64>>,
    /// By the registry's clock.
    pub(super) registry: DateTime<Utc>,
    /// By the disclosure database's clock.
    pub(super) disclosure: DateTime<Utc>,
}

/// Positions are signed in the registry's tables; a log would have to write for centuries to get beyond.
const END_OF_LOG: &str = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";

pub(super) async fn take(places: &Places) -> anyhow::Result<Marks> {
    let stage: String =
        sqlx::query_scalar("select stage from load_state").fetch_one(&places.registry).await?;
    ensure!(stage == "live", "the first load is not through yet (it is at: {stage}); try again when it is");
    let (mut positions, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for (source, pool) in places.captured() {
        let position: i64 = sqlx::query_scalar(END_OF_LOG).fetch_one(pool).await.context(source)?;
        positions.insert(source, position);
        let topic = places.kafka.topics().source(source);
        ends.insert(source, event_log::end_offsets(&places.kafka, &topic).await?);
    }
    let registry = sqlx::query_scalar("select clock_timestamp()").fetch_one(&places.registry).await?;
    let disclosure = sqlx::query_scalar("select clock_timestamp()").fetch_one(&places.disclosure).await?;
    Ok(Marks { positions, ends, registry, disclosure })
}
