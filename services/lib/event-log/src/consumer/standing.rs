//! How far a consumer is behind, partition by partition.
//!
//! The client's own "lag" counts the marks that end transactions, and so never falls to 0; here a partition that is read to
//! its end has nothing waiting.

use super::{Batch, TopicPartition};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// What the client's statistics say of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogEnd {
    /// The first offset that no committed record can have.
    end: i64,
    /// Everything below has been fetched and handed to the reader.
    read: bool,
}

/// The newest statistics.
#[derive(Debug, Default)]
pub(super) struct LogEnds {
    ends: Mutex<BTreeMap<(String, i32), LogEnd>>,
    given_up: Mutex<Vec<TopicPartition>>,
}

#[derive(Deserialize)]
struct Statistics {
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    ls_offset: i64,
    next_offset: i64,
    fetchq_cnt: i64,
}

impl LogEnds {
    /// Takes the client's statistics; what cannot be read changes nothing.
    pub(super) fn take(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) else { return };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (topic, of) in statistics.topics {
            // Below 0 are what the client has not asked for, and its own partition -1.
            for p in of.partitions.into_values().filter(|p| p.partition >= 0 && p.ls_offset >= 0) {
                let read = p.next_offset >= p.ls_offset && p.fetchq_cnt == 0;
                ends.insert((topic.clone(), p.partition), LogEnd { end: p.ls_offset, read });
            }
        }
    }

    /// Notes that partitions went to another member.
    pub(super) fn give_up(&self, partitions: &[TopicPartition]) {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(partitions);
    }

    /// What went to another member since this was asked last.
    pub(super) fn given_up(&self) -> Vec<TopicPartition> {
        std::mem::take(&mut *self.given_up.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records from `next` on that the reader has not got yet. The last place of a partition is the mark that ends its last
    /// transaction: counted, it would stand for ever where the statistics were taken before the last batch.
    fn waiting(&self, partition: &TopicPartition, next: i64) -> u64 {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        match ends.get(&(partition.topic.as_ref().to_owned(), partition.partition)) {
            Some(end) if !end.read => u64::try_from(end.end - next - 1).unwrap_or(0),
            _ => 0,
        }
    }
}

/// How far a consumer is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset that follows the batch.
    pub next_offset: i64,
    /// Records whose effect is not there yet; as of the last statistics, which are two seconds old at most.
    pub behind: u64,
    /// When the oldest of them was appended, milliseconds since 1970; none when there is none.
    pub oldest_ms: Option<i64>,
    newest_ms: i64,
    waiting: u64,
}

impl Standing {
    /// As it is while the batch is under way.
    pub(super) fn before(batch: &Batch, ends: &LogEnds) -> Vec<Self> {
        let mut standings: BTreeMap<TopicPartition, Self> = BTreeMap::new();
        for record in &batch.records {
            let partition = record.topic_partition();
            let standing = standings.entry(partition.clone()).or_insert(Self {
                partition,
                next_offset: 0,
                behind: 0,
                oldest_ms: Some(record.timestamp_ms),
                newest_ms: record.timestamp_ms,
                waiting: 0,
            });
            standing.next_offset = record.offset + 1;
            standing.newest_ms = record.timestamp_ms;
            standing.behind += 1;
        }
        for standing in standings.values_mut() {
            standing.waiting = ends.waiting(&standing.partition, standing.next_offset);
            standing.behind += standing.waiting;
        }
        standings.into_values().collect()
    }

    /// As it is once the batch is applied: what waits is as old as the youngest applied record at most.
    #[must_use]
    pub fn applied(self) -> Self {
        let oldest_ms = (self.waiting > 0).then_some(self.newest_ms);
        Self { behind: self.waiting, oldest_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConsumedRecord;
    use super::*;

    fn statistics(ls_offset: i64, next_offset: i64, fetched: i64) -> Vec<u8> {
        format!(
            r#"{{"name":"x","topics":{{"t":{{"topic":"t","partitions":{{
                "-1":{{"partition":-1,"ls_offset":-1,"next_offset":0,"fetchq_cnt":0}},
                "2":{{"partition":2,"ls_offset":{ls_offset},"next_offset":{next_offset},"fetchq_cnt":{fetched}}}}}}}}}}}"#
        )
        .into_bytes()
    }

    fn batch(offsets: &[i64]) -> Batch {
        let record = |offset: &i64| ConsumedRecord {
            topic: "t".into(),
            partition: 2,
            offset: *offset,
            timestamp_ms: 1_000 + offset,
            key: None,
            payload: None,
            headers: Vec::new(),
        };
        Batch { records: offsets.iter().map(record).collect(), claims: BTreeMap::new() }
    }

    fn standing(statistics: &[u8], offsets: &[i64]) -> Standing {
        let ends = LogEnds::default();
        ends.take(statistics);
        Standing::before(&batch(offsets), &ends).remove(0)
    }

    #[test]
    fn a_partition_read_to_its_end_has_nothing_waiting_though_a_commit_mark_follows() {
        let before = standing(&statistics(8, 8, 0), &[5, 6]);
        assert_eq!((before.behind, before.oldest_ms, before.next_offset), (2, Some(1_005), 7));
        let applied = before.applied();
        assert_eq!((applied.behind, applied.oldest_ms), (0, None));
    }

    #[test]
    fn the_last_batch_leaves_nothing_waiting_though_the_statistics_are_from_before_it() {
        for statistics in [statistics(8, 8, 2), statistics(8, 6, 0)] {
            let applied = standing(&statistics, &[5, 6]).applied();
            assert_eq!((applied.behind, applied.oldest_ms), (0, None));
        }
    }

    #[test]
    fn what_is_fetched_and_not_handed_over_waits() {
        // 7 to 18; 19 is the mark.
        for statistics in [statistics(20, 20, 3), statistics(20, 9, 0)] {
            let applied = standing(&statistics, &[5, 6]).applied();
            assert_eq!((applied.behind, applied.oldest_ms), (12, Some(1_006)));
        }
    }

    #[test]
    fn statistics_older_than_the_batch_count_nothing_twice() {
        assert_eq!(standing(&statistics(4, 3, 0), &[5]).applied().behind, 0);
    }

    #[test]
    fn without_statistics_only_the_batch_is_behind() {
        assert_eq!(standing(b"no json", &[1, 2, 3]).behind, 3);
    }
}
