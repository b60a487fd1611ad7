//! How far each partition has been applied, and by whom.

use crate::StoreError;
use sqlx::PgConnection;
use std::sync::Arc;

/// A partition taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset not yet applied; none where nothing ever was.
    pub next_offset: Option<i64>,
    /// The new owner's epoch.
    pub owner_epoch: i64,
}

/// Takes partitions over. Waits for a predecessor's transaction on the same rows, so the position is final.
pub async fn claim_positions(
    connection: &mut PgConnection,
    group: &str,
    partitions: &[(Arc<str>, i32)],
) -> Result<Vec<ClaimedPosition>, StoreError> {
    let mut sorted: Vec<_> = partitions.iter().map(|(topic, partition)| (&**topic, *partition)).collect();
    sorted.sort_unstable();
    let (topics, numbers): (Vec<&str>, Vec<i32>) = sorted.into_iter().unzip();
    let rows: Vec<(String, i32, Option<i64>, i64)> = sqlx::query_as(
        "insert into consumer_position as p (consumer_group, topic, partition, owner_epoch)
         select $1, topic, partition, 1 from unnest($2::text[], $3::int[]) as t (topic, partition)
         on conflict (consumer_group, topic, partition) do update set owner_epoch = p.owner_epoch + 1
         returning topic, partition, next_offset, owner_epoch",
    )
    .bind(group)
    .bind(topics)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    let claimed = rows.into_iter().map(|(topic, partition, next_offset, owner_epoch)| ClaimedPosition {
        topic,
        partition,
        next_offset,
        owner_epoch,
    });
    Ok(claimed.collect())
}

/// A partition's position as the merge transaction finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionRow {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset not yet applied: messages before it are re-deliveries.
    pub next_offset: Option<i64>,
    /// Who owns it: another epoch than the claim's means that there is a new owner.
    pub owner_epoch: i64,
}

/// Locks the positions of a batch for this transaction: until it ends, no other owner can claim them.
pub async fn fence_positions(
    connection: &mut PgConnection,
    group: &str,
    partitions: &[(Arc<str>, i32)],
) -> Result<Vec<PositionRow>, StoreError> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) = partitions.iter().map(|(topic, n)| (&**topic, *n)).unzip();
    let rows: Vec<(String, i32, Option<i64>, i64)> = sqlx::query_as(
        "select p.topic, p.partition, p.next_offset, p.owner_epoch
         from unnest($2::text[], $3::int[]) as t (topic, partition)
         join consumer_position p on p.consumer_group = $1 and p.topic = t.topic and p.partition = t.partition
         order by p.topic, p.partition for update of p",
    )
    .bind(group)
    .bind(topics)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|(topic, partition, next_offset, owner_epoch)| PositionRow {
        topic,
        partition,
        next_offset,
        owner_epoch,
    });
    Ok(found.collect())
}

/// What became of the records of a partition. Together they are the records read; markers are counted beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Records handed over, counted before anything became of them; not counted at fences.
    pub read: i64,
    /// Newer and different: it stands now.
    pub applied: i64,
    /// Newer, saying the same: only the version moved.
    pub no_change: i64,
    /// The version that stands, once more.
    pub duplicate: i64,
    /// Older than what stands.
    pub stale: i64,
    /// Not readable, kept aside.
    pub quarantined: i64,
    /// Markers of rows that the adapter could not read.
    pub markers: i64,
}

impl Outcomes {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.applied += other.applied;
        self.no_change += other.no_change;
        self.duplicate += other.duplicate;
        self.stale += other.stale;
        self.quarantined += other.quarantined;
        self.markers += other.markers;
    }

    /// Records read, markers aside.
    pub const fn records(&self) -> i64 {
        self.applied + self.no_change + self.duplicate + self.stale + self.quarantined
    }
}

/// Moves positions and counts, for partitions that this transaction has fenced.
pub async fn move_positions(
    connection: &mut PgConnection,
    group: &str,
    moves: &[(Arc<str>, i32, i64, Outcomes)],
) -> Result<(), StoreError> {
    let column = |of: fn(&Outcomes) -> i64| moves.iter().map(|(.., counts)| of(counts)).collect::<Vec<_>>();
    sqlx::query(
        "update consumer_position p set next_offset = t.next_offset, applied = p.applied + t.applied,
           no_change = p.no_change + t.no_change, duplicate = p.duplicate + t.duplicate, stale = p.stale + t.stale,
           quarantined = p.quarantined + t.quarantined, markers = p.markers + t.markers, read = p.read + t.read,
           updated_at = now()
         from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
           $9::bigint[], $10::bigint[], $11::bigint[])
           as t (topic, partition, next_offset, applied, no_change, duplicate, stale, quarantined, markers, read)
         where p.consumer_group = $1 and p.topic = t.topic and p.partition = t.partition",
    )
    .bind(group)
    .bind(moves.iter().map(|(topic, ..)| &**topic).collect::<Vec<&str>>())
    .bind(moves.iter().map(|(_, partition, ..)| *partition).collect::<Vec<_>>())
    .bind(moves.iter().map(|(_, _, next, _)| *next).collect::<Vec<_>>())
    .bind(column(|c| c.applied))
    .bind(column(|c| c.no_change))
    .bind(column(|c| c.duplicate))
    .bind(column(|c| c.stale))
    .bind(column(|c| c.quarantined))
    .bind(column(|c| c.markers))
    .bind(column(|c| c.read))
    .execute(connection)
    .await?;
    Ok(())
}
