//! The merge transaction on a real PostgreSQL, without the log: whatever the order, the state is the same.

mod alone;
mod broken;
mod cases;
mod figures;
mod generated;
mod history;
mod matching;
mod neighbours;
mod pages;
mod past_links;
mod rebuild;
mod rehearse;
mod reports;
mod rulings;
mod standing;
mod world;

use chrono::Utc;
use event_log::{ControlEvent, SourceMessage};
use reconciler::{Applied, Body, Incoming, IncomingMessage, LoadStage};
use registry_rules::{AnswerKind, FieldState, Lifecycle, Standing, StateHash};
use registry_store::{
    PersonView, allow_sweep, fence_counts, fence_digests, find_person, list_cases, list_sweeps, show_person,
};
use sqlx::PgPool;
use std::sync::Arc;
use tokio::task::JoinSet;
use world::{Dice, Make, World, apply, day, family, pins, settle};

async fn person(pool: &PgPool, name: &str) -> PersonView {
    let id = find_person(pool, name).await.unwrap().expect("somebody is found");
    show_person(pool, id).await.unwrap().expect("somebody is published")
}

fn text<'a>(person: &'a PersonView, field: &str) -> Option<&'a str> {
    person.fields.get(&field.parse().unwrap()).and_then(|f| f.value.text())
}

fn families(count: usize) -> Vec<SourceMessage> {
    (0..count).flat_map(family).collect()
}

/// All that the sources say, read before anybody is told anything.
async fn loaded(count: usize) -> (World, reconciler::Reconciler) {
    let (mut world, reconciler) = World::new().await;
    let batch = world.batch(families(count));
    world.apply(&reconciler, &batch).await;
    world.go_live(&reconciler).await;
    (world, reconciler)
}

#[tokio::test]
async fn any_order_and_any_repetition_end_in_the_same_state() {
    const FAMILIES: usize = 9;
    let expected = loaded(FAMILIES).await.0.state().await;
    for seed in 0..4 {
        let (mut world, reconciler) = World::new().await;
        world.go_live(&reconciler).await;
        let mut dice = Dice(seed);
        let mut said = families(FAMILIES);
        let again: Vec<_> = said.iter().filter(|_| dice.below(4) == 0).cloned().collect();
        said.extend(again);
        dice.shuffle(&mut said);
        while !said.is_empty() {
            let size = (1 + dice.below(25)).min(said.len());
            let batch = world.batch(said.drain(..size));
            world.apply(&reconciler, &batch).await;
            if dice.below(3) == 0 {
                settle(&reconciler).await;
            }
        }
        settle(&reconciler).await;
        assert_eq!(world.state().await, expected, "seed {seed}");
        assert_eq!(world.outcomes.records(), world.offset - 12, "every message has one outcome");
    }
}

#[tokio::test]
async fn a_replay_from_the_beginning_changes_nothing() {
    let (mut world, reconciler) = loaded(6).await;
    let before = world.state().await;
    let versions = published(&world.pool).await;
    let batch = world.batch(families(6));
    let summary = world.apply(&reconciler, &batch).await;
    settle(&reconciler).await;
    assert_eq!((summary.versions, world.state().await), (0, before));
    assert_eq!(published(&world.pool).await, versions);
}

async fn published(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from person_version").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn two_writers_at_once_end_in_the_same_state() {
    let (expected, count) = (loaded(12).await.0.state().await, 12);
    let (mut world, first) = World::new().await;
    world.go_live(&first).await;
    let second = world.reconciler().await;
    let mut dice = Dice(99);
    let mut said = families(count);
    dice.shuffle(&mut said);
    let all = world.batch(said);
    let mut writers = JoinSet::new();
    for (reconciler, own) in [(first, 0), (second, 1)] {
        let mine: Vec<_> = all.messages.iter().filter(|m| m.partition == own).cloned().collect();
        let batches: Vec<Incoming> = mine
            .chunks(17)
            .map(|messages| world.claimed(Incoming { messages: messages.to_vec(), ..Incoming::default() }))
            .collect();
        writers.spawn(async move {
            for batch in batches {
                apply(&reconciler, &batch).await;
            }
            reconciler
        });
    }
    let reconcilers = writers.join_all().await;
    settle(&reconcilers[0]).await;
    assert_eq!(world.state().await, expected);
}

#[tokio::test]
async fn nobody_is_told_half_a_person() {
    let (mut world, reconciler) = World::new().await;
    let batch = world.batch(families(3));
    world.apply(&reconciler, &batch).await;
    for source in ["civil_status", "identity"] {
        world.snapshot(&reconciler, source, 1, &[]).await;
        settle(&reconciler).await;
        assert_eq!(published(&world.pool).await, 0, "the residence database is not read yet");
    }
    world.snapshot(&reconciler, "residence", 1, &[]).await;
    assert_eq!(indexes_of_records(&world.pool).await, 1, "only the primary key while records are kept");
    assert_eq!(reconciler.advance().await.unwrap(), LoadStage::Attach);
    assert_eq!(indexes_of_records(&world.pool).await, 5, "and all of them before anybody looks");
    let early = world.batch(family(4));
    assert!(matches!(reconciler.apply(&early).await.unwrap(), Applied::Loading(LoadStage::Attach)));
    settle(&reconciler).await;
    let persons: i64 =
        sqlx::query_scalar("select count(*) from person").fetch_one(&world.pool).await.unwrap();
    assert_eq!(published(&world.pool).await, persons, "each person once");
    let [husband, wife, child] = pins(0);
    let child = person(&world.pool, &child).await;
    let relatives = child.fields.get(&"relatives".parse().unwrap()).expect("parents are known at once");
    let relatives = serde_json::to_string(&relatives.value).unwrap();
    assert!(relatives.contains(&husband) && relatives.contains(&wife));
    apply(&reconciler, &early).await;
}

async fn indexes_of_records(pool: &PgPool) -> i64 {
    let indexes = "select count(*) from pg_index where indrelid = 'record_latest'::regclass and indisvalid";
    sqlx::query_scalar(indexes).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_number_first_seen_for_a_provisional_person_takes_the_id_over() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let birth = || {
        Make::new("civil_status", "birth", "7", "child").act("1/B/2026/7").name("Lê An").born("2026-02-02")
    };
    world.say(&reconciler, [birth()]).await;
    let before = person(&world.pool, "civil_status/birth/7/child").await;
    let pin = "001226000007";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Lê An").born("2026-02-02");
    world.say(&reconciler, [entry.refers_to_birth("1/B/2026/7")]).await;
    let after = person(&world.pool, pin).await;
    assert_eq!((after.person_id, after.absorbed.len(), after.records.len()), (before.person_id, 0, 2));
    assert_eq!(text(&after, "pin"), Some(pin));
    let told = answers(&world.pool, "civil_status/birth/7/child").await;
    assert_eq!(told, [AnswerKind::Accepted, AnswerKind::PinIssued]);
    // The act is annulled for this number: the two part, and the act's person is somebody again.
    let other = Make::new("identity", "pin", pin, "holder").pin(pin).name("Lê An").born("2026-02-02");
    world.say(&reconciler, [other.refers_to_birth("1/B/2026/8").at(200)]).await;
    let parted = person(&world.pool, "civil_status/birth/7/child").await;
    assert_ne!(parted.person_id, before.person_id);
    assert_eq!(person(&world.pool, pin).await.person_id, before.person_id);
}

async fn answers(pool: &PgPool, record_key: &str) -> Vec<AnswerKind> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select payload from answer where key = $1 order by id")
        .bind(record_key)
        .fetch_all(pool)
        .await
        .unwrap();
    rows.iter().map(|row| event_log::decode_answer(row).unwrap().outcome).collect()
}

#[tokio::test]
async fn a_provisional_person_joins_a_known_number_and_comes_back() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let pin = "001190000001";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Trần Mơ").born("1990-01-02");
    let copy =
        || Make::new("residence", "person", "R1", "resident").person("R1").name("Trần Mơ").born("1990-01-02");
    world.say(&reconciler, [copy()]).await;
    let alone = person(&world.pool, "residence/person/R1/resident").await;
    world.say(&reconciler, [entry]).await;
    let known = person(&world.pool, pin).await;
    assert_ne!(alone.person_id, known.person_id);
    world.say(&reconciler, [copy().pin(pin).at(110)]).await;
    let joined = person(&world.pool, pin).await;
    assert_eq!((joined.person_id, &*joined.absorbed), (known.person_id, &[alone.person_id][..]));
    let gone = show_person(&world.pool, alone.person_id).await.unwrap().unwrap();
    assert_eq!((gone.lifecycle, gone.merged_into), (Lifecycle::Merged, Some(known.person_id)));
    world.say(&reconciler, [copy().at(120)]).await;
    let back = person(&world.pool, "residence/person/R1/resident").await;
    assert_eq!((back.person_id, back.lifecycle), (alone.person_id, Lifecycle::Active));
    assert!(person(&world.pool, pin).await.absorbed.is_empty());
}

#[tokio::test]
async fn a_record_whose_number_names_somebody_else_opens_a_case_and_closes_it() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let pin = "001190000001";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Trần Mơ").born("1990-01-02");
    let stranger = Make::new("residence", "person", "R1", "resident").person("R1").pin(pin);
    world.say(&reconciler, [entry, stranger.clone().name("Phạm Khánh").born("1960")]).await;
    let open = list_cases(&world.pool, true, 0, 10).await.unwrap();
    assert_eq!(open.iter().map(|c| &*c.kind).collect::<Vec<_>>(), ["identifier_conflict"]);
    assert_eq!(answers(&world.pool, "residence/person/R1/resident").await, [AnswerKind::Held]);
    world.say(&reconciler, [stranger.name("Trần Mơ").born("1990").at(110)]).await;
    assert!(list_cases(&world.pool, true, 0, 10).await.unwrap().is_empty());
    assert_eq!(person(&world.pool, pin).await.records.len(), 2);
}

#[tokio::test]
async fn a_partition_with_a_new_owner_is_left_to_it() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let batch = world.batch(family(0));
    world.claim().await;
    let summary = apply(&reconciler, &batch).await;
    assert_eq!((summary.fenced.len(), summary.outcomes.len()), (batch.claims.len(), 0));
    assert_eq!(published(&world.pool).await, 0);
    let batch = world.claimed(batch);
    apply(&reconciler, &batch).await;
    let again = apply(&reconciler, &batch).await;
    assert!(again.outcomes.is_empty(), "a re-delivery is known by its offset");
}

#[tokio::test]
async fn what_a_snapshot_did_not_show_is_withdrawn_unless_it_is_too_much() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let row = |n: usize| {
        let id = format!("S{n}");
        Make::new("residence", "person", &id, "resident").person(&id).name("Ngô Vy").born("1999")
    };
    world.say(&reconciler, (0..50).map(row)).await;
    world.say(&reconciler, (3..50).map(|n| row(n).epoch(2).at(7))).await;
    world.snapshot(&reconciler, "residence", 2, &["person"]).await;
    settle(&reconciler).await;
    let standing = "select count(*) from record_latest where standing <> 4";
    let left: i64 = sqlx::query_scalar(standing).fetch_one(&world.pool).await.unwrap();
    assert_eq!(left, 47);
    world.say(&reconciler, (10..20).map(|n| row(n).epoch(3).at(7))).await;
    world.snapshot(&reconciler, "residence", 3, &["person"]).await;
    settle(&reconciler).await;
    let waiting: Vec<_> =
        list_sweeps(&world.pool).await.unwrap().into_iter().filter(|s| s.state == "waiting").collect();
    assert_eq!(waiting.iter().map(|s| (s.epoch, s.missing, s.total)).collect::<Vec<_>>(), [(3, 37, 47)]);
    let mut connection = world.pool.acquire().await.unwrap();
    assert!(allow_sweep(&mut connection, "residence", 3, "person").await.unwrap());
    settle(&reconciler).await;
    let left: i64 = sqlx::query_scalar(standing).fetch_one(&world.pool).await.unwrap();
    assert_eq!(left, 10);
}

#[tokio::test]
async fn a_day_that_comes_changes_an_answer_by_itself() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let move_in = |key: &str, from: &str, file: &str| {
        let row = Make::new("residence", "permanent", key, "resident").person("R1").from(from);
        row.text("residence_file_no", file)
    };
    world.say(&reconciler, [move_in("1", "2020-01-01", "A"), move_in("2", "2026-03-05", "B")]).await;
    let key = "residence/permanent/1/resident";
    assert_eq!(text(&person(&world.pool, key).await, "residence_file_no"), Some("A"));
    world.offset += 1;
    let opened = IncomingMessage {
        topic: world.topics.control(),
        source: "".into(),
        partition: 0,
        offset: world.offset,
        received_at: Utc::now(),
        body: Body::Control(ControlEvent::DayOpened { date: day("2026-03-05") }),
    };
    let batch = world.claimed(Incoming { messages: vec![opened], ..Incoming::default() });
    assert!(apply(&reconciler, &batch).await.more_to_do);
    settle(&reconciler).await;
    assert_eq!(text(&person(&world.pool, key).await, "residence_file_no"), Some("B"));
}

#[tokio::test]
async fn a_decision_settles_a_case_and_a_new_value_reopens_it() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let pin = "001190000001";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Trần Mơ").born("1990-01-02");
    let copy =
        |date: &str| Make::new("residence", "person", "R1", "resident").pin(pin).name("Trần Mơ").born(date);
    world.say(&reconciler, [entry, copy("1990-01-03")]).await;
    assert_eq!(list_cases(&world.pool, true, 0, 9).await.unwrap().len(), 1);
    let key = registry_store::fingerprint_key("a key for tests");
    let seen = |record: &str, date: &str| {
        let hash = key.value(&registry_rules::FieldValue::Text(date.to_owned()));
        format!(r#"{{"record_key":"{record}","value_hash":"{hash}"}}"#)
    };
    let (register, resident) = ("identity/pin/001190000001/holder", "residence/person/R1/resident");
    let considered = format!("[{},{}]", seen(register, "1990-01-02"), seen(resident, "1990-01-03"));
    let decision = Make::new("steward", "decision", "D1", "decision")
        .person("D1")
        .text("steward.field", "npd.date_of_birth")
        .text("steward.takes", resident)
        .text("steward.considered", &considered);
    world.say(&reconciler, [decision]).await;
    assert!(list_cases(&world.pool, true, 0, 9).await.unwrap().is_empty());
    let decided = person(&world.pool, pin).await;
    let field = &decided.fields[&"date_of_birth".parse().unwrap()];
    assert_eq!((field.value.text(), field.state), (Some("1990-01-03"), FieldState::Decided));
    let changed = Make::new("identity", "pin", pin, "holder").pin(pin).name("Trần Mơ").born("1990-01-09");
    world.say(&reconciler, [changed.at(120)]).await;
    assert_eq!(
        list_cases(&world.pool, true, 0, 9).await.unwrap().len(),
        1,
        "nobody has considered that value"
    );
}

#[tokio::test]
async fn a_fence_counts_what_was_said_below_it() {
    let (mut world, reconciler) = loaded(4).await;
    let said = families(4);
    let fence =
        SourceMessage::Fence(event_log::Fence { id: "audit-1".to_owned(), epoch: 1, position: 1_000 });
    for source in world::SOURCES {
        let batch = world.marks(source, &fence);
        world.apply(&reconciler, &batch).await;
    }
    let later = Make::new("residence", "person", "LATE", "resident").person("LATE").at(2_000);
    world.say(&reconciler, [later]).await;
    let counts = fence_counts(&world.pool, "audit-1").await.unwrap();
    assert_eq!(counts.values().map(|c| c.partitions).sum::<i64>(), 6);
    let records: i64 = counts.values().map(|c| c.outcomes.records()).sum();
    assert_eq!(usize::try_from(records).unwrap(), said.len());
    let found = fence_digests(&world.pool, "residence", 1, 1_000).await.unwrap();
    let mut expected = StateHash::default();
    for said in &said {
        if let SourceMessage::Record(r) = said
            && (r.record_key.source(), r.record_key.entity()) == ("residence", "person")
            && r.version.position == 100
            && r.standing != Standing::Withdrawn
        {
            expected.add(&r.content_hash().0);
        }
    }
    assert_eq!(found["person"].digest, expected);
    let topic: Arc<str> = world.topics.source("residence");
    assert_eq!(counts[&*topic].outcomes.quarantined, 0);
}
