//! The proof that nothing is acknowledged before it is committed, on a broker that stands still with events in flight; and
//! the same with an adapter that acknowledges what it has only received.

use super::relay::Relay;
use super::world::{World, in_time, records};
use super::{NEVER, adds_up, write};
use acceptance::stack::{Kafka, exclusive};
use event_log::{SourceMessage, decode_source_position, read_compacted, split_wire_header};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use service_runtime::ExitClass;
use std::sync::atomic::Ordering;

/// Transactions in flight while the broker stands still: several batches.
const IN_FLIGHT: i64 = 60;

/// A broker that stands still until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    async fn broker(kafka: &Kafka) -> Self {
        let pids: Vec<Pid> = kafka.pids().await.into_iter().map(Pid::from_raw).collect();
        assert!(!pids.is_empty(), "the broker is our own");
        for pid in &pids {
            kill(*pid, Signal::SIGSTOP).unwrap();
        }
        Self(pids)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            kill(*pid, Signal::SIGCONT).ok();
        }
    }
}

/// How far the source believes us to be.
async fn acknowledged(world: &mut World) -> u64 {
    let slot = world.slot.clone();
    let sql = format!(
        "select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots where slot_name = '{slot}'"
    );
    world.number(&sql).await.cast_unsigned()
}

/// How far the log proves it.
async fn committed(world: &World) -> u64 {
    let kafka = world.kafka();
    let stored = read_compacted(&kafka, &kafka.topics().positions()).await.unwrap();
    let (_, body) = split_wire_header(&stored[b"civil_status".as_slice()]).unwrap();
    decode_source_position(body).unwrap().position
}

/// What the source and the log said while the broker stood still, and how the next adapter fared.
struct Course {
    /// The source's belief, after the adapter had received everything and answered twice.
    acknowledged: u64,
    /// What was committed before: nothing can have been since.
    committed: u64,
    /// Why the adapter that came after the killed one refused to begin.
    refused: Option<anyhow::Error>,
}

impl Course {
    /// What must hold.
    fn acknowledged_only_what_was_committed(&self) -> bool {
        self.acknowledged <= self.committed
    }
}

/// An adapter is killed while the broker stands still; `early`: it has told the source that it has stored what it received.
async fn freeze(early: bool) -> Course {
    let stack = exclusive().await.unwrap();
    // No position moves by itself in between.
    let mut world =
        World::new(&stack, &stack.agencies, "[limits]\nheartbeat = \"1h\"\nbatch_records = 20").await;
    let relay = Relay::to(stack.agencies.port()).await;
    let config = std::fs::read_to_string(&world.config_file).unwrap();
    let (own, through) = (format!(":{}/", stack.agencies.port()), format!(":{}/", relay.port));
    assert!(config.contains(&own), "the source's address");
    std::fs::write(&world.config_file, config.replace(&own, &through)).unwrap();
    let killed = world.spawn();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê A')").await;
    world.until("the first row", |m| records(m).len() == 1).await;

    let committed = committed(&world).await;
    let frozen = Frozen::broker(&stack.kafka).await;
    write(&world.database, &stack.agencies, 1_000, IN_FLIGHT, &NEVER).await;
    let end: String =
        sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(&mut world.sql).await.unwrap();
    let slot = world.slot.clone();
    let sender = format!("from pg_stat_replication where application_name = '{slot}'");
    world.until_true("everything to be sent", &format!("select sent_lsn >= '{end}' {sender}")).await;
    if early {
        relay.at_least.store(
            world.number(&format!("select ('{end}'::pg_lsn - '0/0')::bigint")).await.cast_unsigned(),
            Ordering::SeqCst,
        );
    }
    // Two answers after that: whatever it has to say by then it has said.
    for answer in ["an answer", "another answer"] {
        let now: String =
            sqlx::query_scalar("select clock_timestamp()::text").fetch_one(&mut world.sql).await.unwrap();
        world.until_true(answer, &format!("select reply_time > '{now}' {sender}")).await;
    }
    let acknowledged = acknowledged(&mut world).await;
    killed.kill9();
    drop(frozen);
    world.read_anew();

    let released = format!("select not active from pg_replication_slots where slot_name = '{slot}'");
    world.until_true("the slot's release", &released).await;
    let next = world.start();
    let refused = if early {
        Some(in_time("the refusal", next.end()).await.unwrap_err())
    } else {
        // Every row as the source has it, each version once.
        adds_up(&mut world).await;
        in_time("the drain", next.stop()).await.unwrap();
        None
    };
    Course { acknowledged, committed, refused }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stands_still_has_nothing_acknowledged_and_nothing_is_lost() {
    let course = freeze(false).await;
    assert!(
        course.acknowledged_only_what_was_committed(),
        "{:X} acknowledged, {:X} committed",
        course.acknowledged,
        course.committed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_commit_is_noticed() {
    let course = freeze(true).await;
    assert!(!course.acknowledged_only_what_was_committed());
    // What was in flight is gone from both: the adapter says so, and what to do.
    let refused = course.refused.unwrap();
    let text = format!("{refused:#}");
    assert_eq!(ExitClass::code_of(&refused), 78, "{text}");
    assert!(text.contains("ahead of the stored position") && text.contains("dansync source"), "{text}");
}
