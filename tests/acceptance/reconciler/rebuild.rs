//! A registry that has lost everything derived comes back from what it kept: the same state, the same ids, and as known
//! at every moment before.

use super::generated::{KEY, history};
use super::history::{Log, received, time};
use super::world::{Dice, World, settle};
use reconciler::LoadStage;
use registry_rules::PersonId;
use registry_store::{fingerprint_key, registry_state, state_hash_at};
use sqlx::Executor as _;
use std::collections::BTreeMap;

const PEOPLE: usize = 6;
const STEPS: usize = 60;

/// What must come back: each record's person, each key's id and where it leads, and what was published last of each id.
#[derive(Debug, PartialEq)]
struct Told {
    state: String,
    persons_live: i64,
    persons_merged: i64,
    cases_open: i64,
    records: BTreeMap<String, PersonId>,
    anchors: BTreeMap<String, (PersonId, PersonId, bool)>,
    versions: i64,
    links: i64,
    cases: Vec<(String, String, String, bool, String)>,
    dates: Vec<(PersonId, chrono::NaiveDate)>,
    heads: Vec<(PersonId, i64, i16, bool, Option<String>)>,
}

async fn told(world: &World) -> Told {
    let pool = &world.pool;
    let state = registry_state(pool).await.unwrap();
    let records: Vec<(String, PersonId)> = sqlx::query_as(
        "select r.record_key, a.leads_to from record_latest r join anchor a using (anchor) order by 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let anchors: Vec<(String, PersonId, PersonId, bool)> =
        sqlx::query_as("select anchor, person_id, leads_to, yielded from anchor")
            .fetch_all(pool)
            .await
            .unwrap();
    let count = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(pool).await.unwrap() };
    Told {
        state: state.hash.to_string(),
        persons_live: state.counts.persons_live,
        persons_merged: state.counts.persons_merged,
        cases_open: state.counts.cases_open,
        records: records.into_iter().collect(),
        anchors: anchors.into_iter().map(|(a, own, leads, y)| (a, (own, leads, y))).collect(),
        versions: count("select count(*) from person_version").await,
        links: count("select count(*) from link").await,
        cases: sqlx::query_as(
            "select subject, kind, field, open, fingerprint from registry_case order by 1, 2, 3",
        )
        .fetch_all(pool)
        .await
        .unwrap(),
        dates: sqlx::query_as("select person_id, on_date from due where reason = 'date' order by 1")
            .fetch_all(pool)
            .await
            .unwrap(),
        heads: sqlx::query_as(
            "select person_id, version, lifecycle, countable, facts from person where version > 0 order by 1",
        )
        .fetch_all(pool)
        .await
        .unwrap(),
    }
}

/// All that follows from something else.
const DERIVED: &str = "delete from record_latest; delete from register_entry; delete from decision_record;
    delete from decision; delete from record_former; delete from anchor; delete from person; delete from due;";

#[tokio::test]
async fn what_is_derived_comes_back_from_the_kept_versions_with_its_ids() {
    for seed in 21..=25 {
        let mut dice = Dice(seed);
        let log = Log::shuffled(&history(seed, PEOPLE, STEPS), &mut dice);
        let (world, reconciler) = received(&log.0, &mut dice).await;
        let before = told(&world).await;
        let key = fingerprint_key(KEY);
        let middle = Some(time(log.0.len() / 2));
        let then = state_hash_at(&world.pool, middle, &key).await.unwrap();
        world.pool.execute(DERIVED).await.unwrap();
        let rebuilt = reconciler.rebuild().await.unwrap();
        assert!(rebuilt.versions > rebuilt.records && rebuilt.records > 0);
        settle(&reconciler).await;
        assert_eq!(reconciler.advance().await.unwrap(), LoadStage::Live);
        let after = told(&world).await;
        assert_eq!((&after.records, &after.anchors), (&before.records, &before.anchors), "seed {seed}");
        assert_eq!(after.heads, before.heads, "seed {seed}");
        assert_eq!(after.dates, before.dates, "seed {seed}");
        assert_eq!(after, before, "seed {seed}");
        assert_eq!(
            state_hash_at(&world.pool, middle, &key).await.unwrap(),
            then,
            "seed {seed}: as known then"
        );
    }
}

#[tokio::test]
async fn a_rebuilt_registry_goes_on_as_if_nothing_had_been() {
    let mut dice = Dice(31);
    let log = Log::shuffled(&history(31, PEOPLE, STEPS), &mut dice);
    let (whole, _reconciler) = received(&log.0, &mut dice).await;
    let half = log.0.len() / 2;
    let (mut world, reconciler) = received(&log.0[..half], &mut dice).await;
    reconciler.rebuild().await.unwrap();
    settle(&reconciler).await;
    for one in &log.0[half..] {
        let batch = super::history::batch(&mut world, std::slice::from_ref(one));
        super::apply(&reconciler, &batch).await;
    }
    settle(&reconciler).await;
    assert_eq!(world.state().await, whole.state().await);
}
