//! Batches from the log, decoded and applied, in the order of each partition.

use crate::apply::Applied;
use crate::incoming::{Body, Incoming, IncomingMessage};
use crate::reporter::refusal;
use crate::run::Shared;
use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_log::{
    Batch, Claim, ClaimError, ConsumedRecord, ConsumerError, ControlEvent, GroupConsumer, Limits, Message,
    MessageReader, PositionStore, ReadError, SourceMessage, Standing, TopicPartition, UnknownFields,
    header_names, split_wire_header,
};
use registry_rules::{ErrorReport, FEEDBACK, SourceRecord, refused_record};
use registry_store::{Received, claim_positions};
use service_runtime::ExitClass;
use service_runtime::backoff::{Backoff, Policy};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// Longest key that is indexed; longer ones are no key of any office.
const MAX_KEY_BYTES: usize = 1_000;
/// Transactions under way at once while the first load keeps, each with partitions of its own: none waits for another, and
/// while one waits for its statements the other computes. Later there is one: two would wait for each other's keys.
const LOADING_LANES: usize = 2;
/// Decoded batches that wait before a lane of the first load. A fetch brings long runs of one partition: with fewer, one lane
/// would starve while the other is full.
const WAITING: usize = 2;
/// How often a batch that waits for the first load looks again.
const LOADING_POLL: Duration = Duration::from_millis(100);

/// A lane's part of a batch, and how far behind its partitions were when it was read.
#[derive(Debug)]
struct Part {
    batch: Incoming,
    standings: Vec<Standing>,
}

/// Positions in the registry.
#[derive(Debug)]
struct RegistryPositions {
    pool: PgPool,
    group: String,
}

#[async_trait]
impl PositionStore for RegistryPositions {
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError> {
        let failed = |error: registry_store::StoreError| ClaimError { reason: error.to_string() };
        let wanted: Vec<_> = partitions.iter().map(|p| (Arc::clone(&p.topic), p.partition)).collect();
        let mut connection = self.pool.acquire().await.map_err(|error| failed(error.into()))?;
        let claimed = claim_positions(&mut connection, &self.group, &wanted).await.map_err(failed)?;
        let claims = claimed.into_iter().map(|row| Claim {
            partition: TopicPartition::new(row.topic, row.partition),
            next_offset: row.next_offset,
            owner_epoch: row.owner_epoch,
        });
        Ok(claims.collect())
    }
}

/// Reads and applies until the drain. When anything fails, all is given up, and what was not applied is read again under a
/// new claim.
pub(crate) async fn consume(shared: Shared) -> anyhow::Result<()> {
    let mut topics: Vec<Arc<str>> =
        shared.source_of_topic.keys().map(|topic| topic.as_str().into()).collect();
    topics.push(shared.kafka.topics().control());
    let group = shared.group.clone();
    let store = Arc::new(RegistryPositions { pool: shared.pool.clone(), group: group.clone() });
    let limits = Limits {
        max_records: shared.batch.max_records,
        max_bytes: shared.batch.max_bytes.as_usize(),
        max_wait: shared.batch.max_wait.get(),
    };
    let consumer = GroupConsumer::open(&shared.kafka, &group, &topics, store, limits).await?;
    let mut log = Log {
        consumer,
        sources: MessageReader::new(shared.schemas.clone(), UnknownFields::Stop),
        reports: MessageReader::new(shared.schemas.clone(), UnknownFields::Stop),
        control: MessageReader::new(shared.schemas.clone(), UnknownFields::Stop),
    };
    if load(&shared, &mut log).await? {
        follow(&shared, &mut log).await?;
    }
    log.consumer.close().await;
    Ok(())
}

/// Until the first load is over: reading, decoding and each lane go on at the same time. `false`: the drain came first.
async fn load(shared: &Shared, log: &mut Log) -> anyhow::Result<bool> {
    let applied = Positions::default();
    let (lanes, parts): (Vec<_>, Vec<_>) = (0..LOADING_LANES).map(|_| mpsc::channel(WAITING)).unzip();
    let applying = parts.into_iter().map(|parts| apply_all(shared, parts, &applied));
    let applying = futures_util::future::try_join_all(applying);
    let reading = read_all(shared, log, lanes, &applied);
    // Both end: nothing is under way when the work goes on in another way.
    let (goes_on, _) = Box::pin(async { tokio::try_join!(reading, applying) }).await?;
    log.consumer.commit_hint(applied.take());
    Ok(goes_on)
}

/// After it: one batch after another. What comes meanwhile gathers before the consumer and goes together.
async fn follow(shared: &Shared, log: &mut Log) -> anyhow::Result<()> {
    while let Some(batch) = shared.drain.unless_requested(log.consumer.next_batch()).await {
        let Some(part) = log.part(shared, batch).await? else { break };
        shared.log.begin();
        let applied = apply_part(shared, part).await;
        shared.log.end();
        let Some(positions) = applied? else { break };
        log.consumer.commit_hint(positions);
    }
    Ok(())
}

/// Next offsets of what was applied since the last time they were shown to lag tools.
#[derive(Debug, Default)]
struct Positions {
    next: Mutex<BTreeMap<TopicPartition, i64>>,
    changed: Notify,
}

impl Positions {
    fn add(&self, next: BTreeMap<TopicPartition, i64>) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(next);
        self.changed.notify_one();
    }

    fn take(&self) -> BTreeMap<TopicPartition, i64> {
        std::mem::take(&mut self.next.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Decodes batches and gives each lane its part. `true`: the first load is over and takes its lanes with it; else the drain.
async fn read_all(
    shared: &Shared,
    log: &mut Log,
    lanes: Vec<mpsc::Sender<Part>>,
    applied: &Positions,
) -> anyhow::Result<bool> {
    // Nothing to read is no fault: an instance is ready when it could.
    shared.readiness.check("log").set(true);
    while !shared.reconciler.is_live() {
        let batch = tokio::select! {
            batch = shared.drain.unless_requested(log.consumer.next_batch()) => batch,
            () = applied.changed.notified() => {
                log.consumer.commit_hint(applied.take());
                continue;
            }
        };
        let Some(batch) = batch else { return Ok(false) };
        let Some(Part { batch, mut standings }) = log.part(shared, batch).await? else { return Ok(false) };
        for (lane, batch) in lanes.iter().zip(batch.split(lanes.len())) {
            let is_own = |s: &mut Standing| {
                batch.claims.contains_key(&(Arc::clone(&s.partition.topic), s.partition.partition))
            };
            let standings = standings.extract_if(.., is_own).collect();
            // A lane that is gone has had its last word: the drain, or an error that ends this as well.
            if !batch.messages.is_empty() && lane.send(Part { batch, standings }).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Applies the batches of a lane, one after another.
async fn apply_all(
    shared: &Shared,
    mut parts: mpsc::Receiver<Part>,
    applied: &Positions,
) -> anyhow::Result<()> {
    while let Some(part) = parts.recv().await {
        let Some(positions) = apply_part(shared, part).await? else { break };
        applied.add(positions);
    }
    Ok(())
}

/// Applies a batch and shows how far that has brought its partitions; none if the drain came first.
async fn apply_part(
    shared: &Shared,
    Part { batch, standings }: Part,
) -> anyhow::Result<Option<BTreeMap<TopicPartition, i64>>> {
    let Some(positions) = apply(shared, &batch).await? else { return Ok(None) };
    for (partition, next) in &positions {
        shared.metrics.committed(partition, *next);
    }
    let standings: Vec<Standing> = standings.into_iter().map(Standing::applied).collect();
    shared.metrics.behind(&standings, shared.clock.now());
    Ok(Some(positions))
}

/// Applies a batch, again and again if need be; none if the drain came first.
async fn apply(
    shared: &Shared,
    incoming: &Incoming,
) -> anyhow::Result<Option<BTreeMap<TopicPartition, i64>>> {
    loop {
        let began = Instant::now();
        let Some(applied) = shared.steadily(|| shared.reconciler.apply(incoming)).await? else {
            return Ok(None);
        };
        match applied {
            Applied::Done(summary) => {
                shared.metrics.applied(&summary, began.elapsed(), |topic| shared.source_of(topic));
                if summary.more_to_do {
                    shared.wake.notify_one();
                }
                let positions = summary.positions.into_iter();
                return Ok(Some(
                    positions.map(|((topic, n), next)| (TopicPartition::new(topic, n), next)).collect(),
                ));
            }
            Applied::Loading(stage) => {
                tracing::debug!(?stage, "the first load goes on before more is read");
                let waited = shared
                    .drain
                    .unless_requested(tokio::time::timeout(LOADING_POLL, shared.loaded.notified()));
                if waited.await.is_none() {
                    return Ok(None);
                }
            }
        }
    }
}

/// The log: who reads it, and a decoder for each kind of message.
#[derive(Debug)]
struct Log {
    consumer: GroupConsumer,
    sources: MessageReader<SourceMessage>,
    reports: MessageReader<ErrorReport>,
    control: MessageReader<ControlEvent>,
}

impl Log {
    /// A batch that the consumer gave, decoded; none if the drain came while the schema registry was away. Whoever gives this
    /// up midway loses the batch, and must not apply a later one.
    async fn part(
        &mut self,
        shared: &Shared,
        batch: Result<Batch, ConsumerError>,
    ) -> anyhow::Result<Option<Part>> {
        shared.readiness.check("log").set(batch.is_ok());
        let batch = batch?;
        let standings = self.consumer.standings(&batch);
        shared.metrics.given_up(&self.consumer.given_up());
        shared.metrics.behind(&standings, shared.clock.now());
        let batch = self.decode(shared, batch).await?;
        Ok(batch.map(|batch| Part { batch, standings }))
    }

    async fn decode(&mut self, shared: &Shared, batch: Batch) -> anyhow::Result<Option<Incoming>> {
        let mut messages = Vec::with_capacity(batch.records.len());
        for record in batch.records {
            let source = shared.source_of_topic.get(&*record.topic).cloned();
            let Some(body) = self.body(shared, source.as_deref(), &record).await? else { return Ok(None) };
            messages.push(IncomingMessage {
                source: source.unwrap_or_else(|| "".into()),
                topic: record.topic,
                partition: record.partition,
                offset: record.offset,
                received_at: received_at(record.timestamp_ms),
                body,
            });
        }
        let claims = batch.claims.into_iter().map(|(p, epoch)| ((p.topic, p.partition), epoch)).collect();
        Ok(Some(Incoming { messages, claims }))
    }

    /// Decodes a message; none if the drain came while the schema registry was away.
    async fn body(
        &mut self,
        shared: &Shared,
        source: Option<&str>,
        record: &ConsumedRecord,
    ) -> anyhow::Result<Option<Body>> {
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        loop {
            let read = match source {
                None => self.control.read(record).await.map(Body::Control),
                Some(FEEDBACK) => match self.reports.read(record).await {
                    Ok(report) => return report_body(shared, &report, record).await,
                    Err(error) => Err(error),
                },
                Some(_) => self.sources.read(record).await.map(|message| source_body(message, record)),
            };
            let error = match read {
                Ok(body) => return Ok(Some(body)),
                Err(error) if error.is_transient() => error,
                Err(error) => return not_readable(error, record).map(Some),
            };
            tracing::warn!(%error, "a schema cannot be had; trying again");
            if !backoff.wait(&shared.drain).await {
                return Ok(None);
            }
        }
    }
}

fn received_at(timestamp_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(timestamp_ms).unwrap_or_default()
}

/// A message that is none goes aside; a writer newer than this program, or a registry made anew, stops the service.
fn not_readable(error: ReadError, record: &ConsumedRecord) -> anyhow::Result<Body> {
    match error {
        ReadError::Tombstone | ReadError::Wire(_) | ReadError::Decode(_) | ReadError::Unresolvable { .. } => {
            tracing::error!(topic = &*record.topic, partition = record.partition, offset = record.offset, %error, "kept aside");
            Ok(aside(error.to_string(), record))
        }
        ReadError::Registry(_) | ReadError::Fingerprint { .. } | ReadError::UnknownField { .. } => {
            Err(anyhow::Error::new(error).context(ExitClass::Configuration))
        }
    }
}

fn aside(reason: String, record: &ConsumedRecord) -> Body {
    Body::Unreadable { reason, key: record.key.clone(), payload: record.payload.clone() }
}

fn source_body(message: SourceMessage, record: &ConsumedRecord) -> Body {
    match message {
        SourceMessage::Record(source_record) => match received(source_record, record) {
            Ok(received) => Body::Record(received),
            Err(error) => aside(error.to_string(), record),
        },
        mark @ (SourceMessage::Marker(_)
        | SourceMessage::SnapshotBegin(_)
        | SourceMessage::SnapshotEnd(_)
        | SourceMessage::Fence(_)) => Body::Mark(mark),
    }
}

/// A report is kept as the record that it is, if its reporter may speak of what it is about; what has not the form of one goes
/// aside. None if the drain came first.
async fn report_body(
    shared: &Shared,
    report: &ErrorReport,
    consumed: &ConsumedRecord,
) -> anyhow::Result<Option<Body>> {
    let record = match report.record() {
        Ok(record) => record,
        Err(error) => return Ok(Some(aside(error.to_string(), consumed))),
    };
    let record = match refusal(shared, report).await? {
        None => return Ok(None),
        Some(Ok(())) => record,
        Some(Err(refusal)) => refused_record(record, refusal).context(ExitClass::Bug)?,
    };
    Ok(Some(received(record, consumed).map_or_else(|error| aside(error.to_string(), consumed), Body::Record)))
}

/// The bytes are kept as received where their schema is ours; others are kept in our schema, which is the one they will
/// be read with.
fn received(record: SourceRecord, consumed: &ConsumedRecord) -> anyhow::Result<Received> {
    check_keys(&record)?;
    let ours = SourceMessage::schema().fingerprint()?.as_str();
    let content_hash = record.content_hash();
    let payload = consumed.payload.as_deref().unwrap_or_default();
    let (record, payload): (SourceRecord, Arc<[u8]>) =
        if consumed.header(header_names::SCHEMA_FINGERPRINT) == Some(ours.as_bytes()) {
            (record, split_wire_header(payload)?.1.into())
        } else {
            let mut written = Vec::with_capacity(payload.len());
            let message = SourceMessage::Record(record.clone());
            message.encode(&mut written)?;
            (record, written.into())
        };
    let received_at = received_at(consumed.timestamp_ms);
    Ok(Received { record, content_hash, payload, fingerprint: ours.into(), received_at })
}

/// What becomes a key in the database must fit into an index and hold no NUL, which PostgreSQL has no text for.
fn check_keys(record: &SourceRecord) -> anyhow::Result<()> {
    let acts = [&record.act, &record.refers_to].into_iter().flatten();
    let keys = std::iter::once(record.record_key.as_str())
        .chain(record.identifiers.iter().map(|i| i.value.as_str()))
        .chain(record.relation_group.as_deref())
        .chain(
            acts.flat_map(|act| [act.source.as_str(), act.act.as_str(), act.role.as_deref().unwrap_or("")]),
        );
    for key in keys {
        anyhow::ensure!(key.len() <= MAX_KEY_BYTES, "a key has more than {MAX_KEY_BYTES} bytes");
        anyhow::ensure!(!key.contains('\0'), "a key holds a NUL character");
    }
    let texts = record.fields.values().flat_map(|value| [value.text(), value.part("full")]).flatten();
    anyhow::ensure!(!texts.into_iter().any(|text| text.contains('\0')), "a value holds a NUL character");
    Ok(())
}
