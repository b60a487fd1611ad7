//! The step: a batch of answers into the inbox, in one transaction with the position.

use crate::positions::describe;
use crate::run::Shared;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use event_log::{
    Batch, ConsumedRecord, GroupConsumer, IdempotentProducer, Limits, MessageReader, Quarantined, ReadError,
    Standing, TopicPartition, UnknownFields,
};
use registry_rules::{Answer, RecordKey, RowKey, Version};
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::metrics::{ErrorType, Stage};
use service_runtime::{ExitClass, crash_point};
use sqlx::Acquire as _;
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One batch: a morning's answers of a province go by in a few, and a lone one does not wait.
const LIMITS: Limits =
    Limits { max_records: 500, max_bytes: 1024 * 1024, max_wait: Duration::from_millis(20) };

/// An answer with its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    pub(crate) answer: Answer,
    /// When the log had it.
    pub(crate) answered_at: DateTime<Utc>,
    partition: TopicPartition,
    offset: i64,
}

/// Reads and writes until the drain. When anything fails, all is given up, and what was not written is read again under a
/// new claim.
pub(crate) async fn bring(shared: Shared) -> anyhow::Result<()> {
    let topic = shared.kafka.topics().answers(&shared.inbox.source);
    let store = Arc::new(shared.positions.clone());
    let group = Arc::clone(&shared.positions.group);
    let mut consumer = GroupConsumer::open(&shared.kafka, &group, &[topic], store, LIMITS)
        .await
        .context("opening the consumer of the answers")?;
    // Nothing to read is no fault: an instance is ready when it could.
    shared.readiness.check("log").set(true);
    let reader = MessageReader::new(shared.schemas.clone(), UnknownFields::Stop);
    let mut step = Bring { reader, quarantine: None, shared: shared.clone() };
    while let Some(batch) = shared.drain.unless_requested(consumer.next_batch()).await {
        let mut batch = batch.context("reading the answers")?;
        for partition in consumer.given_up() {
            shared.metrics.lag.forget(&partition.topic, partition.partition);
        }
        let standings = consumer.standings(&batch);
        step.show_lag(&standings);
        if !step.batch(&mut batch).await? {
            break;
        }
        let next = batch.next_offsets();
        for (partition, offset) in &next {
            shared.metrics.lag.committed(&partition.topic, partition.partition, *offset);
        }
        consumer.commit_hint(next);
        step.show_lag(&standings.into_iter().map(Standing::applied).collect::<Vec<_>>());
    }
    consumer.close().await;
    Ok(())
}

struct Bring {
    shared: Shared,
    reader: MessageReader<Answer>,
    quarantine: Option<IdempotentProducer>,
}

impl Bring {
    /// Writes a batch, however often that takes; `false`: the drain came first.
    async fn batch(&mut self, batch: &mut Batch) -> anyhow::Result<bool> {
        let Some(answers) = self.read(batch).await? else { return Ok(false) };
        let ready = self.shared.readiness.check("source");
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        let mut one_by_one = false;
        loop {
            match self.write(batch, &answers, one_by_one).await {
                Ok(Written::All) => break,
                Ok(Written::Drained) => return Ok(false),
                // A value that the office's table does not take is found alone; the rest goes on.
                Err(error) if refuses_row(&error) && !one_by_one => one_by_one = true,
                Err(error) => {
                    ready.set(false);
                    self.shared.metrics.errors.count(Stage::Sending, ErrorType::Unavailable);
                    tracing::warn!(error = describe(&error), "answers are written again");
                    if !backoff.wait(&self.shared.drain).await {
                        return Ok(false);
                    }
                }
            }
        }
        ready.set(true);
        Ok(true)
    }

    /// Decodes a batch; none if the drain came while the schema registry or the quarantine was away.
    async fn read(&mut self, batch: &Batch) -> anyhow::Result<Option<Vec<Brought>>> {
        let mut answers = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            match self.decode(record).await? {
                Decoded::Answer(answer) => answers.push(Brought {
                    answer,
                    answered_at: DateTime::from_timestamp_millis(record.timestamp_ms).unwrap_or_default(),
                    partition: record.topic_partition(),
                    offset: record.offset,
                }),
                Decoded::Aside => {}
                Decoded::Drained => return Ok(None),
            }
        }
        Ok(Some(answers))
    }

    async fn decode(&mut self, record: &ConsumedRecord) -> anyhow::Result<Decoded> {
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        let error = loop {
            match self.reader.read(record).await {
                Ok(answer) => return Ok(Decoded::Answer(answer)),
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "a schema cannot be had; trying again");
                }
                Err(error) => break error,
            }
            if !backoff.wait(&self.shared.drain).await {
                return Ok(Decoded::Drained);
            }
        };
        // A writer newer than this program: what it says more must not be lost on the way.
        if matches!(error, ReadError::UnknownField { .. } | ReadError::Fingerprint { .. }) {
            return Err(error).context(ExitClass::Configuration);
        }
        tracing::error!(partition = record.partition, offset = record.offset, %error, "kept aside");
        self.shared.metrics.errors.count(Stage::Receiving, ErrorType::Decode);
        Ok(if self.keep_aside(record, "unreadable").await { Decoded::Aside } else { Decoded::Drained })
    }

    async fn write(
        &mut self,
        batch: &mut Batch,
        answers: &[Brought],
        one_by_one: bool,
    ) -> Result<Written, sqlx::Error> {
        let mut transaction = self.shared.pool.begin().await?;
        let next = self.shared.positions.fence(&mut transaction, &batch.claims).await?;
        let lost: Vec<_> = batch.claims.keys().filter(|p| !next.contains_key(*p)).cloned().collect();
        for partition in lost {
            tracing::info!(%partition, "has a new owner; its answers are left to it");
            self.shared.metrics.fenced.increment();
            batch.drop_partition(&partition);
        }
        // Below the stored position everything is written already.
        let new =
            answers.iter().filter(|one| next.get(&one.partition).is_some_and(|next| *next <= one.offset));
        let newest = fold(new);
        if one_by_one {
            for one in &newest {
                let Some(code) = self.write_one(&mut transaction, one).await? else { continue };
                tracing::error!(
                    code,
                    partition = one.partition.partition,
                    offset = one.offset,
                    "the inbox does not take an answer; it is kept aside"
                );
                self.shared.metrics.errors.count(Stage::Sending, ErrorType::Refused);
                let place = (one.partition.partition, one.offset);
                let record = batch.records.iter().find(|r| (r.partition, r.offset) == place).cloned();
                if let Some(record) = record
                    && !self.keep_aside(&record, &format!("sqlstate_{code}")).await
                {
                    return Ok(Written::Drained);
                }
            }
        } else if !newest.is_empty() {
            self.shared.statements.write(&mut transaction, &self.shared.inbox, &newest).await?;
        }
        self.shared.positions.advance(&mut transaction, &batch.next_offsets()).await?;
        crash_point!("inbox.before-commit");
        transaction.commit().await?;
        crash_point!("inbox.after-commit");
        for one in &newest {
            self.shared.metrics.brought(one.answer.outcome);
        }
        Ok(Written::All)
    }

    /// Writes one answer; the SQLSTATE where the table does not take it.
    async fn write_one(
        &self,
        connection: &mut PgConnection,
        one: &Brought,
    ) -> Result<Option<String>, sqlx::Error> {
        let mut savepoint = connection.begin().await?;
        match self.shared.statements.write(&mut savepoint, &self.shared.inbox, &[one]).await {
            Ok(()) => {
                savepoint.commit().await?;
                Ok(None)
            }
            Err(error) if refuses_row(&error) => {
                savepoint.rollback().await?;
                Ok(Some(code(&error).unwrap_or_default()))
            }
            Err(error) => Err(error),
        }
    }

    /// Puts an answer into quarantine, however often that takes; `false`: the drain came first.
    async fn keep_aside(&mut self, record: &ConsumedRecord, reason: &str) -> bool {
        let Some(row_key) = row_key(record, &self.shared.inbox.source) else { return true };
        let quarantined = Quarantined {
            source: self.shared.inbox.source.clone(),
            entity: "answer".to_owned(),
            row_key,
            version: Version { epoch: 0, position: record.offset.unsigned_abs(), ordinal: 0 },
            stage: "inbox".to_owned(),
            reasons: vec![reason.to_owned()],
            mapping_version: 0,
            failed_at: self.shared.clock.now(),
            row: record.payload.clone().unwrap_or_default(),
        };
        let sent = quarantined.into_record(&self.shared.kafka.topics().quarantine(), &record.topic);
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        loop {
            match self.send_aside(sent.clone()).await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(%error, "the quarantine does not take an answer");
                    self.quarantine = None;
                    if !backoff.wait(&self.shared.drain).await {
                        return false;
                    }
                }
            }
        }
    }

    async fn send_aside(
        &mut self,
        record: event_log::OutgoingRecord,
    ) -> Result<(), event_log::ProducerError> {
        let producer = match &mut self.quarantine {
            Some(producer) => producer,
            none => none.insert(IdempotentProducer::open(&self.shared.kafka).await?),
        };
        producer.send(vec![record]).await
    }

    fn show_lag(&self, standings: &[Standing]) {
        let now_ms = self.shared.clock.now().timestamp_millis();
        for s in standings {
            let partition = (&*s.partition.topic, s.partition.partition);
            self.shared.metrics.lag.show(partition, s.behind, s.oldest_ms, now_ms);
        }
    }
}

/// What a message was.
enum Decoded {
    Answer(Answer),
    /// None of ours: it is in quarantine.
    Aside,
    Drained,
}

/// How writing a batch ended.
enum Written {
    All,
    Drained,
}

/// The last answer of each key: a statement may not meet a row twice.
fn fold<'a>(answers: impl Iterator<Item = &'a Brought>) -> Vec<&'a Brought> {
    let mut newest: BTreeMap<(&str, &str, &str), &Brought> = BTreeMap::new();
    for one in answers {
        let answer = &one.answer;
        let field = answer.field.as_deref().unwrap_or_default();
        newest.insert((answer.record_key.as_str(), answer.outcome.as_str(), field), one);
    }
    newest.into_values().collect()
}

/// The row that an answer is about; where not even its key can be read, its place.
fn row_key(record: &ConsumedRecord, source: &str) -> Option<RowKey> {
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    let known = key.and_then(|key| RecordKey::try_from(key.to_owned()).ok()).map(|key| key.row());
    known.or_else(|| RowKey::new(source, "answer", &record.offset.to_string()).ok())
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Data exceptions and broken constraints are an answer's fault; everything else is the database's.
fn refuses_row(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
