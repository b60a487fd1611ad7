//! The source adapter's seams against real PostgreSQL, Kafka and Apicurio: nothing is lost, nothing is said twice, and what
//! must not begin is refused.

mod broken;
mod races;
mod refusals;
mod relay;
mod world;

use acceptance::stack::{PostgresCluster, shared};
use event_log::{Fence, SourceMessage, header_names};
use registry_rules::{Standing, StateHash};
use service_runtime::{Runtime, SystemClock};
use source_adapter::{AuditReport, RedriveScope};
use sqlx::{AssertSqlSafe, Executor as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use world::{ADAPTER, World, in_time, latest, records};

static NEVER: AtomicBool = AtomicBool::new(false);

/// The body of the processes that the other tests kill.
#[test]
fn an_adapter_of_its_own() {
    let Some(file) = std::env::var_os(ADAPTER) else { return };
    let config = service_runtime::config::load(file.as_ref()).unwrap();
    let runtime = Runtime::new(Arc::new(SystemClock));
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(source_adapter::run(config, runtime)).unwrap();
}

fn fences(messages: &[SourceMessage], id: &str) -> Vec<Fence> {
    let fence = |m: &SourceMessage| if let SourceMessage::Fence(f) = m { Some(f.clone()) } else { None };
    messages.iter().filter_map(fence).filter(|f| f.id == id).collect()
}

/// Audits the source, waits for the fence and compares what the topic says at or below it.
async fn adds_up(world: &mut World) -> AuditReport {
    let report = in_time("the audit", source_adapter::audit(&world.config())).await.unwrap();
    let messages = world.until("the fence", |m| fences(m, &report.id).len() == 3).await;
    let fence = fences(&messages, &report.id).remove(0);
    let below: Vec<SourceMessage> = messages
        .iter()
        .filter(|m| matches!(m, SourceMessage::Record(r) if (r.version.epoch, r.version.position) <= (fence.epoch, fence.position)))
        .cloned()
        .collect();
    let mut hash = StateHash::default();
    for record in latest(&below).values().filter(|r| r.standing != Standing::Withdrawn) {
        hash.add(&record.content_hash().0);
    }
    let [table] = report.tables.as_slice() else { panic!("one table") };
    assert_eq!((hash.members, hash.hex()), (table.records, table.digest.clone()));
    report
}

/// Every value that the counter column ever had, by row: each once.
fn counters(messages: &[SourceMessage]) -> BTreeMap<String, Vec<i64>> {
    let mut counters: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in records(messages).into_iter().filter(|r| r.record_key.role() == "child") {
        if let Some(n) = record.identifier(registry_rules::IdentifierKind::SourcePerson) {
            counters.entry(record.record_key.as_str().to_owned()).or_default().push(n.parse().unwrap());
        }
    }
    counters
}

/// Writes small transactions, until there were so many of them or the flag is set; gives how many.
async fn write(database: &str, cluster: &PostgresCluster, from: i64, rounds: i64, stop: &AtomicBool) -> i64 {
    let mut sql = cluster.administer(database).await.unwrap();
    for round in 0..rounds {
        if stop.load(Ordering::Relaxed) {
            return round;
        }
        let id = from + round;
        let statements = format!(
            "begin; insert into hotich.khai_sinh (id, ten, me) values ({id}, 'Lê {id}', 'Mẹ {id}'); \
             update hotich.khai_sinh set n = n + 1 where id % 10 = {round} % 10 and id <= 100; \
             delete from hotich.khai_sinh where id = {} and {round} % 3 = 0; commit",
            id - 5
        );
        sql.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.unwrap();
    }
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_and_stream_join_without_gap_while_rows_change() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "[limits]\nbatch_records = 700").await;
    world.run("insert into hotich.khai_sinh (id, ten, me) select i, 'Lê ' || i, 'Mẹ ' || i from generate_series(1, 5000) i").await;
    let adapter = world.start();
    let (database, stop) = (world.database.clone(), AtomicBool::new(false));
    let ended = |m: &[SourceMessage]| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)));
    let reading = async {
        world.until("the snapshot", ended).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (rounds, ()) = tokio::join!(write(&database, &stack.agencies, 10_000, 100_000, &stop), reading);
    write(&database, &stack.agencies, 200_000, 200, &NEVER).await;
    let report = adds_up(&mut world).await;
    let messages = world::messages(&world.seen);
    let begins = messages
        .iter()
        .filter(|m| matches!(m, SourceMessage::SnapshotBegin(b) if b.epoch == 1 && b.tables == ["birth"]));
    assert_eq!(begins.count(), 3);
    let ends: Vec<u64> = messages
        .iter()
        .filter_map(|m| if let SourceMessage::SnapshotEnd(end) = m { Some(end.tables[0].rows) } else { None })
        .collect();
    assert!(ends.len() == 3 && ends[0] >= 5000 && ends.iter().all(|rows| *rows == ends[0]), "{ends:?}");
    let rows = world.number("select count(*) from hotich.khai_sinh").await;
    assert_eq!(i64::try_from(report.tables[0].rows), Ok(rows));
    assert!(rounds > 0 && records(&messages).iter().any(|r| r.version.ordinal > 0));
    let metrics = adapter.metrics();
    assert!(metrics.contains("dansync_source_connected{source=\"civil_status\"} 1"), "{metrics}");
    in_time("the drain", adapter.stop()).await.unwrap();
    world
        .until_true(
            "the slot's acknowledgement",
            "select active = false from pg_replication_slots where database = current_database()",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_adapter_resumes_without_gap_or_repetition() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    world
        .run("insert into hotich.khai_sinh (id, ten) select i, 'Lê ' || i from generate_series(1, 100) i")
        .await;
    let database = world.database.clone();
    let mut process = world.spawn();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    for round in 0..5 {
        let written = world.seen.len();
        let writing = write(&database, &stack.agencies, 100_000 + 1000 * round, 150, &NEVER);
        tokio::pin!(writing);
        if round % 2 == 0 {
            // Killed while it streams.
            writing.await;
            world.until("some more", |m| m.len() > written).await;
            process.kill9();
        } else {
            // Killed while rows are written, somewhere.
            let some = tokio::time::timeout(Duration::from_millis(120), &mut writing).await;
            process.kill9();
            if some.is_err() {
                writing.await;
            }
        }
        process = world.spawn();
    }
    adds_up(&mut world).await;
    let all = counters(&world::messages(&world.seen));
    for id in 1..=100 {
        let row = &all[&format!("civil_status/birth/{id}/child")];
        let expected: Vec<i64> = (0..=75).collect();
        assert_eq!(row, &expected, "row {id}");
    }
    process.kill9();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_larger_than_a_batch_is_split_and_survives_a_kill() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "[limits]\nbatch_records = 500").await;
    let process = world.spawn();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    world
        .run("insert into hotich.khai_sinh (id, ten) select i, 'Lê ' || i from generate_series(1, 40000) i")
        .await;
    world.until("a part", |m| records(m).len() > 1000).await;
    process.kill9();
    let adapter = world.start();
    adds_up(&mut world).await;
    let messages = world::messages(&world.seen);
    let records = records(&messages);
    assert_eq!(records.len(), 40_000);
    let position = records[0].version.position;
    assert!(records.iter().all(|r| r.version.position == position), "one transaction, one position");
    in_time("the drain", adapter.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_no_longer_says_is_withdrawn_and_a_truncation_is_told() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    // A large value that an update does not touch stays where it was.
    world.run("alter table hotich.khai_sinh alter ghi_chu set storage external").await;
    world.run("insert into hotich.khai_sinh (id, ten, me, ghi_chu) values (1, 'Lê A', 'Mẹ A', repeat('chữ', 3000)), (2, 'Lê B', 'Mẹ B', null)").await;
    world.run("update hotich.khai_sinh set n = 7 where id = 1").await;
    world.run("update hotich.khai_sinh set me = null where id = 1").await;
    world.run("update hotich.khai_sinh set id = 3 where id = 1").await;
    world.run("delete from hotich.khai_sinh where id = 2").await;
    world.run("truncate hotich.khai_sinh").await;
    let messages = world
        .until("the truncation", |m| {
            m.iter().filter(|m| matches!(m, SourceMessage::SnapshotEnd(e) if !e.truncated.is_empty())).count()
                == 3
        })
        .await;
    let said: Vec<String> = {
        let mut all = records(&messages);
        all.sort_by_key(|r| (r.version, r.record_key.clone()));
        all.iter()
            .map(|r| {
                format!(
                    "{} {}",
                    r.record_key.as_str().trim_start_matches("civil_status/birth/"),
                    r.standing.as_str()
                )
            })
            .collect()
    };
    assert_eq!(
        said,
        [
            "1/child asserted",
            "1/mother asserted",
            "2/child asserted",
            "2/mother asserted",
            "1/child asserted",
            "1/mother asserted",
            "1/child asserted",
            "1/mother withdrawn",
            "1/child withdrawn",
            "3/child asserted",
            "2/child withdrawn",
            "2/mother withdrawn",
        ]
    );
    let note = |n: usize| {
        records(&messages)
            .into_iter()
            .filter(|r| r.record_key.as_str().ends_with("1/child"))
            .nth(n)
            .unwrap()
            .fields
            .get(&"other_information".parse().unwrap())
            .and_then(|v| v.text())
            .map(str::len)
    };
    assert_eq!((note(0), note(1)), (Some(15_000), Some(15_000)));
    in_time("the drain", adapter.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_mapped_is_quarantined_marked_and_read_again() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    world.run("insert into hotich.khai_sinh (id, ten, pin) values (1, 'Lê A', '001054000001'), (2, 'Lê B', 'xyz')").await;
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    world.run("update hotich.khai_sinh set pin = '12' where id = 1").await;
    let messages = world
        .until("the second marker", |m| {
            m.iter().filter(|m| matches!(m, SourceMessage::Marker(_))).count() == 2
        })
        .await;
    for message in &messages {
        if let SourceMessage::Marker(marker) = message {
            assert_eq!(marker.reasons, ["bad_pin:pin"]);
        }
    }
    let quarantine = world.kafka().topics().quarantine();
    let held = event_log::read_compacted(&world.kafka(), &quarantine).await.unwrap();
    let row: serde_json::Value = serde_json::from_slice(&held[b"civil_status/birth/2".as_slice()]).unwrap();
    assert_eq!(
        (row["ten"].as_str(), row["pin"].as_str(), row["me"].is_null()),
        (Some("Lê B"), Some("xyz"), true)
    );
    // The cause goes away without the row changing: the mapping no longer reads the column.
    in_time("the drain", adapter.stop()).await.unwrap();
    let mapping = std::fs::read_to_string(&world.mapping_file).unwrap();
    std::fs::write(
        &world.mapping_file,
        mapping
            .replace("{ kind = \"pin\", column = \"pin\" }, ", "")
            .replace("mapping_version = 1", "mapping_version = 2"),
    )
    .unwrap();
    let adapter = world.start();
    let report =
        in_time("asking", source_adapter::redrive(&world.config(), RedriveScope::Quarantined)).await.unwrap();
    assert_eq!(report.keys, 2);
    let messages =
        world.until("the rows", |m| records(m).iter().filter(|r| r.mapping_version == 2).count() == 4).await;
    let again: Vec<_> = records(&messages).into_iter().filter(|r| r.mapping_version == 2).collect();
    assert!(again.iter().all(|r| r.version.epoch == 1), "the same epoch");
    let standing = |key: &str| again.iter().find(|r| r.record_key.as_str().ends_with(key)).unwrap().standing;
    assert_eq!((standing("2/child"), standing("2/mother")), (Standing::Asserted, Standing::Withdrawn));
    in_time("asking for all", source_adapter::redrive(&world.config(), RedriveScope::All)).await.unwrap();
    world.until("all rows", |m| records(m).iter().filter(|r| r.mapping_version == 2).count() == 8).await;
    adds_up(&mut world).await;
    in_time("the drain", adapter.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_travels_as_it_is_with_its_place_in_the_order() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.registry, "").await;
    world.run("create schema registry; create table registry.link (id bigint primary key, topic text, key text, subject text, payload bytea); \
               grant usage on schema registry to public; grant select on registry.link to public; \
               create publication envelopes for table registry.link with (publish = 'insert')").await;
    let row = |id: i64, key: &str| {
        format!(
            "insert into registry.link values ({id}, 'registry.link', '{key}', 'dansync.LinkEvent', '\\x0{id}')"
        )
    };
    for (id, key) in [(1, "a"), (2, "b"), (3, "a")] {
        world.run(&row(id, key)).await;
    }
    let mapping = format!(
        "source = \"registry\"\nkind = \"envelope\"\nmapping_version = 1\npublication = \"envelopes\"\nslot = \"{}\"\n[[table]]\ntable = \"registry.link\"\nentity = \"link\"\n",
        world.slot
    );
    std::fs::write(&world.mapping_file, mapping).unwrap();
    let adapter = world.start();
    let topic = world.kafka().topics().registry_link();
    world.until_in("the newest of each key", &topic, |seen| seen.len() == 2).await;
    world.run(&row(4, "a")).await;
    world.until_in("the insert", &topic, |seen| seen.len() == 3).await;
    let said = |key: &str| -> Vec<u8> {
        world
            .seen
            .iter()
            .filter(|r| r.key.as_deref() == Some(key.as_bytes()))
            .map(|r| r.payload.as_ref().unwrap()[5])
            .collect()
    };
    assert_eq!((said("a"), said("b")), (vec![3, 4], vec![2]));
    assert!(
        world.seen.iter().all(|r| r.header(header_names::VERSION).is_some()
            && r.header(header_names::SCHEMA_FINGERPRINT).is_some())
    );
    in_time("the drain", adapter.stop()).await.unwrap();
}
