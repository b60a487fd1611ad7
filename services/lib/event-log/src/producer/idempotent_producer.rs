//! Single events that belong to no transaction: control, feedback.

use super::MAX_RECORD_BYTES;
use super::failure::ProducerError;
use super::sender::{Reason, SendFailure, Sender};
use super::thread::ProducerThread;
use crate::{KafkaConfig, OutgoingRecord};

/// Producer whose records are in the log at least once, and in order per partition. Clones share one client.
#[derive(Clone)]
pub struct IdempotentProducer {
    thread: ProducerThread,
}

impl std::fmt::Debug for IdempotentProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotentProducer").finish_non_exhaustive()
    }
}

impl IdempotentProducer {
    /// Opens the client; the brokers need not answer yet.
    pub async fn open(config: &KafkaConfig) -> Result<Self, ProducerError> {
        Ok(Self { thread: ProducerThread::start(config, None, |_| Ok(()), send).await? })
    }

    /// Returns when all records are acknowledged. After an error some of them may be in the log.
    pub async fn send(&self, records: Vec<OutgoingRecord>) -> Result<(), ProducerError> {
        self.thread.run(records).await
    }
}

fn send(sender: &Sender, records: &[OutgoingRecord]) -> Result<(), ProducerError> {
    Sender::check_sizes(records)?;
    let Err(SendFailure { reason, clean: _ }) = sender.send_all(records) else { return Ok(()) };
    match reason {
        Reason::TooLarge(index) => Err(ProducerError::TooLarge { index, limit: MAX_RECORD_BYTES }),
        Reason::Refused(error) if sender.is_dead() => Err(sender.beyond_repair(&error)),
        Reason::Refused(error) => Err(ProducerError::Retry { reason: error.to_string() }),
    }
}
