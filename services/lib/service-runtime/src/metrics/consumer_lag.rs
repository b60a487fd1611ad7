//! How far a consumer of the log is behind, as metrics: the same three gauges in every service that consumes.

use super::{Gauges, Label, LabelSets, Metrics, catalogue};
use std::time::Duration;

/// The gauges of one consumer group.
#[derive(Debug, Clone)]
pub struct ConsumerLag {
    group: Label,
    records: Gauges<3>,
    seconds: Gauges<3>,
    committed: Gauges<3>,
}

impl ConsumerLag {
    /// Partitions appear when the group gives them.
    pub fn new(metrics: &Metrics, group: &str) -> Self {
        Self {
            group: Label::id(group),
            records: metrics.gauges(&catalogue::CONSUMER_LAG, LabelSets::none()),
            seconds: metrics.gauges(&catalogue::CONSUMER_LAG_SECONDS, LabelSets::none()),
            committed: metrics.gauges(&catalogue::CONSUMER_COMMITTED_OFFSET, LabelSets::none()),
        }
    }

    /// Shows how many records wait in a partition, and for how long the oldest of them; times in milliseconds since 1970.
    pub fn show(&self, (topic, partition): (&str, i32), behind: u64, oldest_ms: Option<i64>, now_ms: i64) {
        let age = oldest_ms.and_then(|oldest| u64::try_from(now_ms - oldest).ok()).unwrap_or(0);
        self.records.with(self.labels(topic, partition)).set_count(behind);
        self.seconds.with(self.labels(topic, partition)).set_duration(Duration::from_millis(age));
    }

    /// Shows a partition no longer that went to another instance.
    pub fn forget(&self, topic: &str, partition: i32) {
        for family in [&self.records, &self.seconds, &self.committed] {
            family.forget(self.labels(topic, partition));
        }
    }

    /// Shows the offset that follows the last applied record.
    pub fn committed(&self, topic: &str, partition: i32, next_offset: i64) {
        self.committed.with(self.labels(topic, partition)).set_count(next_offset.unsigned_abs());
    }

    fn labels(&self, topic: &str, partition: i32) -> [Label; 3] {
        [self.group.clone(), Label::id(topic), Label::from(partition)]
    }
}
