//! One Kafka transaction in flight while the next batch is made.

use crate::halt::Halt;
use crate::measure::Measures;
use event_log::{OutgoingRecord, ProducerError, TransactionalProducer};
use futures_util::future::BoxFuture;
use service_runtime::crash_point;
use std::collections::BTreeMap;
use std::sync::Arc;

type Commit = BoxFuture<'static, (TransactionalProducer, Result<(), ProducerError>)>;

/// The way into the log.
pub(crate) struct Outbox {
    producer: Option<TransactionalProducer>,
    in_flight: Option<Commit>,
    topics: BTreeMap<Arc<str>, u64>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("busy", &self.in_flight.is_some()).finish_non_exhaustive()
    }
}

impl Outbox {
    pub(crate) const fn new(producer: TransactionalProducer) -> Self {
        Self { producer: Some(producer), in_flight: None, topics: BTreeMap::new() }
    }

    /// Starts to commit a batch; the one before must be done.
    pub(crate) fn start(&mut self, records: Vec<OutgoingRecord>) -> Result<(), Halt> {
        let Some(mut producer) = self.producer.take() else {
            return Err(Halt::lost("the transaction before this one has no outcome yet"));
        };
        for record in &records {
            match self.topics.get_mut(&record.topic) {
                Some(count) => *count += 1,
                None => {
                    self.topics.insert(Arc::clone(&record.topic), 1);
                }
            }
        }
        self.in_flight = Some(Box::pin(async move {
            crash_point!("capture.before-kafka-commit");
            let result = producer.commit(records).await;
            (producer, result)
        }));
        Ok(())
    }

    pub(crate) const fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The outcome of the batch in flight; waits for ever without one. Safe to drop while waiting.
    pub(crate) async fn done(&mut self, measures: &Measures) -> Result<(), Halt> {
        let Some(commit) = &mut self.in_flight else { return std::future::pending().await };
        let (producer, result) = commit.await;
        self.in_flight = None;
        self.producer = Some(producer);
        if let Err(error) = result {
            measures.error("publish", "kafka");
            return Err(error.into());
        }
        crash_point!("capture.after-kafka-commit");
        for (topic, count) in &mut self.topics {
            measures.produced(topic, std::mem::take(count));
        }
        Ok(())
    }

    /// Waits for the batch in flight, if there is one.
    pub(crate) async fn settle(&mut self, measures: &Measures) -> Result<(), Halt> {
        if self.is_busy() { self.done(measures).await } else { Ok(()) }
    }

    /// Commits a batch and waits for it.
    pub(crate) async fn commit(
        &mut self,
        records: Vec<OutgoingRecord>,
        measures: &Measures,
    ) -> Result<(), Halt> {
        self.settle(measures).await?;
        self.start(records)?;
        self.done(measures).await
    }
}
