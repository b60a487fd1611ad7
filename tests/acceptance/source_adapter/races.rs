//! Two at once: two instances, a transaction beside a watermark, a log that grows beside an idle table.

use super::world::{World, in_time, latest, records};
use acceptance::stack::{exclusive, shared};
use event_log::SourceMessage;
use source_adapter::RedriveScope;
use sqlx::Executor as _;

fn is_end(message: &SourceMessage) -> bool {
    matches!(message, SourceMessage::SnapshotEnd(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_where_the_killed_one_was() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    let first = world.spawn();
    world.until("the snapshot", |m| m.iter().any(is_end)).await;
    let standby = world.start();
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê A')").await;
    world.until("the first row", |m| records(m).len() == 1).await;
    assert!(standby.metrics().contains("dansync_source_connected{source=\"civil_status\"} 0"));
    first.kill9();
    world.run("insert into hotich.khai_sinh (id, ten) values (2, 'Lê B')").await;
    let messages = world.until("the second row", |m| records(m).len() == 2).await;
    assert_eq!(messages.iter().filter(|m| is_end(m)).count(), 3, "no second snapshot");
    in_time("the drain", standby.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_table_holds_no_log_back() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "[limits]\nheartbeat = \"1s\"").await;
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(is_end)).await;
    world.run("insert into hotich.khong_lien_quan select generate_series(1, 50000)").await;
    let end: String =
        sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(&mut world.sql).await.unwrap();
    let slot = world.slot.clone();
    world
        .until_true(
            "the slot's way",
            &format!(
                "select confirmed_flush_lsn >= '{end}' from pg_replication_slots where slot_name = '{slot}'"
            ),
        )
        .await;
    in_time("the drain", adapter.stop()).await.unwrap();
    // What is stored is never behind what the slot has been told.
    let adapter = world.start();
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê A')").await;
    world.until("the row", |m| records(m).len() == 1).await;
    in_time("the drain", adapter.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_interrupted_begins_anew_under_the_next_epoch() {
    let stack = shared().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "[limits]\nbatch_records = 200").await;
    world
        .run("insert into hotich.khai_sinh (id, ten) select i, 'Lê ' || i from generate_series(1, 60000) i")
        .await;
    let process = world.spawn();
    world.until("some rows", |m| records(m).len() > 400).await;
    process.kill9();
    world.run("delete from hotich.khai_sinh where id <= 59900").await;
    let adapter = world.start();
    let messages = world.until("the end", |m| m.iter().filter(|m| is_end(m)).count() == 3).await;
    let epochs: Vec<u32> = messages
        .iter()
        .filter_map(|m| if let SourceMessage::SnapshotEnd(e) = m { Some(e.epoch) } else { None })
        .collect();
    assert_eq!(epochs, [2, 2, 2]);
    assert_eq!(records(&messages).iter().filter(|r| r.version.epoch == 2).count(), 100);
    in_time("the drain", adapter.stop()).await.unwrap();
}

/// A transaction is in the log, and so in the stream, before it can be seen: its commit waits for a standby that never
/// answers. A redrive that reads then must not say again what the row was before.
#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_says_nothing_older_than_the_stream_did() {
    let stack = exclusive().await.unwrap();
    let mut world = World::new(&stack, &stack.agencies, "").await;
    world.run("insert into hotich.khai_sinh (id, ten) values (1, 'Lê Cũ'), (2, 'Lê Hai')").await;
    let adapter = world.start();
    world.until("the snapshot", |m| m.iter().any(is_end)).await;
    world.run("set synchronous_commit = local").await;
    world.run("alter system set synchronous_standby_names = 'nosuch'").await;
    world.run("select pg_reload_conf()").await;
    world.until_true("the setting", "select current_setting('synchronous_standby_names') = 'nosuch'").await;
    let mut waiting = stack.agencies.administer(&world.database).await.unwrap();
    let update = async {
        waiting.execute("update hotich.khai_sinh set ten = 'Lê Mới' where id = 1").await.unwrap();
    };
    let meanwhile = async {
        world.until("the update in the stream", |m| latest_name(m).as_deref() == Some("Lê Mới")).await;
        let asked = source_adapter::redrive(&world.config(), RedriveScope::All).await.unwrap();
        // The read sees the old row again and again, and is thrown away again and again.
        let slot = world.slot.clone();
        world
            .until_true(
                "marks passed",
                &format!("select confirmed_flush_lsn > '{}'::pg_lsn from pg_replication_slots where slot_name = '{slot}'", lsn(asked.position.unwrap() + 2000)),
            )
            .await;
        assert!(!source_adapter::redrive_is_done(&world.config(), &asked).await.unwrap());
        world.run("alter system reset synchronous_standby_names").await;
        world.run("select pg_reload_conf()").await;
        asked
    };
    let ((), asked) = tokio::join!(update, meanwhile);
    in_time("the redrive", async {
        while !source_adapter::redrive_is_done(&world.config(), &asked).await.unwrap() {}
    })
    .await;
    let messages = world.until("the rows again", |m| records(m).len() >= 7).await;
    assert_eq!(latest_name(&messages).as_deref(), Some("Lê Mới"));
    let names: Vec<String> = records(&messages)
        .iter()
        .filter(|r| r.record_key.as_str().ends_with("/1/child"))
        .map(|r| r.fields.values().next().unwrap().part("full").unwrap().to_owned())
        .collect();
    assert_eq!(names, ["Lê Cũ", "Lê Mới", "Lê Mới"], "the old name is said once");
    in_time("the drain", adapter.stop()).await.unwrap();
}

fn latest_name(messages: &[SourceMessage]) -> Option<String> {
    let latest = latest(messages);
    latest.get("civil_status/birth/1/child")?.fields.values().next()?.part("full").map(str::to_owned)
}

fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}
