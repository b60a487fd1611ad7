//! A member of a consumer group.

use super::demand::Demand;
use super::reader_thread::{ReaderThread, Work};
use super::standing::LogEnds;
use super::{Batch, Limits, PositionStore, Standing, TopicPartition};
use crate::KafkaConfig;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Batches that wait to be taken: one, asked for by somebody who was called away.
const WAITING_BATCHES: usize = 1;

/// Why a consumer gives no more batches. It has left its group; a new one may be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerError {
    /// The client refuses its settings. Exit 78.
    #[error("kafka: the client settings are refused: {reason}; see [kafka] and its properties")]
    Configuration {
        /// librdkafka's words.
        reason: String,
    },
    /// The log no longer has, or never had, what the store says comes next: records are missing. Not healed by trying again.
    #[error(
        "kafka: the stored position of a partition is outside what the log holds: {reason}; \
         restore the topic, or set the position in the service's database knowingly"
    )]
    PositionGone {
        /// librdkafka's words.
        reason: String,
    },
    /// The store answers for other partitions than asked. A fault of the store.
    #[error("the position store gave no claim for {0}")]
    Unclaimed(TopicPartition),
    /// The client can do no more.
    #[error("kafka: the consumer has failed: {reason}")]
    Failed {
        /// librdkafka's words.
        reason: String,
    },
}

/// What the handle tells the thread.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The consumer is no longer wanted.
    pub(super) closing: AtomicBool,
    /// Newest offsets to show to lag tools.
    pub(super) hints: Mutex<BTreeMap<TopicPartition, i64>>,
}

/// Member of a consumer group: begins each partition exactly where the [`PositionStore`] says.
///
/// Dropping it ends its thread and leaves the group within a second; [`GroupConsumer::close`] waits for that.
#[derive(Debug)]
pub struct GroupConsumer {
    batches: mpsc::Receiver<Result<Batch, ConsumerError>>,
    ended: Option<oneshot::Receiver<()>>,
    wishes: Arc<Wishes>,
    demand: Arc<Demand>,
    ends: Arc<LogEnds>,
    failure: Option<ConsumerError>,
}

impl GroupConsumer {
    /// Opens a member; the brokers need not answer yet. Must be called within a tokio runtime: claims run in it.
    pub async fn open(
        config: &KafkaConfig,
        group: &str,
        topics: &[Arc<str>],
        store: Arc<dyn PositionStore>,
        limits: Limits,
    ) -> Result<Self, ConsumerError> {
        let (hand_over, batches) = mpsc::channel(WAITING_BATCHES);
        let (ending, ended) = oneshot::channel();
        let (ready, opened) = oneshot::channel();
        let wishes = Arc::<Wishes>::default();
        let demand = Arc::<Demand>::default();
        let ends = Arc::<LogEnds>::default();
        let client = config.consumer(group);
        let topics = topics.to_vec();
        let runtime = tokio::runtime::Handle::current();
        let work = Work {
            runtime,
            store,
            limits,
            hand_over,
            wishes: Arc::clone(&wishes),
            demand: Arc::clone(&demand),
            ends: Arc::clone(&ends),
        };
        let run = move || {
            // Dropped last, when the client has left the group: by that the handle knows.
            let _ending: oneshot::Sender<()> = ending;
            // Nobody listening means that the opening was given up.
            match ReaderThread::open(&client, &topics, work) {
                Ok(mut thread) => {
                    if ready.send(Ok(())).is_ok() {
                        thread.run();
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(run)
            .map_err(|e| ConsumerError::Failed { reason: format!("no thread could be started: {e}") })?;
        opened.await.unwrap_or_else(|_| Err(ended_early()))?;
        Ok(Self { batches, ended: Some(ended), wishes, demand, ends, failure: None })
    }

    /// The next batch, never empty: all that has come since the last one was asked for, within the limits. Safe to drop
    /// midway: a batch is either given or still to come. An error is final: every later call gives it again.
    pub async fn next_batch(&mut self) -> Result<Batch, ConsumerError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = if let Ok(waiting) = self.batches.try_recv() {
            waiting
        } else {
            self.demand.ask();
            self.batches.recv().await.unwrap_or_else(|| Err(ended_early()))
        };
        if let Err(failure) = &result {
            self.failure = Some(failure.clone());
        }
        result
    }

    /// How far this member is behind in the partitions of a batch that it has handed over.
    pub fn standings(&self, batch: &Batch) -> Vec<Standing> {
        Standing::before(batch, &self.ends)
    }

    /// Partitions that went to another member since this was asked last.
    pub fn given_up(&self) -> Vec<TopicPartition> {
        self.ends.given_up()
    }

    /// Shows to lag tools how far the service has come. Nothing is ever read from there.
    pub fn commit_hint(&self, next_offsets: BTreeMap<TopicPartition, i64>) {
        self.wishes.hints.lock().unwrap_or_else(PoisonError::into_inner).extend(next_offsets);
    }

    /// Leaves the group; returns when the others may take over.
    pub async fn close(mut self) {
        if let Some(ended) = self.ended.take() {
            drop(self);
            // The sender is dropped, not used, when the thread ends.
            ended.await.ok();
        }
    }
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        self.wishes.closing.store(true, Ordering::Release);
        // Whoever waits to be asked sees that there is nobody.
        self.demand.ask();
    }
}

fn ended_early() -> ConsumerError {
    ConsumerError::Failed { reason: "its thread has ended".to_owned() }
}
