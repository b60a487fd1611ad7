//! How to reach the brokers, and the client settings every producer and consumer starts from.

use rdkafka::ClientConfig;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where the brokers are and how topics are made there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port[,host:port…]`.
    pub bootstrap: String,
    /// First part of every topic's name.
    #[serde(default = "topic_prefix")]
    pub topic_prefix: String,
    /// Partitions of topics that are made; existing ones keep theirs.
    #[serde(default = "partitions")]
    pub partitions: i32,
    /// Copies of topics that are made; 3 in production.
    #[serde(default = "replication")]
    pub replication: i32,
    /// More client settings by librdkafka's names (`security.protocol`, `sasl.*`, `ssl.*`); they win over ours.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

fn topic_prefix() -> String {
    "dansync.".to_owned()
}

const fn partitions() -> i32 {
    12
}

const fn replication() -> i32 {
    1
}

/// A Kafka transaction that stays open longer is aborted by the broker; longer than the worst batch takes.
pub(crate) const TRANSACTION_TIMEOUT_MS: u32 = 60_000;
/// A message not acknowledged by then fails its transaction; within the transaction's own time.
pub(crate) const MESSAGE_TIMEOUT_MS: u32 = 30_000;
/// Bytes a producer keeps unsent: several of the largest batches.
const PRODUCER_BUFFER_KIB: u32 = 65_536;
/// Bytes a consumer fetches ahead of its hand-over: two of the largest batches.
const FETCH_AHEAD_KIB: u32 = 16_384;
/// How long a silent instance keeps its partitions: the time a killed one's work waits.
const SESSION_TIMEOUT_MS: u32 = 10_000;
/// How often a consumer learns where its partitions end: what it shows as lag is as old as this at most.
const STATISTICS_MS: u32 = 2_000;

impl KafkaConfig {
    /// Everything at its default, for the given brokers.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            topic_prefix: topic_prefix(),
            partitions: partitions(),
            replication: replication(),
            properties: BTreeMap::new(),
        }
    }

    /// The topics' names under this prefix.
    pub fn topics(&self) -> crate::Topics {
        crate::Topics::new(&self.topic_prefix)
    }

    fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap);
        // Statistics nobody polls pile up without limit in the client's queue.
        client.set("statistics.interval.ms", "0");
        // Reconnects after a broker's restart are seen within a second.
        client.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "1000");
        for (name, value) in own {
            client.set(*name, *value);
        }
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }

    pub(crate) fn admin_client(&self) -> ClientConfig {
        self.client(&[])
    }

    pub(crate) fn producer(&self, transactional_id: Option<&str>) -> ClientConfig {
        let mut client = self.client(&[
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("compression.type", "lz4"),
            ("linger.ms", "1"),
            ("batch.size", "1000000"),
            ("message.max.bytes", &crate::MAX_RECORD_BYTES.to_string()),
            ("queue.buffering.max.kbytes", &PRODUCER_BUFFER_KIB.to_string()),
            ("queue.buffering.max.messages", "200000"),
            ("message.timeout.ms", &MESSAGE_TIMEOUT_MS.to_string()),
            ("partitioner", "murmur2_random"),
            ("retry.backoff.ms", "20"),
            ("retry.backoff.max.ms", "1000"),
        ]);
        if let Some(id) = transactional_id {
            client.set("transactional.id", id);
            client.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        }
        client
    }

    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        self.client(&[
            ("group.id", group),
            ("isolation.level", "read_committed"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // A stored position that is gone is a fault to be told, never a silent gap.
            ("auto.offset.reset", "error"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("statistics.interval.ms", &STATISTICS_MS.to_string()),
            ("session.timeout.ms", &SESSION_TIMEOUT_MS.to_string()),
            ("heartbeat.interval.ms", "2000"),
            // The default of 1000 makes the fetcher sleep a second whenever its queue is full.
            ("fetch.queue.backoff.ms", "10"),
            ("queued.max.messages.kbytes", &FETCH_AHEAD_KIB.to_string()),
            ("queued.min.messages", "10000"),
        ])
    }

    /// A consumer outside any group: reads what it is told to, to the end.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut client = self.consumer(&format!("{}reader.{}", self.topic_prefix, uuid::Uuid::new_v4()));
        client.set("enable.partition.eof", "true").set("statistics.interval.ms", "0");
        client
    }
}
