//! How far each partition has been applied, and who may move it.

use crate::StoreError;
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

/// Where a partition stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to apply; none before the first.
    pub next_offset: Option<i64>,
    /// Rises with each new owner.
    pub owner_epoch: i64,
}

/// Takes partitions over: whatever an earlier owner still writes under its epoch is refused from here on. Waits for a
/// transaction of the earlier owner that is under way, and then sees what it wrote.
pub async fn claim_positions(
    pool: &PgPool,
    group: &str,
    partitions: &[(String, i32)],
) -> Result<Vec<StoredPosition>, StoreError> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) = partitions.iter().map(|(t, p)| (t.as_str(), *p)).unzip();
    let rows = sqlx::query_as(
        "insert into consumer_position (group_id, topic, partition, next_offset, owner_epoch)
         select $1, topic, partition, null, 1 from unnest($2::text[], $3::integer[]) as p (topic, partition)
         order by topic, partition
         on conflict (group_id, topic, partition) do update set owner_epoch = consumer_position.owner_epoch + 1
         returning topic, partition, next_offset, owner_epoch",
    )
    .bind(group)
    .bind(topics)
    .bind(numbers)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// A partition of a batch: the epoch under which it was read, and the offset that follows its last record.
#[derive(Clone, Copy, Debug)]
pub struct Moving<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The owner's epoch.
    pub owner_epoch: i64,
    /// The next offset, once this transaction commits.
    pub next_offset: i64,
}

/// Moves the positions that are still this owner's, and gives them as they stood: records below are applied already. Until
/// the transaction ends nobody else can claim them; what it applies comes after, and stands or falls with it.
pub async fn move_positions(
    connection: &mut PgConnection,
    group: &str,
    moving: &[Moving<'_>],
) -> Result<Vec<StoredPosition>, StoreError> {
    let rows = sqlx::query_as(
        "with held as (
             select p.topic, p.partition, p.next_offset, p.owner_epoch, m.next_offset as moved_to
             from unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[])
                  as m (topic, partition, owner_epoch, next_offset)
             join consumer_position p using (topic, partition, owner_epoch)
             where p.group_id = $1
             order by p.topic, p.partition
             for update of p),
         moved as (
             update consumer_position p set next_offset = greatest(h.next_offset, h.moved_to)
             from held h where p.group_id = $1 and p.topic = h.topic and p.partition = h.partition)
         select topic, partition, next_offset, owner_epoch from held",
    )
    .bind(group)
    .bind(moving.iter().map(|m| m.topic).collect::<Vec<_>>())
    .bind(moving.iter().map(|m| m.partition).collect::<Vec<_>>())
    .bind(moving.iter().map(|m| m.owner_epoch).collect::<Vec<_>>())
    .bind(moving.iter().map(|m| m.next_offset).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
