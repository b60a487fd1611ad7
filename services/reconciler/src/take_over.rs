//! Where nothing of a registry is left, its ids and last words are in its own topics: read first, then the sources' topics
//! as in any first load (design §6, Restore).

use crate::reconciler::Reconciler;
use chrono::{DateTime, Utc};
use event_log::{
    KafkaConfig, Message, MessageReader, ReadError, ReadTopicError, SchemaRegistry, UnknownFields,
    header_names, read_whole,
};
use registry_rules::{LinkEvent, PersonImage};
use registry_store::{
    StoreError, begin_recall, clear_derived, is_untouched, recall_anchors, recall_persons, take_over_links,
    take_over_persons,
};
use sqlx::PgConnection;
use tokio::sync::mpsc;

/// Messages between the log and the database.
const QUEUE: usize = 4_096;
/// Messages that one statement takes over.
const PAGE: usize = 2_000;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Of `registry.link`.
    pub links: u64,
    /// Of `registry.person`.
    pub persons: u64,
}

/// A message on its way.
struct Raw {
    payload: Vec<u8>,
    fingerprint: Option<Vec<u8>>,
    at: DateTime<Utc>,
}

impl Reconciler {
    /// Begins an empty registry with the ids of `registry.link` and the last words of `registry.person`, in one
    /// transaction. The source topics follow when reconcilers start.
    pub async fn take_over(
        &self,
        kafka: &KafkaConfig,
        schemas: &SchemaRegistry,
    ) -> Result<TakenOver, TakeOverError> {
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        clear_derived(&mut transaction).await?;
        if !is_untouched(&mut transaction).await? {
            return Err(TakeOverError::NotEmpty);
        }
        let topics = &self.settings.topics;
        let mut taken = TakenOver::default();
        let topic = topics.registry_link();
        let mut reading: Reading<LinkEvent> = Reading::open(kafka, schemas, &topic);
        while let Some(page) = reading.page().await? {
            taken.links += page.len() as u64;
            take_over_links(&mut transaction, &topic, &page).await?;
        }
        let topic = topics.registry_person();
        let mut reading: Reading<PersonImage> = Reading::open(kafka, schemas, &topic);
        while let Some(page) = reading.page().await? {
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

type Reader = std::pin::Pin<Box<dyn Future<Output = Result<(), ReadTopicError>> + Send>>;

/// A topic from its beginning to the end that it has now, in pages.
struct Reading<T> {
    topic: String,
    log: Option<Reader>,
    queue: mpsc::Receiver<Raw>,
    reader: MessageReader<T>,
}

impl<T: Message> Reading<T> {
    fn open(kafka: &KafkaConfig, schemas: &SchemaRegistry, topic: &str) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (kafka, name) = (kafka.clone(), topic.to_owned());
        let log = async move {
            read_whole(&kafka, &name, (), move |(), record| {
                let Some(payload) = record.payload else { return };
                let mut headers = record.headers();
                let fingerprint = headers.find(|(name, _)| *name == header_names::SCHEMA_FINGERPRINT);
                let raw = Raw {
                    payload: payload.to_vec(),
                    fingerprint: fingerprint.map(|(_, value)| value.to_vec()),
                    at: record.appended_at_ms.and_then(DateTime::from_timestamp_millis).unwrap_or_default(),
                };
                // Nobody listens any more where taking over has failed; then nothing is kept.
                sender.blocking_send(raw).ok();
            })
            .await
        };
        let reader = MessageReader::new(schemas.clone(), UnknownFields::Stop);
        Self { topic: topic.to_owned(), log: Some(Box::pin(log)), queue, reader }
    }

    /// The next messages; none after the last.
    async fn page(&mut self) -> Result<Option<Vec<(T, DateTime<Utc>)>>, TakeOverError> {
        let mut raws = Vec::with_capacity(PAGE);
        while raws.len() < PAGE {
            let received = match &mut self.log {
                None => self.queue.recv_many(&mut raws, PAGE).await,
                Some(log) => tokio::select! {
                    biased;
                    received = self.queue.recv_many(&mut raws, PAGE) => received,
                    done = log => {
                        done?;
                        self.log = None;
                        continue;
                    }
                },
            };
            if received == 0 {
                if let Some(log) = self.log.take() {
                    log.await?;
                }
                break;
            }
        }
        if raws.is_empty() {
            return Ok(None);
        }
        let mut page = Vec::with_capacity(raws.len());
        for raw in raws {
            let read = self.reader.read_payload(&raw.payload, raw.fingerprint.as_deref()).await;
            let message =
                read.map_err(|error| TakeOverError::Message { topic: self.topic.clone(), error })?;
            page.push((message, raw.at));
        }
        Ok(Some(page))
    }
}
