//! What lanes send to: a topic or a sector's database.

use crate::agreements::InUse;
use crate::database::DatabaseReceiver;
use crate::plan::{Answers, Turn};
use crate::topic::TopicReceiver;
use disclosure_store::{DeliveryKey, Settlement};
use registry_rules::PersonId;

/// What became of the turns that were sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Outcomes.
    pub(crate) settled: Vec<Settlement>,
    /// Persons and releases that the receiver turned out not to have, and does not get.
    pub(crate) withdrawn: Vec<(PersonId, i64)>,
    /// Persons that the receiver does not take, with a reason code.
    pub(crate) refused: Vec<(DeliveryKey, String)>,
    /// How many of the delivered it had before.
    pub(crate) duplicates: usize,
}

/// Why nothing was received, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiverError {
    /// Not there, or not able to take anything now.
    #[error("the receiver does not take anything now: {0}")]
    Away(String),
    /// The sector's mapping does not fit the agreement.
    #[error("the sector's mapping does not fit: {0}")]
    Mapping(String),
    /// A younger instance sends on this lane.
    #[error("a younger instance sends on this lane")]
    Fenced,
}

/// A lane's receiver.
#[derive(Debug)]
pub(crate) enum Receiver {
    Topic(Box<TopicReceiver>),
    Database(Box<DatabaseReceiver>),
}

impl Receiver {
    /// Whether it can say which release it has.
    pub(crate) const fn answers(&self) -> Answers {
        match self {
            Self::Topic(_) => Answers::No,
            Self::Database(_) => Answers::Yes,
        }
    }

    /// Makes ready for the version and generation in force; cheap when nothing changed.
    pub(crate) async fn prepare(&mut self, in_use: &InUse) -> Result<(), ReceiverError> {
        match self {
            Self::Topic(topic) => topic.prepare(in_use).await,
            Self::Database(database) => database.prepare(in_use),
        }
    }

    /// Sends.
    pub(crate) async fn send(&mut self, turns: &[Turn]) -> Result<Received, ReceiverError> {
        match self {
            Self::Topic(topic) => topic.send(turns).await,
            Self::Database(database) => database.send(turns).await,
        }
    }

    /// Tells that everybody who may be held has been sent once.
    pub(crate) async fn complete(&mut self, in_use: &InUse) -> Result<(), ReceiverError> {
        match self {
            Self::Topic(topic) => topic.complete(in_use).await,
            Self::Database(_) => Ok(()),
        }
    }
}

/// The key of a turn's newest delivery.
pub(crate) fn key_of(turn: &Turn) -> DeliveryKey {
    DeliveryKey { reference: turn.newest.reference.clone(), release_no: turn.newest.release_no }
}
