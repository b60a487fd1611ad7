//! The event log's seams against a real broker: each function takes the bootstrap address and makes topics of its own.

use event_log::{
    Admin, Batch, Claim, ClaimError, ConsumerError, ControlEvent, GroupConsumer, IdempotentProducer,
    KafkaConfig, Limits, MessageReader, OutgoingRecord, PositionStore, ProducerError, SchemaId,
    SchemaRegistry, SchemaRegistryConfig, SchemaRegistryError, TopicPartition, TopicSpec,
    TransactionalProducer, UnknownFields, async_trait, embedded_schemas, encode_control_event, end_offsets,
    partition_for, read_compacted,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No step of these tests takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

/// A topic that nobody else uses.
async fn new_topic(config: &KafkaConfig, name: &str) -> Arc<str> {
    let topic: Arc<str> = format!("{}{name}.{}", config.topic_prefix, uuid::Uuid::new_v4()).into();
    let admin = Admin::open(config).unwrap();
    in_time("making a topic", admin.ensure(&[TopicSpec::history(Arc::clone(&topic))])).await.unwrap();
    topic
}

fn config(bootstrap: &str) -> KafkaConfig {
    KafkaConfig { partitions: 6, ..KafkaConfig::new(bootstrap) }
}

fn records(topic: &Arc<str>, numbers: std::ops::Range<u32>) -> Vec<OutgoingRecord> {
    numbers.map(|n| OutgoingRecord::new(topic, format!("key-{n}"), n.to_be_bytes().repeat(75))).collect()
}

/// Ten thousand records are visible within a second, and a small transaction does not cost the client's own 100 ms.
pub(crate) async fn transactions_are_fast(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "fast").await;
    let id = format!("fast-{topic}");
    let mut producer = in_time("opening", TransactionalProducer::open(&config, &id)).await.unwrap();
    in_time("the first commit", producer.commit(records(&topic, 0..6))).await.unwrap();

    let batch = records(&topic, 0..10_000);
    let start = Instant::now();
    in_time("a large commit", producer.commit(batch)).await.unwrap();
    let large = start.elapsed();

    let mut small = Vec::new();
    for n in 0..40 {
        let batch = records(&topic, n..n + 10);
        let start = Instant::now();
        in_time("a small commit", producer.commit(batch)).await.unwrap();
        small.push(start.elapsed());
    }
    small.sort_unstable();
    let median = small[small.len() / 2];
    tracing::info!(?large, ?median, slowest = ?small.last(), "transactions");
    assert!(large < Duration::from_secs(1), "10,000 records took {large:?}");
    assert!(median < Duration::from_millis(60), "10 records took {median:?}");

    let read = in_time("reading", read_compacted(&config, &topic)).await.unwrap();
    assert_eq!(read.len(), 10_000);
    assert_eq!(read.get(b"key-77".as_slice()), Some(&77_u32.to_be_bytes().repeat(75)));
}

/// A batch with one impossible record leaves nothing visible, and the same producer goes on.
pub(crate) async fn aborted_records_are_invisible(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "aborted").await;
    let mut producer =
        in_time("opening", TransactionalProducer::open(&config, &format!("aborted-{topic}"))).await.unwrap();
    in_time("a commit", producer.commit(records(&topic, 0..1))).await.unwrap();

    let mut bad = records(&topic, 1..20_000);
    bad.push(OutgoingRecord::new(&topic, "nowhere", "-").to_partition(999));
    let refused = in_time("an abort", producer.commit(bad)).await;
    assert!(matches!(refused, Err(ProducerError::Retry { .. })), "{refused:?}");

    let mut large = records(&topic, 1..3);
    large.push(OutgoingRecord::new(&topic, "large", vec![0; event_log::MAX_RECORD_BYTES]));
    let refused = in_time("a refusal", producer.commit(large)).await;
    assert!(matches!(refused, Err(ProducerError::TooLarge { index: 2, .. })), "{refused:?}");

    in_time("a commit after the abort", producer.commit(records(&topic, 30_000..30_001))).await.unwrap();
    let keys: Vec<Vec<u8>> =
        in_time("reading", read_compacted(&config, &topic)).await.unwrap().into_keys().collect();
    assert_eq!(keys, [b"key-0".to_vec(), b"key-30000".to_vec()]);
    // What the abort left in the log is there and skipped.
    let ends: i64 = in_time("asking", end_offsets(&config, &topic)).await.unwrap().values().sum();
    assert!(ends > 2, "{ends}");
}

/// A second producer with the same transactional id ends the first one's rights for good.
pub(crate) async fn a_younger_producer_fences_the_older(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "fenced").await;
    let id = format!("fenced-{topic}");
    let mut older = in_time("opening", TransactionalProducer::open(&config, &id)).await.unwrap();
    in_time("a commit", older.commit(records(&topic, 0..1))).await.unwrap();
    let mut younger = in_time("opening the second", TransactionalProducer::open(&config, &id)).await.unwrap();

    for _ in 0..2 {
        let refused = in_time("the fenced commit", older.commit(records(&topic, 100..110))).await;
        assert_eq!(refused, Err(ProducerError::Fenced { transactional_id: id.clone() }));
    }
    in_time("the younger's commit", younger.commit(records(&topic, 1..2))).await.unwrap();
    let read = in_time("reading", read_compacted(&config, &topic)).await.unwrap();
    assert_eq!(read.into_keys().collect::<Vec<_>>(), [b"key-0".to_vec(), b"key-1".to_vec()]);
}

/// A commit given up midway makes the producer refuse to go on: its outcome is for the positions to say.
pub(crate) async fn an_abandoned_commit_asks_for_a_new_producer(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "abandoned").await;
    let id = format!("abandoned-{topic}");
    let mut producer = in_time("opening", TransactionalProducer::open(&config, &id)).await.unwrap();
    let given_up = tokio::time::timeout(Duration::ZERO, producer.commit(records(&topic, 0..5_000))).await;
    assert!(given_up.is_err(), "a commit takes longer than nothing");
    let refused = in_time("a refusal", producer.commit(records(&topic, 0..1))).await;
    assert!(matches!(refused, Err(ProducerError::Rebuild { .. })), "{refused:?}");
    drop(producer);
    let mut next = in_time("opening anew", TransactionalProducer::open(&config, &id)).await.unwrap();
    in_time("a commit", next.commit(records(&topic, 0..1))).await.unwrap();
}

/// Database of a service in small: effects and positions together, fenced by the owner's epoch.
#[derive(Default)]
struct Ledger {
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    positions: BTreeMap<TopicPartition, (Option<i64>, i64)>,
    effects: BTreeSet<Vec<u8>>,
    repeated: usize,
    fenced: usize,
    claims: usize,
}

impl Ledger {
    fn apply(&self, mut batch: Batch) {
        let mut rows = self.rows.lock().unwrap();
        for (partition, epoch) in batch.claims.clone() {
            if rows.positions[&partition].1 != epoch {
                rows.fenced += 1;
                batch.drop_partition(&partition);
            }
        }
        for record in &batch.records {
            let next = rows.positions[&record.topic_partition()].0.unwrap_or(0);
            assert!(record.offset >= next, "offset {} was read again, {next} is next", record.offset);
            if !rows.effects.insert(record.key.clone().unwrap()) {
                rows.repeated += 1;
            }
            rows.positions.get_mut(&record.topic_partition()).unwrap().0 = Some(record.offset + 1);
        }
    }

    fn effects(&self) -> usize {
        self.rows.lock().unwrap().effects.len()
    }
}

#[async_trait]
impl PositionStore for Ledger {
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError> {
        let mut rows = self.rows.lock().unwrap();
        rows.claims += 1;
        // The first answer of a database may be that it is away.
        if rows.claims == 1 {
            return Err(ClaimError { reason: "starting".to_owned() });
        }
        let claim = |partition: &TopicPartition| {
            let row = rows.positions.entry(partition.clone()).or_default();
            row.1 += 1;
            Claim { partition: partition.clone(), next_offset: row.0, owner_epoch: row.1 }
        };
        Ok(partitions.iter().map(claim).collect())
    }
}

async fn member(
    config: &KafkaConfig,
    group: &str,
    topic: &Arc<str>,
    store: &Arc<Ledger>,
    max: usize,
) -> GroupConsumer {
    let limits = Limits { max_records: max, ..Limits::default() };
    let store: Arc<dyn PositionStore> = Arc::clone(store) as _;
    in_time("opening", GroupConsumer::open(config, group, &[Arc::clone(topic)], store, limits)).await.unwrap()
}

/// Takes batches until the ledger has as many effects; gives the partitions they came from.
async fn take_until(
    consumer: &mut GroupConsumer,
    ledger: &Ledger,
    effects: usize,
) -> BTreeSet<TopicPartition> {
    let mut from = BTreeSet::new();
    while ledger.effects() < effects {
        let batch = in_time("a batch", consumer.next_batch()).await.unwrap();
        assert!(!batch.records.is_empty());
        from.extend(batch.claims.keys().cloned());
        consumer.commit_hint(batch.next_offsets());
        ledger.apply(batch);
    }
    from
}

/// Two members share the partitions; whoever joins or leaves, each record takes effect once.
pub(crate) async fn a_group_hands_over_without_loss_or_repetition(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "group").await;
    let group = format!("group-{topic}");
    let id = format!("writer-{topic}");
    let mut producer = in_time("opening", TransactionalProducer::open(&config, &id)).await.unwrap();
    let ledger = Arc::new(Ledger::default());

    in_time("a commit", producer.commit(records(&topic, 0..3_000))).await.unwrap();
    let mut first = member(&config, &group, &topic, &ledger, 100).await;
    assert_eq!(take_until(&mut first, &ledger, 3_000).await.len(), 6);

    // The second joins while the first has stopped taking: the group must not wait for it.
    in_time("a commit", producer.commit(records(&topic, 3_000..6_000))).await.unwrap();
    let mut second = member(&config, &group, &topic, &ledger, 100).await;
    let batch = in_time("the second's first batch", second.next_batch()).await.unwrap();
    ledger.apply(batch);
    tokio::join!(take_until_quiet(&mut first, &ledger, 6_000), take_until_quiet(&mut second, &ledger, 6_000));
    assert_eq!(ledger.effects(), 6_000);

    in_time("a commit", producer.commit(records(&topic, 6_000..7_000))).await.unwrap();
    let (a, b) = tokio::join!(
        take_until_quiet(&mut first, &ledger, 7_000),
        take_until_quiet(&mut second, &ledger, 7_000)
    );
    assert_eq!((a.len(), b.len()), (3, 3), "each has half");

    // One leaves; the other takes everything over.
    let start = Instant::now();
    in_time("leaving", first.close()).await;
    tracing::info!(took = ?start.elapsed(), "left the group");
    in_time("a commit", producer.commit(records(&topic, 7_000..8_000))).await.unwrap();
    assert_eq!(take_until(&mut second, &ledger, 8_000).await.len(), 6);

    // A new member of the same group begins where the store says, with nothing to read.
    in_time("leaving", second.close()).await;
    let mut third = member(&config, &group, &topic, &ledger, 100).await;
    in_time("a commit", producer.commit(records(&topic, 8_000..8_100))).await.unwrap();
    take_until(&mut third, &ledger, 8_100).await;
    let rows = ledger.rows.lock().unwrap();
    tracing::info!(fenced = rows.fenced, claims = rows.claims, "group");
    assert_eq!((rows.effects.len(), rows.repeated), (8_100, 0));
}

/// As [`take_until`], for several takers at once: stops when the ledger is full, whoever filled it.
async fn take_until_quiet(
    consumer: &mut GroupConsumer,
    ledger: &Ledger,
    effects: usize,
) -> BTreeSet<TopicPartition> {
    let mut from = BTreeSet::new();
    let start = Instant::now();
    while ledger.effects() < effects {
        assert!(start.elapsed() < PATIENCE, "{} of {effects}", ledger.effects());
        let Ok(batch) = tokio::time::timeout(Duration::from_millis(20), consumer.next_batch()).await else {
            continue;
        };
        let batch = batch.unwrap();
        from.extend(batch.claims.keys().cloned());
        ledger.apply(batch);
    }
    from
}

/// A stored position that the log does not have is told, never skipped over.
pub(crate) async fn a_position_outside_the_log_is_told(bootstrap: &str) {
    let config = KafkaConfig { partitions: 1, ..KafkaConfig::new(bootstrap) };
    let topic = new_topic(&config, "outside").await;
    let ledger = Arc::new(Ledger::default());
    ledger
        .rows
        .lock()
        .unwrap()
        .positions
        .insert(TopicPartition::new(Arc::clone(&topic), 0), (Some(1_000_000), 1));
    let mut consumer = member(&config, &format!("group-{topic}"), &topic, &ledger, 100).await;
    let refused = in_time("the answer", consumer.next_batch()).await;
    assert!(matches!(refused, Err(ConsumerError::PositionGone { .. })), "{refused:?}");
    assert_eq!(in_time("the same answer", consumer.next_batch()).await, refused);
}

/// Plain sends are acknowledged, go where Java clients would send them, and keep their headers; a tombstone removes its key.
pub(crate) async fn plain_sends_arrive(bootstrap: &str) {
    let config = config(bootstrap);
    let topic = new_topic(&config, "plain").await;
    let producer = in_time("opening", IdempotentProducer::open(&config)).await.unwrap();
    let header = event_log::header_names::SCHEMA_FINGERPRINT;
    let batch = records(&topic, 0..50).into_iter().map(|r| r.with_header(header, "00ff")).collect();
    in_time("sending", producer.send(batch)).await.unwrap();
    in_time("sending", producer.clone().send(vec![OutgoingRecord::tombstone(&topic, "key-7")]))
        .await
        .unwrap();

    let ledger = Arc::new(Ledger::default());
    let mut consumer = member(&config, &format!("group-{topic}"), &topic, &ledger, 100).await;
    let mut seen = 0;
    while seen < 51 {
        let batch = in_time("a batch", consumer.next_batch()).await.unwrap();
        for record in &batch.records {
            seen += 1;
            assert_eq!(record.partition, partition_for(record.key.as_deref().unwrap(), 6));
            assert!(record.timestamp_ms > 1_700_000_000_000);
            assert_eq!(record.header(header), record.payload.as_ref().map(|_| b"00ff".as_slice()));
        }
        ledger.apply_repeating(batch);
    }
    assert_eq!(in_time("reading", read_compacted(&config, &topic)).await.unwrap().len(), 49);
}

impl Ledger {
    /// As [`Ledger::apply`] where keys repeat on purpose.
    fn apply_repeating(&self, batch: Batch) {
        self.apply(batch);
        self.rows.lock().unwrap().repeated = 0;
    }
}

/// Ids come from the registry, are remembered in a directory, and serve while the registry is away.
pub(crate) async fn schema_ids_outlive_the_registry(registry_url: &str) {
    let directory = tempfile::tempdir().unwrap();
    let at = |url: &str| {
        SchemaRegistry::new(&SchemaRegistryConfig {
            url: url.to_owned(),
            cache_dir: directory.path().to_owned(),
        })
    };
    let mut ids = BTreeMap::new();
    for schema in embedded_schemas() {
        let id = in_time("registering", at(registry_url).ensure_embedded(schema)).await.unwrap();
        let again = in_time("registering", at(registry_url).ensure_embedded(schema)).await.unwrap();
        assert_eq!(id, again);
        ids.insert(schema.subject, id);
    }
    assert_eq!(ids.values().collect::<BTreeSet<_>>().len(), ids.len(), "one id each");

    // A reader that knows nothing asks the registry for the id on the wire.
    let event = ControlEvent::RulesActivated { rule_set: "2026-11".to_owned() };
    let mut payload = Vec::new();
    event_log::put_wire_header(ids["dansync.ControlEvent"], &mut payload);
    encode_control_event(&event, &mut payload).unwrap();
    let mut reader = MessageReader::<ControlEvent>::new(at(registry_url), UnknownFields::Stop);
    assert_eq!(in_time("reading", reader.read_payload(&payload, None)).await, Ok(event));
    let mut stranger = Vec::new();
    event_log::put_wire_header(SchemaId(987_654), &mut stranger);
    let unknown = in_time("reading", reader.read_payload(&stranger, None)).await.unwrap_err();
    assert!(!unknown.is_transient(), "{unknown}");

    // What is no schema is refused before it is sent.
    let nonsense = in_time("registering", at(registry_url).ensure("dansync.Nonsense", "{}")).await;
    assert!(matches!(nonsense, Err(SchemaRegistryError::Schema { .. })), "{nonsense:?}");
}
