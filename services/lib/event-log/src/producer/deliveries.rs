//! Counts the acknowledgements of a batch.
//!
//! The client's own `flush` notices that a batch is acknowledged up to 100 ms late; this notices at once.

use crate::client;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A batch and a record's place in it, as the client gives it back with each acknowledgement.
///
/// Acknowledgements of an aborted batch may come late; by its number they are told from those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    batch: u32,
    index: u32,
}

impl Ticket {
    fn to_word(self) -> usize {
        usize::try_from(u64::from(self.batch) << 32 | u64::from(self.index)).unwrap_or(usize::MAX)
    }

    fn from_word(word: usize) -> Self {
        let word = u64::try_from(word).unwrap_or(u64::MAX);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Self { batch: half(word >> 32), index: half(word) }
    }
}

#[derive(Debug, Default)]
struct Count {
    batch: u32,
    acknowledged: usize,
    refused: usize,
    /// Acknowledgements somebody waits for; reaching it wakes them.
    awaited: usize,
    failure: Option<(usize, RDKafkaErrorCode)>,
}

/// Context of a producer: counts acknowledgements and keeps the first failure.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    count: Mutex<Count>,
    changed: Condvar,
}

/// How a wait for acknowledgements ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As many as awaited.
    All,
    /// A record was refused.
    Failed {
        /// Its place in the batch.
        index: usize,
        /// Why.
        code: RDKafkaErrorCode,
    },
    /// Too few in the time given.
    TimedOut,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Count> {
        // The counts are whole at every step, so a panic elsewhere leaves nothing half done.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the last batch and numbers the next.
    pub(super) fn begin(&self) -> u32 {
        let mut count = self.lock();
        *count = Count { batch: count.batch.wrapping_add(1), ..Count::default() };
        count.batch
    }

    /// The mark that a record of the batch carries.
    pub(super) fn ticket(batch: u32, index: usize) -> usize {
        Ticket { batch, index: u32::try_from(index).unwrap_or(u32::MAX) }.to_word()
    }

    /// Acknowledgements so far.
    pub(super) fn acknowledged(&self) -> usize {
        self.lock().acknowledged
    }

    /// Waits until `sent` records are acknowledged or refused, or the time is over; tells which.
    pub(super) fn wait_settled(&self, sent: usize, limit: Duration) -> bool {
        let count = self.lock();
        let unsettled = |count: &mut Count| count.acknowledged + count.refused < sent;
        let waited = self.changed.wait_timeout_while(count, limit, unsettled);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Waits until `awaited` records of the batch are acknowledged, one is refused, or the time is over.
    pub(super) fn wait(&self, awaited: usize, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        let mut count = self.lock();
        count.awaited = awaited;
        loop {
            if let Some((index, code)) = count.failure {
                return Outcome::Failed { index, code };
            }
            if count.acknowledged >= awaited {
                return Outcome::All;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Outcome::TimedOut;
            }
            count = self.changed.wait_timeout(count, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }
    fn stats_raw(&self, _: &[u8]) {}
    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, word: usize) {
        let ticket = Ticket::from_word(word);
        let mut count = self.lock();
        if count.batch != ticket.batch {
            return;
        }
        match result {
            Ok(_) => count.acknowledged += 1,
            Err((error, _)) => {
                count.refused += 1;
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                let index = usize::try_from(ticket.index).unwrap_or(usize::MAX);
                count.failure.get_or_insert((index, code));
            }
        }
        // After a failure somebody may wait for the rest to settle.
        if count.failure.is_some() || count.awaited == 0 || count.acknowledged == count.awaited {
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_as_it_was() {
        for (batch, index) in [(0, 0), (7, 9_999), (u32::MAX, u32::MAX)] {
            let ticket = Ticket { batch, index };
            assert_eq!(Ticket::from_word(ticket.to_word()), ticket);
        }
    }

    #[test]
    fn a_new_batch_knows_nothing_of_the_last() {
        let deliveries = Deliveries::default();
        let first = deliveries.begin();
        assert_ne!(deliveries.begin(), first);
        assert_eq!(deliveries.wait(0, Duration::ZERO), Outcome::All);
        assert_eq!(deliveries.wait(1, Duration::from_millis(1)), Outcome::TimedOut);
    }
}
