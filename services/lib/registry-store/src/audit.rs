//! What the registry answers an audit: each record's latest version at or below a fence, and what became of the records
//! read before it.

use crate::versions::version_columns;
use crate::{Outcomes, StoreError};
use futures_util::TryStreamExt as _;
use registry_rules::{RecordKey, StateHash, Version};
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fence that came by in a partition.
#[derive(Clone, Debug)]
pub struct FenceMark {
    /// Name of the audit.
    pub fence_id: String,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Epoch of the fence.
    pub epoch: u32,
    /// Commit position of the fence.
    pub position: u64,
    /// Offset after the fence.
    pub next_offset: i64,
    /// Outcomes in this transaction before the fence; those of earlier ones are in the position.
    pub outcomes: Outcomes,
}

/// Keeps the counts of each partition as they were when the fence came by. Before [`crate::move_positions`].
pub async fn mark_fences(
    connection: &mut PgConnection,
    group: &str,
    fences: &[FenceMark],
) -> Result<(), StoreError> {
    for fence in fences {
        let (epoch, position, _) =
            version_columns(Version { epoch: fence.epoch, position: fence.position, ordinal: 0 });
        sqlx::query(
            "insert into fence (fence_id, topic, partition, epoch, position, next_offset, applied, no_change, duplicate,
               stale, quarantined, markers)
             select $2, topic, partition, $5, $6, $7, applied + $8, no_change + $9, duplicate + $10, stale + $11,
               quarantined + $12, markers + $13
             from consumer_position where consumer_group = $1 and topic = $3 and partition = $4
             on conflict do nothing",
        )
        .bind(group)
        .bind(&fence.fence_id)
        .bind(&*fence.topic)
        .bind(fence.partition)
        .bind(epoch)
        .bind(position)
        .bind(fence.next_offset)
        .bind(fence.outcomes.applied)
        .bind(fence.outcomes.no_change)
        .bind(fence.outcomes.duplicate)
        .bind(fence.outcomes.stale)
        .bind(fence.outcomes.quarantined)
        .bind(fence.outcomes.markers)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What a topic's partitions had read when a fence came by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FenceCounts {
    /// Partitions that the fence has reached: the audit waits for all.
    pub partitions: i64,
    /// Their outcomes below the fence.
    pub outcomes: Outcomes,
}

type OutcomeColumns = (String, i64, i64, i64, i64, i64, i64, i64);

fn outcomes_of(row: &OutcomeColumns) -> Outcomes {
    Outcomes {
        applied: row.2,
        no_change: row.3,
        duplicate: row.4,
        stale: row.5,
        quarantined: row.6,
        markers: row.7,
        ..Outcomes::default()
    }
}

/// By topic: how far a fence has come and what was read below it.
pub async fn fence_counts(
    pool: &PgPool,
    fence_id: &str,
) -> Result<BTreeMap<String, FenceCounts>, StoreError> {
    let rows: Vec<OutcomeColumns> = sqlx::query_as(
        "select topic, count(*), sum(applied)::bigint, sum(no_change)::bigint, sum(duplicate)::bigint,
           sum(stale)::bigint, sum(quarantined)::bigint, sum(markers)::bigint
         from fence where fence_id = $1 group by topic",
    )
    .bind(fence_id)
    .fetch_all(pool)
    .await?;
    let counts =
        rows.iter().map(|row| (row.0.clone(), FenceCounts { partitions: row.1, outcomes: outcomes_of(row) }));
    Ok(counts.collect())
}

/// What a topic's partitions have read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Partitions claimed so far.
    pub partitions: i64,
    /// Their outcomes.
    pub outcomes: Outcomes,
}

/// By topic: what the group has read so far.
pub async fn counts_of_sources(
    pool: &PgPool,
    group: &str,
) -> Result<BTreeMap<String, SourceCounts>, StoreError> {
    let rows: Vec<OutcomeColumns> = sqlx::query_as(
        "select topic, count(*), sum(applied)::bigint, sum(no_change)::bigint, sum(duplicate)::bigint,
           sum(stale)::bigint, sum(quarantined)::bigint, sum(markers)::bigint
         from consumer_position where consumer_group = $1 group by topic",
    )
    .bind(group)
    .fetch_all(pool)
    .await?;
    let counts = rows
        .iter()
        .map(|row| (row.0.clone(), SourceCounts { partitions: row.1, outcomes: outcomes_of(row) }));
    Ok(counts.collect())
}

/// What the registry holds of one table at a fence: rows and records that are not withdrawn, and the sum of the records'
/// content hashes, free of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableDigest {
    /// Rows with at least one record.
    pub rows: u64,
    /// Sum of content hashes and count of records.
    pub digest: StateHash,
}

/// A record's latest version at or below a fence.
#[derive(sqlx::FromRow)]
struct FencedRecord {
    record_key: String,
    standing: i16,
    content_hash: Vec<u8>,
    epoch: i32,
    position: i64,
    ordinal: i32,
}

/// Rows of a source whose newest version at or below the fence could not be read. The source counts them as quarantined;
/// the registry still holds what they said before, which is no part of the comparison.
async fn unreadable_rows(
    pool: &PgPool,
    source: &str,
    fence: (i32, i64),
) -> Result<BTreeMap<String, (i32, i64, i32)>, StoreError> {
    let rows: Vec<(String, i32, i64, i32)> = sqlx::query_as(
        "select row_key, epoch, position, ordinal from row_marker
         where row_key >= $1 and row_key < $2 and (epoch, position) <= ($3, $4)",
    )
    .bind(format!("{source}/"))
    .bind(format!("{source}0"))
    .bind(fence.0)
    .bind(fence.1)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(key, epoch, position, ordinal)| (key, (epoch, position, ordinal))).collect())
}

/// By entity of a source: the digest of each record's latest version at or below the fence; rows that cannot be read aside.
pub async fn fence_digests(
    pool: &PgPool,
    source: &str,
    epoch: u32,
    position: u64,
) -> Result<BTreeMap<String, TableDigest>, StoreError> {
    let (epoch, position, _) = version_columns(Version { epoch, position, ordinal: 0 });
    let unreadable = unreadable_rows(pool, source, (epoch, position)).await?;
    let mut rows = sqlx::query_as::<_, FencedRecord>(
        "select distinct on (record_key) record_key, standing, content_hash, epoch, position, ordinal from record_version
         where record_key >= $1 and record_key < $2 and (epoch, position) <= ($3, $4)
         order by record_key, epoch desc, position desc, ordinal desc",
    )
    .bind(format!("{source}/"))
    .bind(format!("{source}0"))
    .bind(epoch)
    .bind(position)
    .fetch(pool);
    let mut tables: BTreeMap<String, TableDigest> = BTreeMap::new();
    let mut last_row = None;
    while let Some(record) = rows.try_next().await? {
        let key = RecordKey::try_from(record.record_key).map_err(|_| StoreError::Unreadable("record key"))?;
        let version = (record.epoch, record.position, record.ordinal);
        let overtaken = unreadable.get(key.row().as_str()).is_some_and(|marker| *marker > version);
        if overtaken || record.standing == crate::versions::standing_code(registry_rules::Standing::Withdrawn)
        {
            continue;
        }
        let hash: [u8; 32] =
            record.content_hash.try_into().map_err(|_| StoreError::Unreadable("content hash"))?;
        let table = tables.entry(key.entity().to_owned()).or_default();
        table.digest.add(&hash);
        let row = Some(key.row());
        if row != last_row {
            table.rows += 1;
            last_row = row;
        }
    }
    Ok(tables)
}
