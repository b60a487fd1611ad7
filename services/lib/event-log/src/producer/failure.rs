//! What a failed send means for its caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::polled::PolledProducer;

/// A batch that is not in the log, or a producer that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// The client refuses its settings. Exit 78.
    #[error("kafka: the client settings are refused: {reason}; see [kafka] and its properties")]
    Configuration {
        /// librdkafka's words.
        reason: String,
    },
    /// The transaction is aborted, nothing of it is visible; the same producer may send the batch again.
    #[error("kafka: the batch was aborted and may be sent again: {reason}")]
    Retry {
        /// librdkafka's words.
        reason: String,
    },
    /// Whether the batch is visible is not known, or the client is beyond repair: drop it, open it anew, read the positions
    /// again and go on from them.
    #[error("kafka: the producer has to be opened anew and its position read again: {reason}")]
    Rebuild {
        /// librdkafka's words.
        reason: String,
    },
    /// A younger producer has this transactional id: this instance is no longer the active one.
    #[error("kafka: a younger producer has taken over '{transactional_id}': this instance must stand back")]
    Fenced {
        /// The id.
        transactional_id: String,
    },
    /// One record is larger than the broker takes; nothing of the batch is visible.
    #[error(
        "kafka: record {index} of the batch is larger than {limit} bytes: quarantine it and send the others"
    )]
    TooLarge {
        /// Its place in the batch.
        index: usize,
        /// The limit.
        limit: usize,
    },
}

/// Whether a code says that a younger producer has the same transactional id.
const fn says_fenced(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

/// The error of a client that can do no more.
pub(super) fn beyond_repair(
    producer: &PolledProducer,
    transactional_id: Option<&str>,
    error: &KafkaError,
) -> ProducerError {
    let codes = [producer.client().fatal_error().map(|(code, _)| code), error.rdkafka_error_code()];
    match transactional_id {
        Some(id) if codes.into_iter().flatten().any(says_fenced) => {
            ProducerError::Fenced { transactional_id: id.to_owned() }
        }
        Some(_) | None => ProducerError::Rebuild { reason: error.to_string() },
    }
}
