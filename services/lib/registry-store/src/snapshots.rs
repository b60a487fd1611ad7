//! Which partitions have read a snapshot's marks, and what its end found missing.

use crate::StoreError;
use crate::load::source_ended;
use crate::versions::version_of;
use registry_rules::Version;
use sqlx::{PgConnection, PgPool};

/// A partition has read a snapshot's begin.
pub async fn mark_begin(
    connection: &mut PgConnection,
    source: &str,
    epoch: u32,
    partition: i32,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into snapshot_mark (source, epoch, partition, begun_at) values ($1, $2, $3, now())
         on conflict (source, epoch, partition) do update set begun_at = now()",
    )
    .bind(source)
    .bind(epoch.cast_signed())
    .bind(partition)
    .execute(connection)
    .await?;
    Ok(())
}

/// A partition has read a snapshot's end; `tables` are the entities to sweep and whether their table was truncated.
/// Answers whether it was the last of `partitions`: then the sweeps wait to be done, and the source counts as loaded.
pub async fn mark_end(
    connection: &mut PgConnection,
    source: &str,
    (epoch, partition): (u32, i32),
    partitions: i32,
    tables: &[(&str, bool)],
) -> Result<bool, StoreError> {
    // Two partitions that end at once must not both find the other one missing.
    sqlx::query("insert into load_source (source) values ($1) on conflict (source) do update set source = excluded.source")
        .bind(source)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into snapshot_mark (source, epoch, partition, ended_at) values ($1, $2, $3, now())
         on conflict (source, epoch, partition) do update set ended_at = now()",
    )
    .bind(source)
    .bind(epoch.cast_signed())
    .bind(partition)
    .execute(&mut *connection)
    .await?;
    let ended: i64 = sqlx::query_scalar(
        "select count(*) from snapshot_mark where source = $1 and epoch = $2 and ended_at is not null",
    )
    .bind(source)
    .bind(epoch.cast_signed())
    .fetch_one(&mut *connection)
    .await?;
    if ended < i64::from(partitions) {
        return Ok(false);
    }
    for (entity, truncated) in tables {
        sqlx::query(
            "insert into sweep (source, epoch, entity, state, truncated) values ($1, $2, $3, 'pending', $4)
             on conflict do nothing",
        )
        .bind(source)
        .bind(epoch.cast_signed())
        .bind(entity)
        .bind(truncated)
        .execute(&mut *connection)
        .await?;
    }
    source_ended(connection, source).await?;
    Ok(true)
}

/// The sweep of one table after a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Sweep {
    /// The source.
    pub source: String,
    /// The snapshot's epoch.
    pub epoch: i32,
    /// The entity.
    pub entity: String,
    /// `pending`, `waiting` for an operator, `allowed` by one, or `done`.
    pub state: String,
    /// Rows that the snapshot did not show.
    pub missing: i64,
    /// Rows that the registry holds.
    pub total: i64,
    /// The table was truncated.
    pub truncated: bool,
}

/// Takes a sweep that is to be done, for this transaction; counts what is missing.
pub async fn take_sweep(connection: &mut PgConnection) -> Result<Option<Sweep>, StoreError> {
    let sweep: Option<Sweep> = sqlx::query_as(
        "select source, epoch, entity, state, missing, total, truncated from sweep where state in ('pending', 'allowed')
         limit 1 for update skip locked",
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(mut sweep) = sweep else { return Ok(None) };
    let (from, until) = range(&sweep);
    (sweep.missing, sweep.total) = sqlx::query_as(
        "select count(distinct row_key) filter (where epoch < $3 and not exists (
             select from row_marker m where m.row_key = r.row_key and m.epoch >= $3)),
           count(distinct row_key)
         from (select regexp_replace(record_key, '/[^/]*$', '') as row_key, epoch from record_latest
               where record_key >= $1 and record_key < $2 and standing <> 4) r",
    )
    .bind(from)
    .bind(until)
    .bind(sweep.epoch)
    .fetch_one(connection)
    .await?;
    Ok(Some(sweep))
}

/// The first record key of an entity, and the first beyond: `0` follows `/` in byte order.
fn range(sweep: &Sweep) -> (String, String) {
    (format!("{}/{}/", sweep.source, sweep.entity), format!("{}/{}0", sweep.source, sweep.entity))
}

/// A record that a snapshot did not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRecord {
    /// Which record.
    pub record_key: String,
    /// Its version.
    pub version: Version,
}

/// Some of the records that the snapshot did not show and that still stand. A row that the snapshot could not read is
/// not missing.
pub async fn missing_records(
    connection: &mut PgConnection,
    sweep: &Sweep,
    limit: i64,
) -> Result<Vec<MissingRecord>, StoreError> {
    let (from, until) = range(sweep);
    let rows: Vec<(String, i32, i64, i32)> = sqlx::query_as(
        "select record_key, epoch, position, ordinal from record_latest r
         where record_key >= $1 and record_key < $2 and standing <> 4 and epoch < $3 and not exists (
           select from row_marker m where m.row_key = regexp_replace(r.record_key, '/[^/]*$', '') and m.epoch >= $3)
         order by record_key limit $4",
    )
    .bind(from)
    .bind(until)
    .bind(sweep.epoch)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let missing = rows.into_iter().map(|(record_key, epoch, position, ordinal)| MissingRecord {
        record_key,
        version: version_of(epoch, position, ordinal),
    });
    Ok(missing.collect())
}

/// A sweep took nothing more away: it is done. Keeps the first count of what was missing.
pub async fn finish_sweep(connection: &mut PgConnection, sweep: &Sweep) -> Result<(), StoreError> {
    set_state(connection, sweep, "done").await
}

/// A sweep is too large, or its table was truncated: an operator must allow it.
pub async fn wait_for_operator(connection: &mut PgConnection, sweep: &Sweep) -> Result<(), StoreError> {
    set_state(connection, sweep, "waiting").await
}

async fn set_state(connection: &mut PgConnection, sweep: &Sweep, state: &str) -> Result<(), StoreError> {
    sqlx::query(
        "update sweep set state = $4, missing = greatest(missing, $5), total = greatest(total, $6), changed_at = now()
         where source = $1 and epoch = $2 and entity = $3",
    )
    .bind(&sweep.source)
    .bind(sweep.epoch)
    .bind(&sweep.entity)
    .bind(state)
    .bind(sweep.missing)
    .bind(sweep.total)
    .execute(connection)
    .await?;
    Ok(())
}

/// An operator allows a sweep that waits. `false`: none of that name waits.
pub async fn allow_sweep(
    connection: &mut PgConnection,
    source: &str,
    epoch: i32,
    entity: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update sweep set state = 'allowed', changed_at = now()
         where source = $1 and epoch = $2 and entity = $3 and state = 'waiting'",
    )
    .bind(source)
    .bind(epoch)
    .bind(entity)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// All sweeps, the newest first.
pub async fn list_sweeps(pool: &PgPool) -> Result<Vec<Sweep>, StoreError> {
    let rows = sqlx::query_as(
        "select source, epoch, entity, state, missing, total, truncated from sweep order by changed_at desc limit 1000",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// How many sweeps are to be done now.
pub async fn open_sweeps(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let open = sqlx::query_scalar("select count(*) from sweep where state in ('pending', 'allowed')")
        .fetch_one(connection)
        .await?;
    Ok(open)
}
