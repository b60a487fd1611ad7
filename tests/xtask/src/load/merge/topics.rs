//! Waits until the source topics hold what a load merges, and counts the records in them.

use super::super::world::World;
use acceptance::pipeline::{self, SOURCES};
use anyhow::{Context, ensure};
use event_log::{
    KafkaConfig, ReadTopicError, SourceMessage, decode_source_message, read_whole, split_wire_header,
};
use service_runtime::config;
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often a topic is read again.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest wait for the adapters.
const WITHIN: Duration = Duration::from_mins(30);

/// Until the snapshot of every source is in all partitions; gives the records there are.
pub(super) async fn until_snapshots(world: &World) -> anyhow::Result<u64> {
    let kafka = pipeline::kafka(&world.stack, &world.deployment);
    let mut records = 0;
    for source in SOURCES.iter().chain(&["steward"]) {
        records += until(&kafka, source, |m| matches!(m, SourceMessage::SnapshotEnd(_))).await?;
    }
    Ok(records)
}

/// Until everything that is committed at the sources is in the topics; gives the records there are.
pub(super) async fn until_fences(world: &World) -> anyhow::Result<u64> {
    let kafka = pipeline::kafka(&world.stack, &world.deployment);
    let mut fences = BTreeMap::new();
    for instance in world.deployment.instances.iter().filter(|i| i.service == "source-adapter") {
        if SOURCES.contains(&instance.name.as_str()) {
            let config: source_adapter::Config = config::load(&instance.file)?;
            let report = source_adapter::audit(&config).await.context("auditing a source")?;
            fences.insert(instance.name.as_str(), report.id);
        }
    }
    let mut records = 0;
    for (source, id) in fences {
        let is_fence = move |m: &SourceMessage| matches!(m, SourceMessage::Fence(fence) if fence.id == id);
        records += until(&kafka, source, is_fence).await?;
    }
    Ok(records)
}

/// Until the registry's own topics hold the newest word of each person and key; gives their messages.
pub(super) async fn until_published(world: &World, registry: &PgPool) -> anyhow::Result<u64> {
    let kafka = pipeline::kafka(&world.stack, &world.deployment);
    let (persons, links): (i64, i64) = sqlx::query_as(
        "select (select count(distinct key) from person_version), (select count(distinct key) from link)",
    )
    .fetch_one(registry)
    .await?;
    let topics = kafka.topics();
    let mut messages = 0;
    for (topic, keys) in [(topics.registry_person(), persons), (topics.registry_link(), links)] {
        messages += until_keys(&kafka, &topic, usize::try_from(keys)?).await?;
    }
    Ok(messages)
}

/// Reads a topic until it has so many keys; gives its messages.
async fn until_keys(kafka: &KafkaConfig, topic: &str, keys: usize) -> anyhow::Result<u64> {
    let deadline = Instant::now() + WITHIN;
    let mut turns = tokio::time::interval(AGAIN);
    loop {
        turns.tick().await;
        let read = read_whole(kafka, topic, (0_u64, BTreeSet::new()), |(messages, seen), record| {
            *messages += 1;
            seen.extend(record.key.map(<[u8]>::to_vec));
        })
        .await;
        let why = match read {
            Ok((messages, seen)) if seen.len() >= keys => return Ok(messages),
            Ok((_, seen)) => format!("{} of {keys} keys", seen.len()),
            // The adapter has not made the topic yet.
            Err(error @ ReadTopicError::Unavailable { .. }) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        ensure!(Instant::now() < deadline, "{topic} is not whole after {WITHIN:?}: {why}");
    }
}

/// Reads a source's topic until each partition holds such a message; gives the topic's records.
async fn until(
    kafka: &KafkaConfig,
    source: &str,
    ends: impl Fn(&SourceMessage) -> bool + Clone + Send + 'static,
) -> anyhow::Result<u64> {
    let partitions = usize::try_from(kafka.partitions)?;
    let deadline = Instant::now() + WITHIN;
    let mut turns = tokio::time::interval(AGAIN);
    loop {
        turns.tick().await;
        let (topic, ends) = (kafka.topics().source(source), ends.clone());
        let start = (0_u64, BTreeSet::new());
        let read = read_whole(kafka, &topic, start, move |(records, ended), record| {
            let body = record.payload.and_then(|payload| split_wire_header(payload).ok());
            match body.and_then(|(_, body)| decode_source_message(body).ok()) {
                Some(SourceMessage::Record(_)) => *records += 1,
                Some(mark) if ends(&mark) => drop(ended.insert(record.partition)),
                Some(_) | None => {}
            }
        })
        .await;
        let why = match read {
            Ok((records, ended)) if ended.len() == partitions => return Ok(records),
            Ok(_) => "its marks are still to come".to_owned(),
            // The adapter has not made the topic yet.
            Err(error @ ReadTopicError::Unavailable { .. }) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        ensure!(Instant::now() < deadline, "{source} is not in its topic after {WITHIN:?}: {why}");
    }
}
