//! What a consumer hands over.

use super::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What one batch may hold, and how long it may be gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "each is a maximum, and says so where it is set")]
pub struct Limits {
    /// Records.
    pub max_records: usize,
    /// Bytes of keys, payloads and headers; a single larger record still makes a batch.
    pub max_bytes: usize,
    /// Time from the first record on. A batch is handed over earlier when nothing more is there and nobody is busy with
    /// the one before.
    pub max_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_records: 5_000, max_bytes: 8 * 1024 * 1024, max_wait: Duration::from_millis(20) }
    }
}

/// A record read from a topic. Its bytes are personal: `Debug` shows their lengths only.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// When the log appended it: received time, milliseconds since 1970. Zero where the broker does not say.
    pub timestamp_ms: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The payload; none is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// The headers named in [`crate::header_names`]; others are left out.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl ConsumedRecord {
    /// The partition it was read from.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: Arc::clone(&self.topic), partition: self.partition }
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn size(&self) -> usize {
        let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        bytes(&self.key) + bytes(&self.payload) + self.headers.iter().map(|(_, v)| v.len()).sum::<usize>()
    }
}

impl std::fmt::Debug for ConsumedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumedRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("key_bytes", &self.key.as_ref().map(Vec::len))
            .field("payload_bytes", &self.payload.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// Records in the order of each partition, and the owner epoch under which each partition was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records.
    pub records: Vec<ConsumedRecord>,
    /// Exactly the partitions that occur in the records. A partition whose stored epoch is another one has a new owner: its
    /// records are dropped, see [`Batch::drop_partition`].
    pub claims: BTreeMap<TopicPartition, i64>,
}

impl Batch {
    /// Leaves out a partition that has a new owner.
    pub fn drop_partition(&mut self, partition: &TopicPartition) {
        self.claims.remove(partition);
        self.records.retain(|r| r.partition != partition.partition || r.topic != partition.topic);
    }

    /// For each partition the offset that follows its last record: what is stored with the effects.
    pub fn next_offsets(&self) -> BTreeMap<TopicPartition, i64> {
        let mut next = BTreeMap::new();
        for record in &self.records {
            next.insert(record.topic_partition(), record.offset + 1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: i32, offset: i64) -> ConsumedRecord {
        ConsumedRecord {
            topic: "t".into(),
            partition,
            offset,
            timestamp_ms: 0,
            key: None,
            payload: Some(vec![1, 2]),
            headers: Vec::new(),
        }
    }

    #[test]
    fn a_partition_with_a_new_owner_is_left_out() {
        let (one, two) = (TopicPartition::new("t", 1), TopicPartition::new("t", 2));
        let mut batch = Batch {
            records: vec![record(1, 4), record(2, 9), record(1, 6)],
            claims: BTreeMap::from([(one.clone(), 3), (two.clone(), 5)]),
        };
        assert_eq!(batch.next_offsets(), BTreeMap::from([(one, 7), (two.clone(), 10)]));
        batch.drop_partition(&TopicPartition::new("t", 1));
        assert_eq!(batch.records, [record(2, 9)]);
        assert_eq!(batch.claims, BTreeMap::from([(two, 5)]));
    }
}
