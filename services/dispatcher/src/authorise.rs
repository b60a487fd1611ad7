//! Step one: person images in, deliveries out, in one transaction with the position.

use crate::comparer::{CompareError, Comparer, Scope};
use crate::metrics::{ErrorType, Stage};
use crate::positions::DisclosurePositions;
use crate::run::Shared;
use anyhow::Context as _;
use chrono::DateTime;
use disclosure_store::{
    Moving, PersonState, StoreError, business_date, lock_persons, move_positions, open_day, request_all,
    upsert_persons,
};
use event_log::{
    Batch, ConsumedRecord, ControlEvent, GroupConsumer, IdempotentProducer, Limits, MessageReader,
    Quarantined, ReadError, Standing, TopicPartition, UnknownFields, header_names,
};
use registry_rules::{PersonId, PersonImage, RowKey, Version};
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::crash_point;
use service_runtime::metrics::Label;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// One batch: large enough that a backlog goes by in few transactions, small enough that the locks on its persons are
/// short; a live change waits for company for 5 ms at most.
const LIMITS: Limits =
    Limits { max_records: 1_000, max_bytes: 4 * 1024 * 1024, max_wait: Duration::from_millis(5) };

/// What a batch says, read once; a repeated transaction starts from here.
#[derive(Debug, Default)]
struct Incoming {
    persons: Vec<IncomingPerson>,
    control: Vec<(TopicPartition, i64, ControlEvent)>,
}

#[derive(Debug)]
struct IncomingPerson {
    partition: TopicPartition,
    offset: i64,
    state: PersonState,
    image: PersonImage,
}

/// Consumes `registry.person` and `control` until the drain.
pub(crate) async fn authorise(shared: Shared) -> anyhow::Result<()> {
    let group: Arc<str> = crate::positions::group(&shared.kafka.topic_prefix).into();
    let topics = shared.kafka.topics();
    let store = DisclosurePositions { pool: shared.pool.clone(), group: Arc::clone(&group) };
    let wanted = [topics.registry_person(), topics.control()];
    let mut consumer = GroupConsumer::open(&shared.kafka, &group, &wanted, Arc::new(store), LIMITS)
        .await
        .context("opening the consumer of registry.person")?;
    // Nothing to read is no fault: an instance is ready when it could.
    shared.readiness.check("authorise").set(true);
    let mut step = Authorise {
        comparer: Comparer::new(&shared),
        control: MessageReader::new(shared.schemas.clone(), UnknownFields::LeaveOut),
        quarantine: None,
        group,
        shared: shared.clone(),
    };
    while let Some(batch) = shared.drain.unless_requested(consumer.next_batch()).await {
        let batch = batch.context("reading registry.person")?;
        for partition in consumer.given_up() {
            shared.metrics.lag.forget(&partition.topic, partition.partition);
        }
        let standings = consumer.standings(&batch);
        step.show_lag(&standings);
        match step.batch(batch).await {
            Ok(next) => {
                consumer.commit_hint(next);
                step.show_lag(&standings.into_iter().map(Standing::applied).collect::<Vec<_>>());
            }
            Err(error) if shared.drain.is_requested() => {
                tracing::info!(
                    error = format!("{error:#}"),
                    "drained before a batch was applied; it comes again"
                );
                break;
            }
            Err(error) => return Err(error),
        }
    }
    consumer.close().await;
    Ok(())
}

struct Authorise {
    shared: Shared,
    group: Arc<str>,
    comparer: Comparer,
    control: MessageReader<ControlEvent>,
    quarantine: Option<IdempotentProducer>,
}

impl Authorise {
    /// Applies a batch, however often that takes; gives the offsets that follow it.
    async fn batch(&mut self, mut batch: Batch) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        let mut contention = Backoff::new(Policy::CONTENTION);
        let incoming = loop {
            match self.read(&batch).await {
                Ok(incoming) => break incoming,
                Err(error) if error.is_transient() && backoff.wait(&self.shared.drain).await => {}
                Err(error) => return Err(error.into()),
            }
        };
        backoff.reset();
        loop {
            let error = match self.apply(&mut batch, &incoming).await {
                Ok(()) => break,
                Err(error) => error,
            };
            let goes_on = if error.is_contention() {
                self.shared.metrics.contention.increment();
                contention.wait(&self.shared.drain).await
            } else if error.is_transient() {
                self.shared.metrics.failed(Stage::Processing, ErrorType::DisclosureAway);
                tracing::warn!(%error, "a batch is applied again");
                backoff.wait(&self.shared.drain).await
            } else {
                false
            };
            if !goes_on {
                return Err(error).context("authorising a batch");
            }
        }
        self.observe(&batch);
        Ok(batch.next_offsets())
    }

    async fn read(&mut self, batch: &Batch) -> Result<Incoming, CompareError> {
        let mut incoming = Incoming::default();
        let control = self.shared.kafka.topics().control();
        for record in &batch.records {
            let (partition, offset) = (record.topic_partition(), record.offset);
            if record.topic == control {
                match self.control.read(record).await {
                    Ok(event) => incoming.control.push((partition, offset, event)),
                    Err(error) => self.unreadable(record, error).await?,
                }
                continue;
            }
            match self.comparer.reader.read(record).await {
                Ok(image) => {
                    let state = PersonState {
                        person_id: image.person_id,
                        version: version_of(record),
                        image: record.payload.clone().unwrap_or_default(),
                        appended_at: DateTime::from_timestamp_millis(record.timestamp_ms).unwrap_or_default(),
                    };
                    incoming.persons.push(IncomingPerson { partition, offset, state, image });
                }
                Err(error) => self.unreadable(record, error).await?,
            }
        }
        Ok(incoming)
    }

    /// Puts a record that cannot be read into quarantine; the person's last readable image stays.
    async fn unreadable(&mut self, record: &ConsumedRecord, error: ReadError) -> Result<(), CompareError> {
        if error.is_transient() {
            return Err(error.into());
        }
        self.shared.metrics.failed(Stage::Receiving, ErrorType::Unreadable);
        tracing::error!(topic = &*record.topic, partition = record.partition, offset = record.offset, %error,
            "a record cannot be read; it goes to quarantine");
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or("unknown");
        let Ok(row_key) = RowKey::new("registry", "person", key) else { return Ok(()) };
        let quarantined = Quarantined {
            source: "registry".to_owned(),
            entity: "person".to_owned(),
            row_key,
            version: version_of(record),
            stage: "dispatcher.decode".to_owned(),
            reasons: vec!["unreadable".to_owned()],
            mapping_version: 0,
            failed_at: self.shared.clock.now(),
            row: record.payload.clone().unwrap_or_default(),
        };
        let topic = self.shared.kafka.topics().quarantine();
        let sent = quarantined.into_record(&topic, &record.topic);
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        loop {
            match self.send_to_quarantine(sent.clone()).await {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    tracing::warn!(error = %failure, "the quarantine does not take a record");
                    self.quarantine = None;
                    if !backoff.wait(&self.shared.drain).await {
                        return Err(error.into());
                    }
                }
            }
        }
    }

    async fn send_to_quarantine(
        &mut self,
        record: event_log::OutgoingRecord,
    ) -> Result<(), event_log::ProducerError> {
        let producer = match &mut self.quarantine {
            Some(producer) => producer,
            none => none.insert(IdempotentProducer::open(&self.shared.kafka).await?),
        };
        producer.send(vec![record]).await
    }

    async fn apply(&mut self, batch: &mut Batch, incoming: &Incoming) -> Result<(), CompareError> {
        let mut transaction = self.shared.pool.begin().await?;
        let next = self.take(&mut transaction, batch).await?;
        // Re-delivered records below the stored position are already applied.
        let is_new =
            |partition: &TopicPartition, offset: i64| next.get(partition).is_some_and(|n| *n <= offset);
        for (_, _, event) in incoming.control.iter().filter(|(p, offset, _)| is_new(p, *offset)) {
            take_control(&mut transaction, event).await?;
        }
        let newest = fold(incoming.persons.iter().filter(|p| is_new(&p.partition, p.offset)));
        let sent = self.persons(&mut transaction, &newest).await?;
        crash_point!("authorise.before-commit");
        transaction.commit().await?;
        crash_point!("authorise.after-commit");
        if sent {
            self.shared.wake.authorised();
        }
        Ok(())
    }

    /// Moves the positions, and gives where they stood; partitions with a new owner leave the batch.
    async fn take(
        &self,
        connection: &mut PgConnection,
        batch: &mut Batch,
    ) -> Result<BTreeMap<TopicPartition, i64>, StoreError> {
        let offsets = batch.next_offsets();
        let moving = batch.claims.iter().filter_map(|(partition, epoch)| {
            Some(Moving {
                topic: &partition.topic,
                partition: partition.partition,
                owner_epoch: *epoch,
                next_offset: *offsets.get(partition)?,
            })
        });
        let held = move_positions(connection, &self.group, &moving.collect::<Vec<_>>()).await?;
        let next: BTreeMap<TopicPartition, i64> = held
            .into_iter()
            .map(|p| (TopicPartition::new(p.topic, p.partition), p.next_offset.unwrap_or(0)))
            .collect();
        let lost: Vec<_> = batch.claims.keys().filter(|p| !next.contains_key(*p)).cloned().collect();
        for partition in lost {
            tracing::info!(%partition, "has a new owner; its records are left to it");
            self.shared.metrics.fenced.increment();
            batch.drop_partition(&partition);
        }
        Ok(next)
    }

    async fn persons(
        &mut self,
        connection: &mut PgConnection,
        newest: &BTreeMap<PersonId, &IncomingPerson>,
    ) -> Result<bool, CompareError> {
        if newest.is_empty() {
            return Ok(false);
        }
        // Related persons too: a merge is seen from both sides, and one order of locks knows no deadlock. Where there are
        // none, writing the images takes the same locks in the same order.
        let related: BTreeSet<PersonId> = newest
            .values()
            .flat_map(|person| person.image.absorbed.iter().copied().chain(person.image.merged_into))
            .collect();
        if !related.is_empty() {
            let locked: BTreeSet<PersonId> = newest.keys().copied().chain(related).collect();
            lock_persons(connection, &locked.into_iter().collect::<Vec<_>>()).await?;
        }
        let states: Vec<_> = newest.values().map(|p| &p.state).collect();
        let applied: BTreeSet<PersonId> = upsert_persons(connection, &states).await?.into_iter().collect();
        // Before the first day is opened nobody can be compared; opening it compares everybody.
        let Some(business_date) = business_date(connection).await? else { return Ok(false) };
        let images = newest.values().filter(|p| applied.contains(&p.state.person_id));
        let images = images.map(|p| p.image.clone()).collect();
        self.comparer.compare(connection, images, Scope { business_date, only: None }).await
    }

    fn show_lag(&self, standings: &[Standing]) {
        let now_ms = self.shared.clock.now().timestamp_millis();
        for s in standings {
            self.shared.metrics.lag.show(
                (&s.partition.topic, s.partition.partition),
                s.behind,
                s.oldest_ms,
                now_ms,
            );
        }
    }

    fn observe(&self, batch: &Batch) {
        let now = self.shared.clock.now().timestamp_millis();
        let stage = [Label::fixed("authorised"), Label::fixed("registry"), Label::fixed("all")];
        let freshness = self.shared.metrics.freshness.with(stage);
        for record in &batch.records {
            let age = u64::try_from(now - record.timestamp_ms).unwrap_or(0);
            freshness.observe(Duration::from_millis(age));
        }
        for (partition, next) in batch.next_offsets() {
            self.shared.metrics.lag.committed(&partition.topic, partition.partition, next);
        }
    }
}

async fn take_control(connection: &mut PgConnection, event: &ControlEvent) -> Result<(), StoreError> {
    match event {
        ControlEvent::DayOpened { date } => {
            if open_day(connection, *date).await? {
                request_all(connection).await?;
            }
            tracing::info!(%date, "day opened");
            Ok(())
        }
        // Rules decide what stands; what is released comes with the persons they change.
        ControlEvent::RulesActivated { .. } => Ok(()),
    }
}

/// The newest image of each person; equal versions are repetitions.
fn fold<'a>(persons: impl Iterator<Item = &'a IncomingPerson>) -> BTreeMap<PersonId, &'a IncomingPerson> {
    let mut newest: BTreeMap<PersonId, &IncomingPerson> = BTreeMap::new();
    for person in persons {
        let slot = newest.entry(person.state.person_id).or_insert(person);
        if slot.state.version < person.state.version {
            *slot = person;
        }
    }
    newest
}

/// The capture version from its header. Without one (a producer outside) the log's own order counts, below all others.
fn version_of(record: &ConsumedRecord) -> Version {
    let header = record.header(header_names::VERSION).and_then(|value| std::str::from_utf8(value).ok());
    header.and_then(parse_version).unwrap_or(Version {
        epoch: 0,
        position: u64::try_from(record.offset).unwrap_or(0),
        ordinal: 0,
    })
}

fn parse_version(text: &str) -> Option<Version> {
    let mut parts = text.split('/');
    Some(Version {
        epoch: parts.next()?.parse().ok()?,
        position: u64::from_str_radix(parts.next()?, 16).ok()?,
        ordinal: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_back_from_its_header() {
        let version = Version { epoch: 2, position: 0x16_B374_D848, ordinal: 7 };
        assert_eq!(parse_version(&version.to_string()), Some(version));
        assert_eq!(parse_version("1/2"), None);
    }
}
