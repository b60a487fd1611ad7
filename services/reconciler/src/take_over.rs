//! Where nothing of a registry is left, its days and rules, its ids and last words are in its own topics: read first, then the
//! sources' topics as in any first load (design §6, Restore).

use crate::reconciler::Reconciler;
use crate::take_over_present::PresentTaken;
use crate::whole_topic::WholeTopic;
use event_log::{KafkaConfig, ReadError, ReadTopicError, SchemaRegistry};
use registry_rules::{LinkEvent, PersonImage};
use registry_store::{
    StoreError, begin_recall, clear_derived, is_untouched, recall_anchors, recall_persons, take_over_links,
    take_over_persons,
};
use sqlx::PgConnection;

/// Why the topics could not be taken over. Nothing of them was.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// The registry has something already: its ids may be others.
    #[error("the registry is not empty: topics are taken over by a new one only")]
    NotEmpty,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Topic(#[from] ReadTopicError),
    /// A message.
    #[error("{topic}: {error}")]
    Message {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        error: ReadError,
    },
}

/// What was taken over, in messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Of `control`.
    pub present: PresentTaken,
    /// Of `registry.link`.
    pub links: u64,
    /// Of `registry.person`.
    pub persons: u64,
}

impl Reconciler {
    /// Begins an empty registry with the days and rules of `control`, the ids of `registry.link` and the last words of
    /// `registry.person`, in one transaction. The source topics follow when reconcilers start. `earlier`: texts of the rule
    /// sets that were in force beside the shipped one, the first one first; the log has their names only.
    pub async fn take_over(
        &self,
        kafka: &KafkaConfig,
        schemas: &SchemaRegistry,
        earlier: &[String],
    ) -> Result<TakenOver, TakeOverError> {
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        clear_derived(&mut transaction).await?;
        if !is_untouched(&mut transaction).await? {
            return Err(TakeOverError::NotEmpty);
        }
        let topics = &self.settings.topics;
        let present = self.take_over_present(&mut transaction, kafka, schemas, earlier).await?;
        let mut taken = TakenOver { present, ..TakenOver::default() };
        let topic = topics.registry_link();
        let mut messages: WholeTopic<LinkEvent> = WholeTopic::open(kafka, schemas, &topic);
        while let Some(page) = messages.page().await? {
            taken.links += page.len() as u64;
            take_over_links(&mut transaction, &topic, &page).await?;
        }
        let topic = topics.registry_person();
        let mut messages: WholeTopic<PersonImage> = WholeTopic::open(kafka, schemas, &topic);
        while let Some(page) = messages.page().await? {
            taken.persons += page.len() as u64;
            take_over_persons(&mut transaction, &topic, &page).await?;
        }
        recall(&mut transaction).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        self.forget_live();
        Ok(taken)
    }
}

async fn recall(connection: &mut PgConnection) -> Result<(), StoreError> {
    recall_anchors(connection).await?;
    recall_persons(connection).await?;
    begin_recall(connection).await
}
