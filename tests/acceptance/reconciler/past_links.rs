//! Links by score and pairs that wait for a human, as they stood at any moment before: who somebody was, what was asked, and
//! why a value stood.

use super::matching::{BORN, CHILD, NA, TWIN, birth, live, match_all, mother, notice};
use super::world::{Make, World, settle};
use chrono::{DateTime, NaiveDate, Utc};
use reconciler::{Body, Reconciler};
use registry_rules::Verdict;
use registry_store::{
    CaseView, FamilySecrets, HistoryPage, Inquiry, Moment, PersonView, fingerprint_key, link_history,
    record_history, scored_link_history, state_hash_at,
};
use std::collections::BTreeSet;

const NOTICE: &str = "medical/birth_notice/N1/child";
const BIRTH: &str = "civil_status/birth/1/child";

/// This moment by the registry's clock, which is that of links and questions.
async fn moment(world: &World) -> DateTime<Utc> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(&world.pool).await.unwrap()
}

/// Sources say something now, and the log notes when.
async fn say(world: &mut World, reconciler: &Reconciler, said: impl IntoIterator<Item = Make>) {
    let mut batch = world.batch(said.into_iter().map(Into::into));
    let now = moment(world).await;
    for message in &mut batch.messages {
        message.received_at = now;
        if let Body::Record(received) = &mut message.body {
            received.received_at = now;
        }
    }
    world.apply(reconciler, &batch).await;
    settle(reconciler).await;
}

async fn ask(world: &World, name: &str, day: Option<&str>, known: DateTime<Utc>) -> Inquiry {
    let moment = Moment { day: day.map(|day| day.parse::<NaiveDate>().unwrap()), known: Some(known) };
    let found = Inquiry::open(&world.pool, name, moment, &fingerprint_key("a key for tests")).await.unwrap();
    found.unwrap_or_else(|| panic!("{name} is known"))
}

fn records(view: &PersonView) -> BTreeSet<&str> {
    view.records.iter().map(|record| record.record_key.as_str()).collect()
}

/// How a record stands with the person shown.
fn attached(view: &PersonView, record: &str) -> Option<(Option<String>, i16)> {
    let found = view.records.iter().find(|one| one.record_key.as_str() == record)?;
    Some((found.anchor.clone(), found.attach_rule))
}

/// The open questions whether two are one.
fn asked_about(view: &PersonView) -> Vec<&CaseView> {
    view.cases.iter().filter(|case| case.subject.starts_with("pair:")).collect()
}

fn kinds(view: &PersonView) -> Vec<&str> {
    asked_about(view).iter().map(|case| case.kind.as_str()).collect()
}

/// A notice comes to a child by score, and leaves it again when its name is corrected.
struct Told {
    world: World,
    alone: DateTime<Utc>,
    linked: DateTime<Utc>,
    parted: DateTime<Utc>,
}

async fn told() -> Told {
    let (mut world, reconciler) = live().await;
    say(&mut world, &reconciler, notice("N1", NA, BORN)).await;
    match_all(&reconciler).await;
    say(&mut world, &reconciler, [vec![mother()], birth(1, Some(CHILD), NA, BORN)].concat()).await;
    let alone = moment(&world).await;
    assert_eq!(match_all(&reconciler).await.linked, 1);
    let linked = moment(&world).await;
    let other = notice("N1", "Phạm Quốc Khánh", "2011-01-30").into_iter().map(|make| make.at(200));
    say(&mut world, &reconciler, other).await;
    match_all(&reconciler).await;
    let parted = moment(&world).await;
    Told { world, alone, linked, parted }
}

#[tokio::test]
async fn a_link_by_score_is_shown_for_the_time_that_it_stood() {
    let Told { world, alone, linked, parted } = told().await;
    for (known, together) in [(alone, false), (linked, true), (parted, false)] {
        let child = ask(&world, CHILD, None, known).await.view();
        assert_eq!(records(&child).contains(NOTICE), together, "{known}: {:?}", records(&child));
        assert!(records(&child).contains(BIRTH));
        let of_notice = ask(&world, NOTICE, None, known).await.view();
        assert_eq!(of_notice.person_id == child.person_id, together, "{known}");
        let (anchor, rule) =
            if together { (format!("pin:{CHILD}"), 4) } else { (format!("record:{NOTICE}"), 5) };
        assert_eq!(attached(&of_notice, NOTICE), Some((Some(anchor), rule)), "{known}");
    }
    // On a legal day before the birth was registered nobody says anything, whatever is known; who is who stays.
    let before = ask(&world, CHILD, Some("2000-01-01"), linked).await.view();
    let now = ask(&world, CHILD, None, linked).await.view();
    assert_eq!(before.person_id, now.person_id);
}

#[tokio::test]
async fn what_a_record_says_is_explained_with_the_person_it_was_linked_to_then() {
    let Told { world, alone, linked, parted } = told().await;
    let field = "date_of_birth".parse().unwrap();
    let evidence = |known: DateTime<Utc>| {
        let (world, field) = (&world, &field);
        async move {
            let told = ask(world, CHILD, None, known).await.explain(Some(field));
            let said = told.first().unwrap().statements.iter();
            let of_notice = said.filter(|said| said.record_key.as_str() == NOTICE);
            of_notice.map(|said| said.verdict).collect::<Vec<_>>()
        }
    };
    assert_eq!(evidence(alone).await, []);
    assert_eq!(evidence(linked).await, [Verdict::NoAuthority], "a notice is evidence only");
    assert_eq!(evidence(parted).await, []);
}

#[tokio::test]
async fn the_history_of_a_person_tells_each_link_with_both_its_times() {
    let Told { world, alone, linked, parted } = told().await;
    let child = ask(&world, CHILD, None, parted).await.person_id();
    let open = FamilySecrets::default();
    let at = |known| HistoryPage { known: Some(known), ..HistoryPage::default() };
    let links =
        async |known| scored_link_history(&world.pool, child, &at(known), &open).await.unwrap().entries;
    assert_eq!(links(alone).await, []);
    let [then] = &*links(linked).await else { panic!("one link") };
    assert_eq!(
        (then.source_key.as_str(), then.anchor.clone()),
        (&*format!("record:{NOTICE}"), format!("pin:{CHILD}"))
    );
    assert!(then.since > alone && then.since <= linked && then.until.is_none(), "{then:?}");
    assert!(then.weight.is_some_and(|bits| bits > 0.0), "{then:?}");
    let [ended] = &*links(parted).await else { panic!("one link") };
    assert!(ended.until.is_some_and(|until| until > linked && until <= parted), "{ended:?}");

    // In pages it is the same, of every kind.
    let whole = HistoryPage::default();
    let keys = |listed: Vec<registry_store::LinkHistory>| {
        listed.into_iter().map(|one| (one.event.anchor, one.received_at)).collect::<Vec<_>>()
    };
    let expected = keys(link_history(&world.pool, child, &whole, &open).await.unwrap().entries);
    let (mut page, mut found) = (HistoryPage { limit: 1, ..HistoryPage::default() }, Vec::new());
    loop {
        let listed = link_history(&world.pool, child, &page, &open).await.unwrap();
        assert!(listed.entries.len() <= 1);
        found.extend(keys(listed.entries));
        page.after.link = listed.last;
        if !listed.more {
            break;
        }
    }
    assert_eq!(found, expected);
    let all = record_history(&world.pool, child, &whole, &open).await.unwrap();
    let versions = all.entries.len();
    let of_notice = all.entries.iter().filter(|entry| entry.record_key.as_str() == NOTICE);
    assert_eq!(of_notice.count(), 2, "a record that was linked once is told of");
    assert!(!all.more && versions == 4, "{versions}");
    page.limit = i64::try_from(versions).unwrap() - 1;
    let first = record_history(&world.pool, child, &page, &open).await.unwrap();
    assert!(first.more && first.entries.len() == versions - 1);
    page.after.record = first.last;
    let rest = record_history(&world.pool, child, &page, &open).await.unwrap();
    assert_eq!((rest.entries.len(), rest.more), (1, false));
}

#[tokio::test]
async fn a_pair_for_a_human_is_asked_about_for_the_time_that_it_waited() {
    let (mut world, reconciler) = live().await;
    let known = [vec![mother()], birth(1, Some(CHILD), NA, BORN), birth(2, Some(TWIN), NA, BORN)].concat();
    say(&mut world, &reconciler, known.into_iter().chain(notice("N1", NA, BORN))).await;
    let unasked = moment(&world).await;
    match_all(&reconciler).await;
    let asked = moment(&world).await;
    let gone = |make: Make| make.at(300).standing(registry_rules::Standing::Withdrawn);
    say(&mut world, &reconciler, birth(2, Some(TWIN), NA, BORN).into_iter().map(gone)).await;
    match_all(&reconciler).await;
    let answered = moment(&world).await;

    for name in [CHILD, NOTICE] {
        assert_eq!(kinds(&ask(&world, name, None, unasked).await.view()), Vec::<&str>::new(), "{name}");
        assert_eq!(kinds(&ask(&world, name, None, answered).await.view()), Vec::<&str>::new(), "{name}");
    }
    let then = ask(&world, CHILD, None, asked).await.view();
    let [case] = &*asked_about(&then) else { panic!("one question: {:?}", kinds(&then)) };
    assert_eq!(case.kind, "duplicate");
    assert!(case.opened_at > unasked && case.opened_at <= asked, "{case:?}");
    assert!(case.record_keys.iter().any(|key| key == NOTICE), "{case:?}");
    assert_eq!(
        kinds(&ask(&world, NOTICE, None, asked).await.view()),
        ["duplicate"; 2],
        "one about each of the two"
    );

    // The whole registry of each moment is that of its persons.
    let key = fingerprint_key("a key for tests");
    let mut hashes = BTreeSet::new();
    for known in [unasked, asked, answered] {
        hashes.insert(state_hash_at(&world.pool, Some(known), &key).await.unwrap().to_string());
    }
    assert!(hashes.contains(&world.state().await), "the last is that which stands");
}
