//! A topic from its beginning to its end, decoded, in pages.

use crate::take_over::TakeOverError;
use chrono::{DateTime, Utc};
use event_log::{
    KafkaConfig, Message, MessageReader, ReadTopicError, SchemaRegistry, UnknownFields, header_names,
    read_whole,
};
use tokio::sync::mpsc;

/// Messages between the log and the database.
const QUEUE: usize = 4_096;
/// Messages that one statement takes over.
const PAGE: usize = 2_000;

/// A message on its way.
struct Raw {
    payload: Vec<u8>,
    fingerprint: Option<Vec<u8>>,
    next_offset: i64,
    at: DateTime<Utc>,
}

type Reader = std::pin::Pin<Box<dyn Future<Output = Result<(), ReadTopicError>> + Send>>;

/// A topic from its beginning to the end that it has now, in pages.
pub(crate) struct WholeTopic<T> {
    topic: String,
    log: Option<Reader>,
    queue: mpsc::Receiver<Raw>,
    reader: MessageReader<T>,
    next_offset: i64,
}

impl<T: Message> WholeTopic<T> {
    pub(crate) fn open(kafka: &KafkaConfig, schemas: &SchemaRegistry, topic: &str) -> Self {
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
                    next_offset: record.offset.saturating_add(1),
                    at: record.appended_at_ms.and_then(DateTime::from_timestamp_millis).unwrap_or_default(),
                };
                // Nobody listens any more where taking over has failed; then nothing is kept.
                sender.blocking_send(raw).ok();
            })
            .await
        };
        let reader = MessageReader::new(schemas.clone(), UnknownFields::Stop);
        Self { topic: topic.to_owned(), log: Some(Box::pin(log)), queue, reader, next_offset: 0 }
    }

    /// The next messages; none after the last.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<(T, DateTime<Utc>)>>, TakeOverError> {
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
            self.next_offset = self.next_offset.max(raw.next_offset);
        }
        Ok(Some(page))
    }

    /// The offset after the last message that a page gave, of a topic with one partition.
    pub(crate) const fn next_offset(&self) -> i64 {
        self.next_offset
    }
}
