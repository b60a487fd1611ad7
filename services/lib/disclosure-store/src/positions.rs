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

/// Locks the partitions' rows; gives those that are still this owner's, with what they stand at.
pub async fn fence_positions(
    connection: &mut PgConnection,
    group: &str,
    claims: &[(&str, i32, i64)],
) -> Result<Vec<StoredPosition>, StoreError> {
    let (topics, numbers, epochs) = columns(claims);
    let rows = sqlx::query_as(
        "select p.topic, p.partition, p.next_offset, p.owner_epoch
         from consumer_position p
         join unnest($2::text[], $3::integer[], $4::bigint[]) as c (topic, partition, owner_epoch)
           using (topic, partition, owner_epoch)
         where p.group_id = $1
         order by p.topic, p.partition
         for update of p",
    )
    .bind(group)
    .bind(topics)
    .bind(numbers)
    .bind(epochs)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Moves positions whose rows are locked by [`fence_positions`] in the same transaction.
pub async fn advance_positions(
    connection: &mut PgConnection,
    group: &str,
    next: &[(&str, i32, i64)],
) -> Result<(), StoreError> {
    let (topics, numbers, offsets) = columns(next);
    sqlx::query(
        "update consumer_position p set next_offset = n.next_offset
         from unnest($2::text[], $3::integer[], $4::bigint[]) as n (topic, partition, next_offset)
         where p.group_id = $1 and p.topic = n.topic and p.partition = n.partition",
    )
    .bind(group)
    .bind(topics)
    .bind(numbers)
    .bind(offsets)
    .execute(connection)
    .await?;
    Ok(())
}

fn columns<'a>(rows: &[(&'a str, i32, i64)]) -> (Vec<&'a str>, Vec<i32>, Vec<i64>) {
    (
        rows.iter().map(|r| r.0).collect(),
        rows.iter().map(|r| r.1).collect(),
        rows.iter().map(|r| r.2).collect(),
    )
}
