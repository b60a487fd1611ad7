//! Reads a whole topic, and where topics end.

use crate::client::LoggingContext;
use crate::consumer::copy_message;
use crate::{ConsumedRecord, KafkaConfig};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One question to a broker.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence while reading: the brokers are away.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How often the silence is looked at.
const POLL: Duration = Duration::from_millis(200);

/// The topic could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadTopicError {
    /// The client refuses its settings. Exit 78.
    #[error("kafka: the client settings are refused: {reason}; see [kafka] and its properties")]
    Configuration {
        /// librdkafka's words.
        reason: String,
    },
    /// The brokers do not answer, or know no such topic. To be tried again.
    #[error("kafka: {topic} cannot be read: {reason}")]
    Unavailable {
        /// The topic.
        topic: String,
        /// librdkafka's words.
        reason: String,
    },
}

/// The newest payload of each key, read from the beginning to the end that the topic has now; tombstones remove their key.
/// Only committed records: those of a transaction still open when this begins are not seen, so open the transactional
/// producer (which ends its predecessor's) first.
pub async fn read_compacted(
    config: &KafkaConfig,
    topic: &str,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ReadTopicError> {
    read_whole(config, topic, BTreeMap::new(), |newest: &mut BTreeMap<_, _>, record| {
        let key = record.key.unwrap_or_default();
        match record.payload {
            Some(payload) => newest.insert(key.to_vec(), payload.to_vec()),
            None => newest.remove(key),
        };
    })
    .await
}

/// A record of a topic that is read whole.
#[derive(Clone, Copy)]
pub struct WholeRecord<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// When the log appended it, milliseconds since 1970; none where the broker does not say.
    pub appended_at_ms: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its payload; none: a tombstone.
    pub payload: Option<&'a [u8]>,
    message: &'a BorrowedMessage<'a>,
}

impl<'a> WholeRecord<'a> {
    fn of(message: &'a BorrowedMessage<'a>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            appended_at_ms: message.timestamp().to_millis(),
            key: message.key(),
            payload: message.payload(),
            message,
        }
    }

    /// All its headers, those too that no service of ours reads.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let headers = self.message.headers();
        headers.into_iter().flat_map(|all| all.iter()).map(|one| (one.key, one.value.unwrap_or_default()))
    }
}

impl std::fmt::Debug for WholeRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WholeRecord({}, ***)", self.partition)
    }
}

/// Folds all committed records of a topic, from the beginning to the end that it has now; in order within a partition.
pub async fn read_whole<T: Send + 'static>(
    config: &KafkaConfig,
    topic: &str,
    start: T,
    mut fold: impl FnMut(&mut T, WholeRecord<'_>) + Send + 'static,
) -> Result<T, ReadTopicError> {
    let (config, topic) = (config.clone(), topic.to_owned());
    blocking(topic.clone(), move || {
        Reading::open(&config, &topic)?.fold(start, |folded, message| fold(folded, WholeRecord::of(message)))
    })
    .await
}

/// Folds the committed records that come after `from` (an offset for each partition; one without begins at its first),
/// waiting for more at the end, until `fold` says that it has enough or the time is up. In order within a partition.
pub async fn read_on<T: Send + 'static>(
    config: &KafkaConfig,
    topic: &str,
    from: BTreeMap<i32, i64>,
    within: Duration,
    start: T,
    mut fold: impl FnMut(&mut T, WholeRecord<'_>) -> bool + Send + 'static,
) -> Result<T, ReadTopicError> {
    let (config, topic) = (config.clone(), topic.to_owned());
    blocking(topic.clone(), move || {
        let deadline = Instant::now() + within;
        let reading = Reading::open(&config, &topic)?;
        reading
            .assign(|partition| from.get(&partition).map_or(Offset::Beginning, |at| Offset::Offset(*at)))?;
        let mut folded = start;
        while Instant::now() < deadline {
            match reading.consumer.poll(POLL) {
                Some(Ok(message)) if fold(&mut folded, WholeRecord::of(&message)) => break,
                None | Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => return Err(reading.unavailable(error.to_string())),
            }
        }
        Ok(folded)
    })
    .await
}

/// As [`read_compacted`], with headers, place and time: for topics whose headers say what the payload does not.
pub async fn read_newest(
    config: &KafkaConfig,
    topic: &str,
) -> Result<BTreeMap<Vec<u8>, ConsumedRecord>, ReadTopicError> {
    let (config, topic) = (config.clone(), topic.to_owned());
    blocking(topic.clone(), move || {
        let topics: [Arc<str>; 1] = [topic.as_str().into()];
        Reading::open(&config, &topic)?.fold(BTreeMap::new(), |newest, message| {
            let key = message.key().unwrap_or_default();
            match message.payload() {
                Some(_) => newest.insert(key.to_vec(), copy_message(message, &topics)),
                None => newest.remove(key),
            };
        })
    })
    .await
}

/// The offset that follows the last committed record of each partition.
pub async fn end_offsets(config: &KafkaConfig, topic: &str) -> Result<BTreeMap<i32, i64>, ReadTopicError> {
    let (config, topic) = (config.clone(), topic.to_owned());
    blocking(topic.clone(), move || Reading::open(&config, &topic)?.ends()).await
}

/// The client's calls block, its dropping too.
async fn blocking<T: Send + 'static>(
    topic: String,
    work: impl FnOnce() -> Result<T, ReadTopicError> + Send + 'static,
) -> Result<T, ReadTopicError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(ReadTopicError::Unavailable { topic, reason: e.to_string() }))
}

struct Reading {
    consumer: BaseConsumer<LoggingContext>,
    topic: String,
    partitions: Vec<i32>,
}

impl Reading {
    fn open(config: &KafkaConfig, topic: &str) -> Result<Self, ReadTopicError> {
        let consumer = BaseConsumer::from_config_and_context(&config.reader(), LoggingContext)
            .map_err(|e| ReadTopicError::Configuration { reason: e.to_string() })?;
        let mut reading = Self { consumer, topic: topic.to_owned(), partitions: Vec::new() };
        let metadata = reading
            .consumer
            .fetch_metadata(Some(topic), ASK_TIMEOUT)
            .map_err(|e| reading.unavailable(e.to_string()))?;
        let found = metadata.topics().iter().find(|t| t.name() == topic);
        reading.partitions =
            found.into_iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect();
        if reading.partitions.is_empty() {
            return Err(reading.unavailable("the brokers know no such topic".to_owned()));
        }
        Ok(reading)
    }

    fn unavailable(&self, reason: String) -> ReadTopicError {
        ReadTopicError::Unavailable { topic: self.topic.clone(), reason }
    }

    fn ends(&self) -> Result<BTreeMap<i32, i64>, ReadTopicError> {
        let mut ends = BTreeMap::new();
        for partition in &self.partitions {
            let (_, end) = self
                .consumer
                .fetch_watermarks(&self.topic, *partition, ASK_TIMEOUT)
                .map_err(|e| self.unavailable(e.to_string()))?;
            ends.insert(*partition, end);
        }
        Ok(ends)
    }

    fn assign(&self, from: impl Fn(i32) -> Offset) -> Result<(), ReadTopicError> {
        let mut list = TopicPartitionList::new();
        for partition in &self.partitions {
            list.add_partition_offset(&self.topic, *partition, from(*partition))
                .map_err(|e| self.unavailable(e.to_string()))?;
        }
        self.consumer.assign(&list).map_err(|e| self.unavailable(e.to_string()))
    }

    fn fold<T>(
        &self,
        start: T,
        mut fold: impl FnMut(&mut T, &BorrowedMessage<'_>),
    ) -> Result<T, ReadTopicError> {
        self.assign(|_| Offset::Beginning)?;
        let mut folded = start;
        // A partition tells its end again whenever more has come after it.
        let mut unread: BTreeSet<i32> = self.partitions.iter().copied().collect();
        let mut heard = Instant::now();
        while !unread.is_empty() {
            match self.consumer.poll(POLL) {
                None if heard.elapsed() > SILENCE_LIMIT => {
                    return Err(self.unavailable("the brokers have fallen silent".to_owned()));
                }
                None => continue,
                Some(Ok(message)) => fold(&mut folded, &message),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                }
                Some(Err(error)) => return Err(self.unavailable(error.to_string())),
            }
            heard = Instant::now();
        }
        Ok(folded)
    }
}
