//! Batches that are visible as a whole or not at all.

use super::MAX_RECORD_BYTES;
use super::failure::ProducerError;
use super::sender::{Reason, SendFailure, Sender};
use super::thread::ProducerThread;
use crate::config::TRANSACTION_TIMEOUT_MS;
use crate::{KafkaConfig, OutgoingRecord};
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use std::time::{Duration, Instant};

/// Time for opening, which waits for the broker to end the predecessor's open transaction.
const OPEN_TIMEOUT: Duration = Duration::from_mins(1);
/// Time for one call to commit or abort. What takes longer than the transaction may stay open has ended without us.
const END_TIMEOUT: Duration = Duration::from_millis(TRANSACTION_TIMEOUT_MS as u64);

/// Producer of Kafka transactions; the only one with its transactional id.
pub struct TransactionalProducer {
    thread: ProducerThread,
    /// A commit was given up midway: nobody here knows whether it is in the log.
    abandoned: bool,
}

impl std::fmt::Debug for TransactionalProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionalProducer").field("abandoned", &self.abandoned).finish_non_exhaustive()
    }
}

impl TransactionalProducer {
    /// Opens the producer and fences every older one with the same id: what they had open is aborted, and they can send
    /// nothing more. Positions read after this are final.
    pub async fn open(config: &KafkaConfig, transactional_id: &str) -> Result<Self, ProducerError> {
        let thread = ProducerThread::start(config, Some(transactional_id), fence_older, commit).await?;
        Ok(Self { thread, abandoned: false })
    }

    /// Sends a batch in one transaction and returns when it is visible. On [`ProducerError::Retry`] and
    /// [`ProducerError::TooLarge`] nothing is visible and the producer is usable; after every other error it is not.
    ///
    /// Dropping the future midway leaves the outcome unknown: the producer then answers [`ProducerError::Rebuild`].
    pub async fn commit(&mut self, records: Vec<OutgoingRecord>) -> Result<(), ProducerError> {
        if self.abandoned {
            return Err(ProducerError::Rebuild {
                reason: "an earlier commit was given up midway".to_owned(),
            });
        }
        self.abandoned = true;
        let result = self.thread.run(records).await;
        self.abandoned = false;
        result
    }
}

fn fence_older(sender: &Sender) -> Result<(), ProducerError> {
    sender.producer.init_transactions(OPEN_TIMEOUT).map_err(|error| sender.beyond_repair(&error))
}

fn commit(sender: &Sender, records: &[OutgoingRecord]) -> Result<(), ProducerError> {
    Sender::check_sizes(records)?;
    sender.producer.begin_transaction().map_err(|error| sender.beyond_repair(&error))?;
    let Err(SendFailure { reason, clean }) = sender.send_all(records) else { return end(sender) };
    abort(sender)?;
    match reason {
        Reason::Refused(error) if !clean => Err(ProducerError::Rebuild { reason: error.to_string() }),
        Reason::Refused(error) => Err(ProducerError::Retry { reason: error.to_string() }),
        Reason::TooLarge(_) if !clean => {
            Err(ProducerError::Rebuild { reason: "a record is too large".to_owned() })
        }
        Reason::TooLarge(index) => Err(ProducerError::TooLarge { index, limit: MAX_RECORD_BYTES }),
    }
}

/// Commits what is acknowledged. Only an answer that names the outcome lets this producer go on.
fn end(sender: &Sender) -> Result<(), ProducerError> {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        let Err(error) = sender.producer.commit_transaction(END_TIMEOUT) else { return Ok(()) };
        let KafkaError::Transaction(ended) = &error else { return Err(sender.beyond_repair(&error)) };
        if ended.txn_requires_abort() {
            abort(sender)?;
            return Err(ProducerError::Retry { reason: error.to_string() });
        }
        // A retriable commit continues the same commit; anything else is indefinite.
        if ended.is_fatal() || !ended.is_retriable() || Instant::now() >= deadline {
            return Err(sender.beyond_repair(&error));
        }
    }
}

fn abort(sender: &Sender) -> Result<(), ProducerError> {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        let Err(error) = sender.producer.abort_transaction(END_TIMEOUT) else { return Ok(()) };
        let again = matches!(&error, KafkaError::Transaction(e) if e.is_retriable() && !e.is_fatal());
        if !again || sender.is_dead() || Instant::now() >= deadline {
            return Err(sender.beyond_repair(&error));
        }
    }
}
