//! Positions of the consumer group, kept in the disclosure database with what was applied.

use async_trait::async_trait;
use event_log::{Claim, ClaimError, PositionStore, TopicPartition};
use sqlx::postgres::PgPool;
use std::sync::Arc;

/// The group's name under the topics' prefix.
pub(crate) fn group(prefix: &str) -> String {
    format!("{prefix}dispatcher")
}

/// Claims partitions in `consumer_position`.
#[derive(Clone, Debug)]
pub(crate) struct DisclosurePositions {
    pub(crate) pool: PgPool,
    pub(crate) group: Arc<str>,
}

#[async_trait]
impl PositionStore for DisclosurePositions {
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError> {
        let wanted: Vec<(String, i32)> =
            partitions.iter().map(|p| (p.topic.to_string(), p.partition)).collect();
        let stored = disclosure_store::claim_positions(&self.pool, &self.group, &wanted)
            .await
            .map_err(|error| ClaimError { reason: error.to_string() })?;
        Ok(stored
            .into_iter()
            .map(|p| Claim {
                partition: TopicPartition::new(p.topic, p.partition),
                next_offset: p.next_offset,
                owner_epoch: p.owner_epoch,
            })
            .collect())
    }
}
