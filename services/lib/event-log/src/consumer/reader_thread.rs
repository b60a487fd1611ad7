//! The consumer's own thread: polls, claims what the group gives, gathers batches.

use super::assignment::{Assignment, answer_unread, assign};
use super::demand::Demand;
use super::group_consumer::Wishes;
use super::standing::LogEnds;
use super::{Batch, Claim, ConsumedRecord, ConsumerError, Limits, PositionStore, TopicPartition};
use crate::headers;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long an idle poll lasts: what a wish (closing, a hint) waits at most.
const IDLE_POLL: Duration = Duration::from_millis(50);
/// With records in hand and a free taker: the moment in which the next of a burst comes.
const BURST_POLL: Duration = Duration::from_millis(1);
/// With records in hand and a busy taker: how late its becoming free is noticed.
const BUSY_POLL: Duration = Duration::from_millis(2);
/// One attempt at claiming; well below the five minutes after which the group gives a silent member up.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed claim.
const CLAIM_RETRY: Duration = Duration::from_millis(500);
/// Hints are for tools that show lag: more of them than these tools look at only keep the broker busy.
const HINT_EVERY: Duration = Duration::from_secs(1);
/// How long a full hand-over is waited for before reading is paused, so that the group's events are still served.
const STALL: Duration = Duration::from_secs(1);

/// What the thread works for.
pub(super) struct Work {
    /// Runs the store's claims.
    pub(super) runtime: tokio::runtime::Handle,
    /// Says where to begin.
    pub(super) store: Arc<dyn PositionStore>,
    /// Bounds of a batch.
    pub(super) limits: Limits,
    /// Takes the batches.
    pub(super) hand_over: mpsc::Sender<Result<Batch, ConsumerError>>,
    /// Whether a batch is asked for.
    pub(super) demand: Arc<Demand>,
    /// What the handle wants.
    pub(super) wishes: Arc<Wishes>,
    /// Takes the client's statistics.
    pub(super) ends: Arc<LogEnds>,
}

/// State of the thread.
pub(super) struct ReaderThread {
    consumer: BaseConsumer<Assignment>,
    work: Work,
    topics: Vec<Arc<str>>,
    epochs: BTreeMap<TopicPartition, i64>,
    gathered: Batch,
    bytes: usize,
    since: Option<Instant>,
    claim_again: Option<Instant>,
    hinted: Option<Instant>,
}

impl ReaderThread {
    pub(super) fn open(
        client: &ClientConfig,
        topics: &[Arc<str>],
        work: Work,
    ) -> Result<Self, ConsumerError> {
        let refused = |e: KafkaError| ConsumerError::Configuration { reason: e.to_string() };
        let consumer = BaseConsumer::from_config_and_context(client, Assignment::new(Arc::clone(&work.ends)))
            .map_err(refused)?;
        let names: Vec<&str> = topics.iter().map(|t| &**t).collect();
        consumer.subscribe(&names).map_err(refused)?;
        Ok(Self {
            consumer,
            work,
            topics: topics.to_vec(),
            epochs: BTreeMap::new(),
            gathered: Batch::default(),
            bytes: 0,
            since: None,
            claim_again: None,
            hinted: None,
        })
    }

    /// Reads until the handle is gone or an error is final; the client leaves the group when this thread drops it.
    pub(super) fn run(&mut self) {
        while !self.closing() {
            if let Err(error) = self.step() {
                // A handle that is gone needs no error.
                self.work.hand_over.blocking_send(Err(error)).ok();
                break;
            }
        }
        self.leave();
    }

    fn closing(&self) -> bool {
        self.work.wishes.closing.load(Ordering::Acquire)
    }

    fn step(&mut self) -> Result<(), ConsumerError> {
        self.claim_what_is_given()?;
        self.commit_hints();
        let max_wait = self.work.limits.max_wait;
        let taker_is_free = self.work.demand.is_asked();
        let arrived = self.poll(match self.since {
            None => IDLE_POLL,
            Some(_) if !taker_is_free => BUSY_POLL,
            Some(since) => max_wait.saturating_sub(since.elapsed()).min(BURST_POLL),
        })?;
        self.drop_what_is_taken();
        let Some(since) = self.since else { return Ok(()) };
        let limits = self.work.limits;
        if self.gathered.records.len() >= limits.max_records || self.bytes >= limits.max_bytes {
            self.hand_over_when_free()
        } else {
            if !arrived || since.elapsed() >= max_wait {
                self.hand_over_if_free();
            }
            Ok(())
        }
    }

    /// Takes one message, or serves one event of the group. Tells whether a message came.
    fn poll(&mut self, timeout: Duration) -> Result<bool, ConsumerError> {
        match self.consumer.poll(timeout) {
            None => Ok(false),
            Some(Ok(message)) => {
                let record = copy_message(&message, &self.topics);
                drop(message);
                self.gather(record);
                Ok(true)
            }
            Some(Err(error)) => fate(&error).map_or(Ok(false), Err),
        }
    }

    fn gather(&mut self, record: ConsumedRecord) {
        let partition = record.topic_partition();
        // A message that was fetched before its partition was taken belongs to nobody here.
        let Some(epoch) = self.epochs.get(&partition) else { return };
        self.bytes += record.size();
        self.since.get_or_insert_with(Instant::now);
        self.gathered.claims.entry(partition).or_insert(*epoch);
        self.gathered.records.push(record);
    }

    fn claim_what_is_given(&mut self) -> Result<(), ConsumerError> {
        if self.claim_again.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        let Some(given) = self.consumer.client().context().decided().given.clone() else { return Ok(()) };
        let claims = match self.claim(&given) {
            Ok(claims) => claims,
            Err(reason) => {
                tracing::warn!(partitions = given.len(), reason, "partitions could not be claimed yet");
                self.claim_again = Some(Instant::now() + CLAIM_RETRY);
                return Ok(());
            }
        };
        self.epochs.extend(assign(&self.consumer, &given, claims)?);
        self.consumer.client().context().decided().given = None;
        self.claim_again = None;
        if !given.is_empty() {
            tracing::info!(partitions = given.len(), "partitions claimed");
        }
        Ok(())
    }

    fn claim(&self, given: &[TopicPartition]) -> Result<Vec<Claim>, String> {
        // The group often gives nothing new; that needs an answer too, but no claim.
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let claiming = async { tokio::time::timeout(CLAIM_TIMEOUT, self.work.store.claim(given)).await };
        match self.work.runtime.block_on(claiming) {
            Ok(Ok(claims)) => Ok(claims),
            Ok(Err(error)) => Err(error.reason),
            Err(_) => Err("the store did not answer in time".to_owned()),
        }
    }

    fn drop_what_is_taken(&mut self) {
        let taken = std::mem::take(&mut self.consumer.client().context().decided().taken);
        self.work.ends.give_up(&taken);
        for partition in taken {
            self.epochs.remove(&partition);
            self.gathered.drop_partition(&partition);
        }
        if self.gathered.records.is_empty() {
            self.since = None;
            self.bytes = 0;
        }
    }

    fn hand_over_if_free(&mut self) {
        if self.work.demand.is_asked() {
            let batch = self.take_gathered();
            self.work.demand.met();
            // Nobody else fills the hand-over, and it is empty when somebody asks: this fails only when the handle is gone.
            self.work.hand_over.try_send(Ok(batch)).ok();
        }
    }

    /// A full batch waits for its taker. After a while reading is paused and the group's events are served meanwhile: a
    /// taker may be busy for longer than the group bears silence.
    fn hand_over_when_free(&mut self) -> Result<(), ConsumerError> {
        if self.wait_for_taker(STALL) {
            self.hand_over_if_free();
            return Ok(());
        }
        let mut paused = BTreeSet::new();
        while !self.closing() && !self.wait_for_taker(Duration::ZERO) {
            self.claim_what_is_given()?;
            self.pause_all(&mut paused)?;
            self.poll(IDLE_POLL)?;
            self.drop_what_is_taken();
        }
        if !self.gathered.records.is_empty() {
            self.hand_over_if_free();
        }
        let held = paused.iter().filter(|p| self.epochs.contains_key(*p));
        self.consumer.resume(&list_of(held)).map_err(failed)
    }

    /// Whether the taker asks within the time; a handle that is gone counts as asking.
    fn wait_for_taker(&self, limit: Duration) -> bool {
        self.work.demand.wait(&self.work.runtime, limit)
    }

    fn pause_all(&self, paused: &mut BTreeSet<TopicPartition>) -> Result<(), ConsumerError> {
        paused.retain(|p| self.epochs.contains_key(p));
        let new: BTreeSet<TopicPartition> =
            self.epochs.keys().filter(|p| !paused.contains(*p)).cloned().collect();
        if !new.is_empty() {
            self.consumer.pause(&list_of(new.iter())).map_err(failed)?;
            paused.extend(new);
        }
        Ok(())
    }

    fn take_gathered(&mut self) -> Batch {
        self.since = None;
        self.bytes = 0;
        std::mem::take(&mut self.gathered)
    }

    fn commit_hints(&mut self) {
        if self.hinted.is_some_and(|at| at.elapsed() < HINT_EVERY) {
            return;
        }
        let hints =
            std::mem::take(&mut *self.work.wishes.hints.lock().unwrap_or_else(PoisonError::into_inner));
        let mut list = TopicPartitionList::new();
        for (partition, next) in hints.iter().filter(|(p, _)| self.epochs.contains_key(*p)) {
            // A position that cannot be said is not worth an error: it is a hint.
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*next)).ok();
        }
        if list.count() == 0 {
            return;
        }
        self.hinted = Some(Instant::now());
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "offsets for lag tools were not taken");
        }
    }

    /// Answers what the group is still waiting for, so that leaving is not held up.
    fn leave(&self) {
        let mut decided = self.consumer.client().context().decided();
        decided.closing = true;
        if let Some(given) = decided.given.take() {
            answer_unread(&self.consumer, &given);
        }
    }
}

fn list_of<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn failed(error: KafkaError) -> ConsumerError {
    ConsumerError::Failed { reason: error.to_string() }
}

/// What an error of a poll means; most heal by themselves and are only told.
fn fate(error: &KafkaError) -> Option<ConsumerError> {
    let reason = error.to_string();
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Some(ConsumerError::Failed { reason });
    }
    let gone = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    if error.rdkafka_error_code().is_some_and(|code| gone.contains(&code)) {
        return Some(ConsumerError::PositionGone { reason });
    }
    tracing::warn!(reason, "kafka consumer");
    None
}

/// Copies what is needed; names of topics and headers are shared.
pub(crate) fn copy_message(message: &BorrowedMessage<'_>, topics: &[Arc<str>]) -> ConsumedRecord {
    let name = message.topic();
    let mut kept = Vec::new();
    if let Some(all) = message.headers() {
        for header in all.iter() {
            if let (Some(known), Some(value)) = (headers::known(header.key), header.value) {
                kept.push((known, value.to_vec()));
            }
        }
    }
    ConsumedRecord {
        topic: topics.iter().find(|t| &***t == name).map_or_else(|| name.into(), Arc::clone),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: kept,
    }
}
