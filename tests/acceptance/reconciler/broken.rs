//! The proofs of this module turned round: with a guard taken away, the check that stands for it fails.

use super::world::{World, settle};
use super::{families, family, loaded};
use event_log::SourceMessage;
use registry_store::{Outcomes, move_positions};
use sqlx::Executor as _;
use std::sync::Arc;

const FAMILIES: usize = 6;

/// Whether messages in the reverse order end in the same state. Without the guard, what arrives last is the newest: the
/// versions that the sources gave are as if nobody compared them.
async fn order_does_not_matter(guarded: bool) -> bool {
    let expected = loaded(FAMILIES).await.0.state().await;
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let mut said = families(FAMILIES);
    said.reverse();
    for (arrival, message) in said.iter_mut().enumerate() {
        if let SourceMessage::Record(record) = message
            && !guarded
        {
            record.version.position = 1_000 + u64::try_from(arrival).unwrap();
        }
    }
    while !said.is_empty() {
        // Versions of one record meet within a batch and across batches.
        let batch = world.batch(said.drain(..said.len().min(7)));
        world.apply(&reconciler, &batch).await;
    }
    settle(&reconciler).await;
    world.state().await == expected
}

#[tokio::test]
async fn without_the_version_guard_order_matters() {
    let (guarded, unguarded) = tokio::join!(order_does_not_matter(true), order_does_not_matter(false));
    assert!(guarded);
    assert!(!unguarded, "this check would not notice that the guard is gone");
}

/// Whether a batch whose transaction was aborted is applied when it comes again. `apart`: the position was moved by a
/// transaction of its own, which the abort of the other does not touch.
async fn an_aborted_batch_comes_again(apart: bool) -> bool {
    let expected = loaded(1).await.0.state().await;
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let batch = world.batch(family(0));
    world
        .pool
        .execute(
            "create function abort() returns trigger language plpgsql as 'begin raise exception ''abort''; end';
             create constraint trigger abort after insert on record_latest deferrable initially deferred
                 for each row execute function abort();",
        )
        .await
        .unwrap();
    assert!(reconciler.apply(&batch).await.is_err(), "the commit was to fail");
    if apart {
        let mut connection = world.pool.acquire().await.unwrap();
        let next = |message: &reconciler::IncomingMessage| {
            (Arc::clone(&message.topic), message.partition, message.offset + 1, Outcomes::default())
        };
        let moves: Vec<_> = batch.messages.iter().map(next).collect();
        for one in moves {
            move_positions(&mut connection, super::world::GROUP, &[one]).await.unwrap();
        }
    }
    world.pool.execute("drop trigger abort on record_latest").await.unwrap();
    world.apply(&reconciler, &batch).await;
    settle(&reconciler).await;
    world.state().await == expected
}

#[tokio::test]
async fn with_the_position_outside_the_transaction_a_batch_is_lost() {
    let (together, apart) =
        tokio::join!(an_aborted_batch_comes_again(false), an_aborted_batch_comes_again(true));
    assert!(together);
    assert!(!apart, "this check would not notice the position apart");
}
