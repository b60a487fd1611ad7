//! What is wrong at the source is refused with exit 78, a precise message and the way out.

use super::world::{World, in_time, records};
use acceptance::stack::shared;
use event_log::SourceMessage;
use service_runtime::ExitClass;

/// Starts an adapter that must refuse, and gives its words.
async fn refusal(world: &World) -> String {
    let error = in_time("the refusal", world.start().end()).await.unwrap_err();
    let text = format!("{error:#}");
    assert_eq!(ExitClass::code_of(&error), 78, "{text}");
    text
}

async fn refused(world: &World, words: &[&str]) {
    let text = refusal(world).await;
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
}

async fn snapshot_and_stop(world: &mut World) {
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(|m| matches!(m, SourceMessage::SnapshotEnd(_)))).await;
    in_time("the drain", adapter.stop()).await.unwrap();
    // The server ends its side a moment later.
    let slot = world.slot.clone();
    let released = format!("select not active from pg_replication_slots where slot_name = '{slot}'");
    world.until_true("the slot's release", &released).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_at_the_source() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    // All at once.
    world.run("alter table hotich.khai_sinh replica identity default; alter publication dansync set (publish = 'insert, update')").await;
    refused(&world, &["alter table hotich.khai_sinh replica identity full", "delete, truncate"]).await;
    world.run("alter table hotich.khai_sinh replica identity full; alter publication dansync set (publish = 'insert, update, delete, truncate')").await;
    world.run("alter publication dansync set table hotich.khong_lien_quan").await;
    refused(&world, &["alter publication dansync add table hotich.khai_sinh"]).await;
    world.run("alter publication dansync set table hotich.khai_sinh where (id > 0)").await;
    refused(&world, &["filters the rows"]).await;
    world.run("drop publication dansync").await;
    refused(&world, &["create publication dansync for table hotich.khai_sinh"]).await;
    world.run("create publication dansync for table hotich.khai_sinh; alter table hotich.khai_sinh rename me to me_khac").await;
    refused(&world, &["column 'me'"]).await;
    world.run("alter table hotich.khai_sinh rename me_khac to me; alter table hotich.khai_sinh rename to khai_sinh_khac").await;
    refused(&world, &["hotich.khai_sinh, which the source does not have"]).await;
    world.run("alter table hotich.khai_sinh_khac rename to khai_sinh").await;
    snapshot_and_stop(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_may_hide_a_loss_and_the_way_out() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    let slot = world.slot.clone();
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê A')").await;
    world.run(&format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')")).await;
    refused(&world, &["no position of the source is stored", "dansync source reset civil_status"]).await;
    world.run(&format!("select pg_drop_replication_slot('{slot}')")).await;
    world.run(&format!("select pg_create_logical_replication_slot('{slot}', 'test_decoding')")).await;
    refused(&world, &["belongs to plugin test_decoding"]).await;
    world.run(&format!("select pg_drop_replication_slot('{slot}')")).await;
    snapshot_and_stop(&mut world).await;

    world.run("insert into hotich.khai_sinh (id, ten) values (2, 'Lê B')").await;
    world.run(&format!("select pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")).await;
    refused(&world, &["ahead of the stored position", "dansync source reset civil_status"]).await;
    in_time("the reset", source_adapter::reset(&world.config())).await.unwrap();
    world.run("delete from hotich.khai_sinh where id = 1").await;
    let adapter = world.start();
    let second = |m: &SourceMessage| matches!(m, SourceMessage::SnapshotEnd(e) if e.epoch == 2 && e.tables[0].rows == 1);
    let messages = world.until("the second snapshot", |m| m.iter().filter(|m| second(m)).count() == 3).await;
    assert_eq!(records(&messages).iter().filter(|r| r.version.epoch == 2).count(), 1);
    let in_use = in_time("a reset beside it", source_adapter::reset(&world.config())).await.unwrap_err();
    assert_eq!(ExitClass::code_of(&in_use), 69, "{in_use:#}");
    in_time("the drain", adapter.stop()).await.unwrap();
    world
        .until_true(
            "the slot's release",
            &format!("select not active from pg_replication_slots where slot_name = '{slot}'"),
        )
        .await;

    world.run(&format!("select pg_drop_replication_slot('{slot}')")).await;
    refused(&world, &["is lost (it does not exist)", "dansync source reset civil_status"]).await;
    // The same position at another cluster.
    let text = std::fs::read_to_string(&world.config_file).unwrap();
    let other = World::new(&stack, &stack.sectors, "").await;
    let dsn = |text: &str| {
        text.lines()
            .filter(|l| l.starts_with("dsn") || l.starts_with("password"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let there = std::fs::read_to_string(&other.config_file).unwrap();
    let moved = dsn(&text)
        .iter()
        .zip(dsn(&there))
        .fold(text.clone(), |text, (ours, theirs)| text.replace(ours.as_str(), &theirs));
    std::fs::write(&world.config_file, moved).unwrap();
    refused(&world, &["cluster with system id", "dansync source reset civil_status"]).await;
}
