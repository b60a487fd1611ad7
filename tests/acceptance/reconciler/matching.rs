//! Records without a number: linked to the right person by what speaks for it, never to a twin, in whatever order they come.

use super::rulings::{ruling, taken_back};
use super::world::{Dice, Make, World, settle};
use event_log::SourceMessage;
use reconciler::{Matched, Reconciler, Summary};
use registry_store::{fingerprint_key, scored_around, scored_history, scored_links, state_hash_at};
use sqlx::PgPool;

const MOTHER: (&str, &str, &str) = ("001187000901", "Trần Thị Mơ", "1987-04-05");
pub(super) const CHILD: &str = "001212000901";
pub(super) const TWIN: &str = "001212000902";
pub(super) const NA: &str = "Lê Thị Bích Na";
pub(super) const BORN: &str = "2012-06-07";

/// Lets the matcher work until nothing waits.
pub(super) async fn match_all(reconciler: &Reconciler) -> Matched {
    let mut all = Matched::default();
    loop {
        let mut summary = Summary::default();
        let step = match reconciler.match_step("tests", &mut summary).await {
            Ok(step) => step,
            Err(error) if error.is_contention() => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(!step.stands_by);
        all.decided += step.decided;
        all.linked += step.linked;
        all.unlinked += step.unlinked;
        all.reviews += step.reviews;
        all.over_bound += step.over_bound;
        if !step.worked {
            settle(reconciler).await;
            return all;
        }
    }
}

async fn place(pool: &PgPool, record_key: &str) -> (Option<String>, i16) {
    sqlx::query_as("select anchor, attach_rule from record_latest where record_key = $1")
        .bind(record_key)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// The mother, with her number.
pub(super) fn mother() -> Make {
    let (pin, name, born) = MOTHER;
    Make::new("identity", "pin", pin, "holder").pin(pin).name(name).born(born)
}

/// A birth as registered; the register of numbers issues `pin` for it.
pub(super) fn birth(n: u32, pin: Option<&str>, name: &str, born: &str) -> Vec<Make> {
    let (act, key) = (format!("12/BIRTH/2012/{n}"), n.to_string());
    let mut said = vec![
        Make::new("civil_status", "birth", &key, "child")
            .act(&act)
            .name(name)
            .born(born)
            .text("sex", "sex:2"),
        Make::new("civil_status", "birth", &key, "mother").act(&act).name(MOTHER.1).pin(MOTHER.0),
    ];
    said.extend(pin.map(|pin| {
        Make::new("identity", "pin", pin, "holder").pin(pin).name(name).born(born).refers_to_birth(&act)
    }));
    said
}

/// A hospital's notice: no number of the child.
pub(super) fn notice(key: &str, name: &str, born: &str) -> Vec<Make> {
    let child = Make::new("medical", "birth_notice", key, "child").born(born).text("sex", "sex:2");
    let child = if name.is_empty() { child } else { child.name(name) };
    vec![child, Make::new("medical", "birth_notice", key, "mother").name(MOTHER.1).pin(MOTHER.0)]
}

/// An entry of the residence database that lacks the number.
fn resident(id: &str, name: &str, born: &str) -> Make {
    Make::new("residence", "person", id, "resident").person(id).name(name).born(born).text("sex", "sex:2")
}

pub(super) async fn live() -> (World, Reconciler) {
    let (mut world, reconciler) = World::matching().await;
    world.go_live(&reconciler).await;
    match_all(&reconciler).await;
    (world, reconciler)
}

#[tokio::test]
async fn a_notice_without_a_number_comes_to_the_child_it_speaks_of() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, notice("N1", NA, BORN)).await;
    match_all(&reconciler).await;
    let key = "medical/birth_notice/N1/child";
    assert_eq!(place(&world.pool, key).await, (Some(format!("record:{key}")), 5), "nobody is known yet");
    let known =
        [vec![mother()], birth(1, Some(CHILD), NA, BORN), birth(7, Some("001212000777"), "Lê Văn Tám", BORN)];
    world.say(&reconciler, known.concat()).await;
    let matched = match_all(&reconciler).await;
    assert_eq!(place(&world.pool, key).await, (Some(format!("pin:{CHILD}")), 4), "{matched:?}");
    let person = super::person(&world.pool, CHILD).await;
    assert!(person.records.iter().any(|record| record.record_key.as_str() == key));
    let mut connection = world.pool.acquire().await.unwrap();
    let links = scored_links(&mut connection, &[&format!("record:{key}")]).await.unwrap();
    let evidence = serde_json::to_string(&links[0].evidence).unwrap();
    for part in ["steps", "candidates", "margin", "content_hash", "civil_status/birth/1/child", "full_name"] {
        assert!(evidence.contains(part), "{part}: {evidence}");
    }
    for value in [NA, BORN, MOTHER.1, MOTHER.0] {
        assert!(!evidence.contains(value), "a value in {evidence}");
    }
    // The name was another child's after all: the link goes, and what was known stays known.
    world
        .say(&reconciler, notice("N1", "Phạm Quốc Khánh", "2011-01-30").into_iter().map(|m| m.at(200)))
        .await;
    match_all(&reconciler).await;
    assert_eq!(place(&world.pool, key).await, (Some(format!("record:{key}")), 5));
    let history = scored_history(&mut connection, &format!("record:{key}"), 10).await.unwrap();
    assert!(history.iter().all(|link| link.until.is_some()) && !history.is_empty(), "{history:?}");
}

#[tokio::test]
async fn twins_are_never_linked_and_a_human_is_asked() {
    let (mut world, reconciler) = live().await;
    let known =
        [vec![mother()], birth(1, Some(CHILD), NA, BORN), birth(2, Some(TWIN), "Lê Thị Bích Hằng", BORN)];
    // One notice names a third child of that day, one none at all: it may be of either.
    let notices = [notice("N1", "Lê Văn Dũng", BORN), notice("N2", "", BORN)];
    world.say(&reconciler, known.concat().into_iter().chain(notices.concat())).await;
    match_all(&reconciler).await;
    for key in ["medical/birth_notice/N1/child", "medical/birth_notice/N2/child"] {
        assert_eq!(place(&world.pool, key).await.1, 5, "{key}");
        let mut connection = world.pool.acquire().await.unwrap();
        let reviews = registry_store::open_reviews(&mut connection, &[key]).await.unwrap();
        assert!(!reviews.is_empty(), "{key}");
        if key.contains("N1") {
            assert!(reviews.iter().all(|pair| pair.twins), "{reviews:?}");
        }
    }
    let asked = open_kinds(&world.pool).await;
    assert!(asked.contains(&"twin_check".to_owned()), "{asked:?}");
}

/// The kinds of open cases about two persons, in order.
async fn open_kinds(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("select kind from registry_case where open and subject like 'pair:%' order by 1")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_fits_two_persons_waits_for_a_human() {
    let (mut world, reconciler) = live().await;
    let known = [vec![mother()], birth(1, Some(CHILD), NA, BORN), birth(2, Some(TWIN), NA, BORN)];
    world.say(&reconciler, known.concat().into_iter().chain(notice("N1", NA, BORN))).await;
    match_all(&reconciler).await;
    let key = "medical/birth_notice/N1/child";
    assert_eq!(place(&world.pool, key).await.1, 5);
    let mut connection = world.pool.acquire().await.unwrap();
    let reviews = registry_store::open_reviews(&mut connection, &[key]).await.unwrap();
    assert_eq!(reviews.iter().map(|pair| pair.reason.as_str()).collect::<Vec<_>>(), ["margin"; 2]);
    assert_eq!(open_kinds(&world.pool).await, ["duplicate"; 2], "one about each of the two");
    let hash = state_hash_at(&world.pool, None, &fingerprint_key("a key for tests")).await.unwrap();
    assert_eq!(
        world.state().await,
        hash.to_string(),
        "questions about pairs are known from the kept versions too"
    );
    // One of the two numbers was issued in error: the other one is the child's, and the question is gone.
    let gone = Make::new("identity", "pin", TWIN, "holder").pin(TWIN).at(300);
    world.say(&reconciler, [gone.standing(registry_rules::Standing::Withdrawn)]).await;
    let gone =
        birth(2, None, NA, BORN).into_iter().map(|m| m.at(300).standing(registry_rules::Standing::Withdrawn));
    world.say(&reconciler, gone).await;
    match_all(&reconciler).await;
    assert_eq!(place(&world.pool, key).await, (Some(format!("pin:{CHILD}")), 4));
    assert!(registry_store::open_reviews(&mut connection, &[key]).await.unwrap().is_empty());
    assert!(open_kinds(&world.pool).await.is_empty());
}

/// The first load's slices do not see each other's deaths, and ask nothing about the dead all the same.
#[tokio::test]
async fn the_first_load_asks_nothing_about_the_dead_of_other_slices() {
    let (mut world, reconciler) = World::matching().await;
    // Namesakes of one day, both dead; one who may be either of them, in another slice: a thousand others lie between.
    let death = |pin: &str| {
        let act = Make::new("civil_status", "death", pin, "deceased").pin(pin).name(NA).born(BORN);
        act.text("death_or_missing", "2020-01-02")
    };
    let namesakes = [birth(1, Some(CHILD), NA, BORN), birth(2, Some(TWIN), NA, BORN)].concat();
    let others = (0..1_000).map(|n| {
        let id = format!("S{n}");
        Make::new("residence", "person", &id, "resident").person(&id)
    });
    let said =
        namesakes.into_iter().chain([death(CHILD), death(TWIN), resident("R1", NA, BORN)]).chain(others);
    let batch = world.batch(said.map(Into::into));
    world.apply(&reconciler, &batch).await;
    world.go_live(&reconciler).await;
    let reviews: i64 = sqlx::query_scalar("select count(*) from match_review where until is null")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert!(reviews > 0, "they resemble each other");
    let asked: Vec<String> =
        sqlx::query_scalar("select subject from registry_case where subject like 'pair:%'")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert!(asked.is_empty(), "nobody was ever asked: {asked:?}");
}

/// Asked about two, a steward says that they are one, and thinks better of it.
#[tokio::test]
async fn a_merge_answers_the_question_about_two_and_its_reversal_asks_again() {
    let (mut world, reconciler) = live().await;
    let known = [vec![mother()], birth(1, Some(CHILD), NA, BORN), birth(2, Some(TWIN), NA, BORN)];
    world.say(&reconciler, known.concat().into_iter().chain(notice("N1", NA, BORN))).await;
    match_all(&reconciler).await;
    assert_eq!(open_kinds(&world.pool).await, ["duplicate"; 2]);
    let notice = "medical/birth_notice/N1/child";
    let at_notice = place(&world.pool, notice).await.0.expect("it is attached");
    let child = format!("identity/pin/{CHILD}/holder");
    let merge = ruling(1, "merge", (notice, &at_notice), Some((&child, &format!("pin:{CHILD}"))));
    world.say(&reconciler, [merge]).await;
    match_all(&reconciler).await;
    assert_eq!(place(&world.pool, notice).await.0, Some(format!("pin:{CHILD}")));
    assert!(open_kinds(&world.pool).await.len() < 2, "the two are one");
    world.say(&reconciler, [taken_back(2, 1)]).await;
    match_all(&reconciler).await;
    assert_eq!(open_kinds(&world.pool).await, ["duplicate"; 2]);
    assert_eq!(place(&world.pool, notice).await.0, Some(at_notice));
}

#[tokio::test]
async fn what_a_steward_parts_no_score_puts_together_again() {
    let (mut world, reconciler) = live().await;
    world
        .say(&reconciler, [vec![mother()], birth(1, Some(CHILD), NA, BORN), notice("N1", NA, BORN)].concat())
        .await;
    match_all(&reconciler).await;
    let (key, at_child) = ("medical/birth_notice/N1/child", format!("pin:{CHILD}"));
    assert_eq!(place(&world.pool, key).await, (Some(at_child.clone()), 4));
    let birth = "civil_status/birth/1/child";
    let parted = ruling(1, "keep_separate", (key, &at_child), Some((birth, &at_child)));
    world.say(&reconciler, [parted]).await;
    match_all(&reconciler).await;
    assert!(key > birth, "of two at one place the greater one leaves it");
    assert_ne!(place(&world.pool, key).await.0, Some(at_child));
    let mut connection = world.pool.acquire().await.unwrap();
    assert!(
        registry_store::open_reviews(&mut connection, &[key]).await.unwrap().is_empty(),
        "nobody is asked again"
    );
    assert!(links(&world.pool).await.is_empty());
    let before = world.state().await;
    world.say(&reconciler, notice("N1", NA, BORN).into_iter().map(|m| m.at(400))).await;
    match_all(&reconciler).await;
    assert_eq!(world.state().await, before, "the same said again changes nothing");
}

/// A small town: children with notices, registered twice, twins, residents without a number, namesakes, a chain of likenesses.
fn town() -> Vec<SourceMessage> {
    let mut said = vec![mother()];
    let names =
        ["Lê Thị Bích Na", "Lê Văn Dũng", "Phạm Quốc Khánh", "Võ Thị Sáu", "Đặng Thùy Trâm", "Hồ Xuân Hương"];
    for (n, name) in (10_u32..).zip(names) {
        let born = format!("2012-06-{n}");
        let pin = format!("0012120009{n}");
        said.extend(birth(n, (n % 3 != 0).then_some(pin.as_str()), name, &born));
        said.extend(notice(&format!("N{n}"), name, &born));
        said.push(resident(&format!("R{n}"), name, &born));
        if n % 2 == 0 {
            // Written down again otherwise, without a number.
            said.push(resident(&format!("S{n}"), &name.to_uppercase(), &born));
            said.extend(notice(&format!("O{n}"), "", &born));
        }
    }
    said.extend(birth(30, Some("001212000930"), "Lê Văn Đôi", "2012-07-01"));
    said.extend(birth(31, Some("001212000931"), "Lê Văn Cặp", "2012-07-01"));
    said.extend(notice("N30", "Lê Văn Đôi", "2012-07-01"));
    said.extend(notice("N31", "Lê Văn Cặp", "2012-07-01"));
    for (n, name) in
        ["Bùi Thị Lan Anh", "Bùi Thị Lan Ánh", "Bùi Thị Lan Ánn", "Bùi Thị Lam Ánn"].iter().enumerate()
    {
        said.push(resident(&format!("C{n}"), name, "1991-03-04").text("sex", "sex:2"));
    }
    said.into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn the_order_of_arrival_does_not_matter_after_the_sweep() {
    let (mut world, reconciler) = World::matching().await;
    let batch = world.batch(town());
    world.apply(&reconciler, &batch).await;
    world.go_live(&reconciler).await;
    let (expected, links) = (world.state().await, links(&world.pool).await);
    assert!(links.len() > 5 && links.iter().any(|(_, anchor)| anchor.starts_with("pin:")), "{links:?}");
    let taken_over: i64 = sqlx::query_scalar("select count(*) from anchor where person_id <> leads_to")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(taken_over, 0, "the first load links before anybody has an id");
    let matched = match_all(&reconciler).await;
    assert_eq!((matched.decided, matched.linked), (0, 0), "nothing is left for later: {matched:?}");
    let key = fingerprint_key("a key for tests");
    assert_eq!(state_hash_at(&world.pool, None, &key).await.unwrap().to_string(), expected);
    for seed in 0..5 {
        let (mut world, reconciler) = live().await;
        let mut dice = Dice(seed);
        let mut said = town();
        let again: Vec<_> = said.iter().filter(|_| dice.below(5) == 0).cloned().collect();
        said.extend(again);
        dice.shuffle(&mut said);
        while !said.is_empty() {
            let size = (1 + dice.below(9)).min(said.len());
            let batch = world.batch(said.drain(..size));
            world.apply(&reconciler, &batch).await;
            if dice.below(3) == 0 {
                match_all(&reconciler).await;
            }
        }
        settle(&reconciler).await;
        match_all(&reconciler).await;
        assert_eq!(self::links(&world.pool).await, links, "seed {seed}");
        assert_eq!(world.state().await, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn a_registry_made_anew_comes_to_the_same_with_its_links() {
    let (mut world, reconciler) = live().await;
    let batch = world.batch(town());
    world.apply(&reconciler, &batch).await;
    match_all(&reconciler).await;
    let (expected, links) = (world.state().await, links(&world.pool).await);
    assert!(!links.is_empty());
    reconciler.rebuild().await.unwrap();
    settle(&reconciler).await;
    assert_eq!(world.state().await, expected, "links are kept, and records attached with them");
    assert_eq!(self::links(&world.pool).await, links, "all were decided anew, to the same end");
    let matched = match_all(&reconciler).await;
    assert_eq!(matched.decided, 0, "{matched:?}");
}

async fn links(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("select source_key, anchor from scored_link where until is null order by 1")
        .fetch_all(pool)
        .await
        .unwrap()
}

/// A change of an address alone gives the matcher no work; a record that says no more who it speaks of leaves its blocks.
#[tokio::test]
async fn only_who_says_who_they_are_is_looked_at() {
    async fn waiting(pool: &PgPool) -> i64 {
        sqlx::query_scalar("select count(*) from match_pending").fetch_one(pool).await.unwrap()
    }
    async fn placed(pool: &PgPool) -> i64 {
        let count = "select count(*) from match_record where record_key = 'residence/person/R1/resident'";
        sqlx::query_scalar(count).fetch_one(pool).await.unwrap()
    }
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [resident("R1", NA, BORN)]).await;
    match_all(&reconciler).await;
    assert_eq!(placed(&world.pool).await, 1);
    let address =
        |at| Make::new("residence", "permanent", "7", "resident").person("R1").text("phone", "0900").at(at);
    world.say(&reconciler, [address(110)]).await;
    world.say(&reconciler, [address(120).text("phone", "0901")]).await;
    assert_eq!(waiting(&world.pool).await, 0, "nobody is told by it");
    let nameless = Make::new("residence", "person", "R1", "resident").person("R1").text("sex", "sex:2");
    world.say(&reconciler, [nameless.at(200)]).await;
    assert_eq!(waiting(&world.pool).await, 1);
    match_all(&reconciler).await;
    assert_eq!(placed(&world.pool).await, 0);
}

/// A statement planned before the first link must serve when they are many: it reads those of its keys and no others.
#[tokio::test]
async fn links_are_found_by_their_keys_however_many_stand() {
    const STANDING: i64 = 3_000;
    let (world, _) = World::matching().await;
    let keys: Vec<String> = (0..200).map(|n| format!("record:tests/link/{n}/child")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut transaction = world.pool.begin().await.unwrap();
    scored_around(&mut transaction, &keys).await.unwrap();
    sqlx::query(
        "insert into scored_link (source_key, n, anchor, weights, evidence)
         select 'record:tests/link/' || n || '/child', 1, 'pin:' || n, 'w', '{}' from generate_series(1, $1) n",
    )
    .bind(STANDING)
    .execute(&mut *transaction)
    .await
    .unwrap();
    let (own, linked) = scored_around(&mut transaction, &keys).await.unwrap();
    assert_eq!((own.len(), linked.len()), (199, 0));
    let read: i64 = sqlx::query_scalar(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'scored_link'",
    )
    .fetch_one(&mut *transaction)
    .await
    .unwrap();
    assert!(read < STANDING, "{read} rows were read");
}

#[tokio::test]
async fn one_of_two_matches_and_the_other_stands_by() {
    let (mut world, first) = live().await;
    let second = world.reconciler().await;
    world
        .say(&first, [vec![mother()], birth(1, Some(CHILD), NA, BORN), notice("N1", NA, BORN)].concat())
        .await;
    let mut summary = Summary::default();
    assert!(
        second.match_step("second", &mut summary).await.unwrap().stands_by,
        "the lease is the first one's"
    );
    match_all(&first).await;
    sqlx::query("update lease set until = now() - interval '1 second'").execute(&world.pool).await.unwrap();
    assert!(!second.match_step("second", &mut summary).await.unwrap().stands_by);
    assert!(first.match_step("tests", &mut summary).await.unwrap().stands_by);
}

#[tokio::test]
async fn a_matcher_that_dies_before_its_commit_leaves_nothing_half() {
    let (mut world, reconciler) = live().await;
    let known = [vec![mother()], birth(1, Some(CHILD), NA, BORN), notice("N1", NA, BORN)];
    world.say(&reconciler, known.concat()).await;
    let before = world.state().await;
    // Whoever publishes a person waits here, with all else done.
    let mut barrier = world.pool.begin().await.unwrap();
    sqlx::query("lock table person_version in share mode").execute(&mut *barrier).await.unwrap();
    let step = async {
        loop {
            let mut summary = Summary::default();
            match reconciler.match_step("tests", &mut summary).await {
                Ok(step) if step.worked => {}
                other => break other,
            }
        }
    };
    let kill = async {
        let killed = "select pg_terminate_backend(pid) from pg_locks l join pg_class c on c.oid = l.relation
            join pg_database d on d.oid = l.database and d.datname = current_database()
            where c.relname = 'person_version' and not l.granted";
        loop {
            let pids: Vec<bool> = sqlx::query_scalar(killed).fetch_all(&world.pool).await.unwrap();
            if !pids.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let (step, ()) = tokio::join!(step, kill);
    assert!(step.is_err());
    drop(barrier);
    assert!(links(&world.pool).await.is_empty());
    assert_eq!(world.state().await, before);
    match_all(&reconciler).await;
    assert_eq!(place(&world.pool, "medical/birth_notice/N1/child").await, (Some(format!("pin:{CHILD}")), 4));
}
