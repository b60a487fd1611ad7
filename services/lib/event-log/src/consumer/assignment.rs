//! Partitions given and taken by the group, and the claims on them.

use super::standing::LogEnds;
use super::{Claim, ConsumerError, TopicPartition};
use crate::client;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the group has decided and the thread has not acted upon yet.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Given: to be claimed, then assigned. There is at most one such step at a time: the client waits for the answer.
    pub(super) given: Option<Vec<TopicPartition>>,
    /// Taken: their records are no longer ours to hand over.
    pub(super) taken: Vec<TopicPartition>,
    /// The consumer is closing: what is given is answered at once and never read.
    pub(super) closing: bool,
}

/// Context of the client: notes what the group decides. Runs on the polling thread and must not block it.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    decided: Mutex<Decided>,
    ends: Arc<LogEnds>,
}

impl Assignment {
    pub(super) fn new(ends: Arc<LogEnds>) -> Self {
        Self { decided: Mutex::default(), ends }
    }

    pub(super) fn decided(&self) -> MutexGuard<'_, Decided> {
        // Each change is whole, so a panic elsewhere leaves nothing half done.
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Assignment {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }
    fn stats_raw(&self, statistics: &[u8]) {
        self.ends.take(statistics);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
    }
}

impl ConsumerContext for Assignment {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = partitions_of(list);
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let mut decided = self.decided();
            if decided.closing {
                answer_unread(consumer, &partitions);
            } else {
                decided.given.get_or_insert_default().extend(partitions);
            }
        } else {
            self.decided().taken.extend(partitions);
            if let Err(error) = consumer.incremental_unassign(list) {
                tracing::warn!(%error, "partitions could not be given back");
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets for lag tools were not taken");
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|e| TopicPartition::new(e.topic(), e.partition())).collect()
}

/// Answers the group without reading: the client waits for an answer before it can leave.
pub(super) fn answer_unread(consumer: &BaseConsumer<Assignment>, partitions: &[TopicPartition]) {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    if let Err(error) = consumer.incremental_assign(&list) {
        tracing::debug!(%error, "partitions given while leaving were not answered");
    }
}

/// Starts reading the partitions at their claims' offsets; gives the owner epochs.
pub(super) fn assign(
    consumer: &BaseConsumer<Assignment>,
    partitions: &[TopicPartition],
    claims: Vec<Claim>,
) -> Result<BTreeMap<TopicPartition, i64>, ConsumerError> {
    let failed = |error: KafkaError| ConsumerError::Failed { reason: error.to_string() };
    let claims: BTreeMap<TopicPartition, Claim> =
        claims.into_iter().map(|c| (c.partition.clone(), c)).collect();
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    let mut epochs = BTreeMap::new();
    for partition in partitions {
        let claim = claims.get(partition).ok_or_else(|| ConsumerError::Unclaimed(partition.clone()))?;
        let offset = claim.next_offset.map_or(Offset::Beginning, Offset::Offset);
        list.add_partition_offset(&partition.topic, partition.partition, offset).map_err(failed)?;
        epochs.insert(partition.clone(), claim.owner_epoch);
    }
    consumer.incremental_assign(&list).map_err(failed)?;
    Ok(epochs)
}
