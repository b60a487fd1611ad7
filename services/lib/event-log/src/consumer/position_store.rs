//! Where a consumer's positions live: with their effects, in the service's database.

use async_trait::async_trait;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A partition taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset not yet taken into effect; none where nothing of the partition ever was: reading then begins with
    /// the oldest record that there is.
    pub next_offset: Option<i64>,
    /// Rises with every claim: a transaction of an earlier owner finds another epoch and gives up.
    pub owner_epoch: i64,
}

/// The store cannot answer; the claim is tried again.
#[derive(Debug, thiserror::Error)]
#[error("positions cannot be claimed: {reason}")]
pub struct ClaimError {
    /// Why, without values.
    pub reason: String,
}

/// Keeps the next offset of each partition together with the effects of what came before it.
#[async_trait]
pub trait PositionStore: Send + Sync {
    /// Takes the partitions over: raises each one's owner epoch and answers with its position, for all of them. It waits
    /// for a predecessor's transaction on the same rows, so the position is final.
    ///
    /// Runs on the consumer's thread through the runtime the consumer was opened in; it may be called again for the same
    /// partitions when an earlier call failed or took too long.
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError>;
}
