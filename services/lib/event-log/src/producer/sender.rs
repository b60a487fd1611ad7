//! Sends a batch and waits for its acknowledgements.

use super::MAX_RECORD_BYTES;
use super::deliveries::{Deliveries, Outcome};
use super::failure::{ProducerError, beyond_repair};
use super::polled::PolledProducer;
use crate::OutgoingRecord;
use crate::config::{KafkaConfig, MESSAGE_TIMEOUT_MS};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use std::time::{Duration, Instant};

/// Time for all acknowledgements of a batch: each comes or fails within the message timeout.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_millis(MESSAGE_TIMEOUT_MS as u64 + 10_000);
/// How long a full queue is left alone before it is tried again, at most.
const FULL_QUEUE_WAIT: Duration = Duration::from_millis(5);
/// After a failure the rest of the batch has this long to be acknowledged; it is not needed for correctness.
const FAILURE_SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// The client frees an acknowledged batch a moment after it has told us of it.
const SETTLE_STEP: Duration = Duration::from_micros(100);
/// After that long the client is left to settle by itself, at the price of its own 100 ms.
const SETTLE_LIMIT: Duration = Duration::from_millis(20);

/// Why a batch is not acknowledged as a whole.
#[derive(Debug)]
pub(super) enum Reason {
    /// A record is too large.
    TooLarge(usize),
    /// Another reason, in the client's words.
    Refused(KafkaError),
}

/// A batch that is not acknowledged as a whole.
#[derive(Debug)]
pub(super) struct SendFailure {
    /// Why.
    pub(super) reason: Reason,
    /// Whether all that was sent of it is acknowledged or refused: the client may be used again.
    pub(super) clean: bool,
}

/// A client together with what it is called at the broker.
pub(super) struct Sender {
    pub(super) producer: PolledProducer,
    pub(super) transactional_id: Option<String>,
}

impl Sender {
    pub(super) fn open(config: &KafkaConfig, transactional_id: Option<&str>) -> Result<Self, ProducerError> {
        let producer = PolledProducer::open(&config.producer(transactional_id))
            .map_err(|e| ProducerError::Configuration { reason: e.to_string() })?;
        Ok(Self { producer, transactional_id: transactional_id.map(str::to_owned) })
    }

    /// Refuses a batch with a record that no broker takes, before anything is sent.
    pub(super) fn check_sizes(records: &[OutgoingRecord]) -> Result<(), ProducerError> {
        match records.iter().position(|record| record.size() > MAX_RECORD_BYTES) {
            None => Ok(()),
            Some(index) => Err(ProducerError::TooLarge { index, limit: MAX_RECORD_BYTES }),
        }
    }

    /// Sends all records and returns when all are acknowledged, or at the first that is not.
    pub(super) fn send_all(&self, records: &[OutgoingRecord]) -> Result<(), SendFailure> {
        let deliveries = self.producer.client().context();
        let batch = deliveries.begin();
        for (index, record) in records.iter().enumerate() {
            if let Err(why) = self.enqueue(record, batch, index) {
                return Err(self.failed(why, index));
            }
        }
        match deliveries.wait(records.len(), ACKNOWLEDGEMENT_TIMEOUT) {
            Outcome::All => {
                self.settle();
                Ok(())
            }
            Outcome::Failed { index, code } => {
                Err(self.failed(reason(index, KafkaError::MessageProduction(code)), records.len()))
            }
            Outcome::TimedOut => {
                let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
                Err(SendFailure { reason: Reason::Refused(error), clean: false })
            }
        }
    }

    /// Lets what was sent before the failure settle. Records that an abort has to purge leave a gap in the client's
    /// sequence numbers, which the next transaction would stumble over.
    fn failed(&self, reason: Reason, sent: usize) -> SendFailure {
        let clean = self.producer.client().context().wait_settled(sent, FAILURE_SETTLE_LIMIT);
        self.settle();
        SendFailure { reason, clean }
    }

    fn enqueue(&self, record: &OutgoingRecord, batch: u32, index: usize) -> Result<(), Reason> {
        let deadline = Instant::now() + ACKNOWLEDGEMENT_TIMEOUT;
        let mut message = BaseRecord::with_opaque_to(&record.topic, Deliveries::ticket(batch, index));
        message.partition = record.partition;
        message.key = record.key.as_deref();
        message.payload = record.payload.as_deref();
        message.headers = headers(record);
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((error, unsent)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || Instant::now() >= deadline {
                        return Err(reason(index, error));
                    }
                    message = unsent;
                }
            }
            let deliveries = self.producer.client().context();
            // Any acknowledgement makes room.
            let outcome = deliveries.wait(deliveries.acknowledged() + 1, FULL_QUEUE_WAIT);
            if let Outcome::Failed { index, code } = outcome {
                return Err(reason(index, KafkaError::MessageProduction(code)));
            }
        }
    }

    /// Waits until the client has freed the acknowledged records: a commit before that costs its own flush 100 ms.
    fn settle(&self) {
        let deadline = Instant::now() + SETTLE_LIMIT;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            std::thread::sleep(SETTLE_STEP);
        }
    }

    pub(super) fn beyond_repair(&self, error: &KafkaError) -> ProducerError {
        beyond_repair(&self.producer, self.transactional_id.as_deref(), error)
    }

    /// Whether the client has met an error after which it takes nothing more.
    pub(super) fn is_dead(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }
}

fn reason(index: usize, error: KafkaError) -> Reason {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
        Reason::TooLarge(index)
    } else {
        Reason::Refused(error)
    }
}

fn headers(record: &OutgoingRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    Some(
        record.headers.iter().fold(empty, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value.as_slice()) })
        }),
    )
}
