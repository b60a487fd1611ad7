//! The proof that nothing is acknowledged before it is committed, and the same turned round.

use super::world::{World, in_time};
use super::{NEVER, write};
use acceptance::stack::shared;
use event_log::{SourceMessage, decode_source_position, read_compacted, split_wire_header};

/// How far the source believes us to be, and how far the log proves it, looked at in this order: the second may only have
/// moved on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    acknowledged: u64,
    committed: u64,
}

async fn look(world: &mut World) -> Look {
    let slot = world.slot.clone();
    let acknowledged = format!(
        "select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots where slot_name = '{slot}'"
    );
    let acknowledged = world.number(&acknowledged).await.cast_unsigned();
    let kafka = world.kafka();
    let stored = read_compacted(&kafka, &kafka.topics().positions()).await.unwrap();
    let (_, body) = split_wire_header(&stored[b"civil_status".as_slice()]).unwrap();
    Look { acknowledged, committed: decode_source_position(body).unwrap().position }
}

/// What must hold at any moment.
fn acknowledges_only_what_is_committed(looks: &[Look]) -> bool {
    looks.iter().all(|look| look.acknowledged <= look.committed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_commit_is_noticed() {
    const LOOKS: usize = 20;
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê A')").await;
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    let database = world.database.clone();
    let mut looks = Vec::new();
    let looking = async {
        while looks.len() < LOOKS {
            looks.push(look(&mut world).await);
        }
    };
    tokio::join!(write(&database, &stack.agencies, 1_000, 400, &NEVER), looking);
    assert!(acknowledges_only_what_is_committed(&looks), "{looks:?}");
    // Acknowledgements did come while it was looked.
    let slot = world.slot.clone();
    let first = looks[0].acknowledged;
    let moved = format!(
        "select confirmed_flush_lsn - '0/0' > {first} from pg_replication_slots where slot_name = '{slot}'"
    );
    world.until_true("an acknowledgement", &moved).await;
    in_time("the drain", adapter.stop()).await.unwrap();
    let released = format!("select not active from pg_replication_slots where slot_name = '{slot}'");
    world.until_true("the slot's release", &released).await;

    // As an adapter would do that told the source first and was killed before its commit.
    world.run("insert into hotich.khai_sinh (id, ten) values (2, 'Lê B')").await;
    world.run(&format!("select pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")).await;
    let broken = look(&mut world).await;
    assert!(!acknowledges_only_what_is_committed(&[broken]), "{broken:?}");
}
