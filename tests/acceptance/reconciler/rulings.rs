//! Stewards say who is who: merge, link, split, and all of it taken back.

use super::world::{Make, World, family, pins, settle};
use super::{loaded, person, text};
use chrono::{TimeDelta, TimeZone as _, Utc};
use event_log::SourceMessage;
use reconciler::Reconciler;
use registry_rules::{Lifecycle, PersonId, Standing};
use registry_store::find_person;

/// A decision of a steward about a record that stood at an anchor, and another one; each later than the one before.
pub(super) fn ruling(n: i64, kind: &str, subject: (&str, &str), other: Option<(&str, &str)>) -> Make {
    let id = format!("d{n}");
    let make = Make::new("steward", "identity_decision", &id, "subject").person(&id);
    let mut make =
        make.text("steward.ruling", kind).text("steward.record", subject.0).text("steward.anchor", subject.1);
    if let Some((record, anchor)) = other {
        make = make.text("steward.other_record", record).text("steward.other_anchor", anchor);
    }
    decided(n, make)
}

pub(super) fn taken_back(n: i64, earlier: i64) -> Make {
    let id = format!("d{n}");
    let make = Make::new("steward", "identity_decision", &id, "subject").person(&id);
    decided(n, make.text("steward.reverses", &format!("d{earlier}")))
}

fn decided(n: i64, mut make: Make) -> Make {
    make.0.recorded_at = Some(Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0).unwrap() + TimeDelta::seconds(n));
    make
}

async fn id(world: &World, name: &str) -> PersonId {
    find_person(&world.pool, name).await.unwrap().expect("somebody is found")
}

fn at_pin(pin: &str) -> (String, String) {
    (format!("identity/pin/{pin}/holder"), format!("pin:{pin}"))
}

async fn say(world: &mut World, reconciler: &Reconciler, make: Make) {
    world.say(reconciler, [make]).await;
}

/// Husband and wife of a family, as a steward who errs would make one person of them.
async fn merged() -> (World, Reconciler, [String; 3], String) {
    let (mut world, reconciler) = loaded(2).await;
    let before = world.state().await;
    let numbers = pins(0);
    let [(husband, at_husband), (wife, at_wife)] = [at_pin(&numbers[0]), at_pin(&numbers[1])];
    say(&mut world, &reconciler, ruling(1, "merge", (&husband, &at_husband), Some((&wife, &at_wife)))).await;
    (world, reconciler, numbers, before)
}

#[tokio::test]
async fn a_merge_leaves_the_losing_id_as_a_redirect_and_its_reversal_restores() {
    let (mut world, reconciler) = loaded(2).await;
    let (before, [husband, wife, _]) = (world.state().await, pins(0));
    let ids = [id(&world, &husband).await, id(&world, &wife).await];
    let [(one, at_one), (two, at_two)] = [at_pin(&husband), at_pin(&wife)];
    say(&mut world, &reconciler, ruling(1, "merge", (&one, &at_one), Some((&two, &at_two)))).await;
    let merged = id(&world, &wife).await;
    assert_eq!(merged, id(&world, &husband).await, "both numbers are one person's");
    let gone = *ids.iter().find(|id| **id != merged).expect("one of the two ids stands");
    let gone = registry_store::show_person(&world.pool, gone).await.unwrap().unwrap();
    assert_eq!((gone.lifecycle, gone.merged_into), (Lifecycle::Merged, Some(merged)));
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_eq!([id(&world, &husband).await, id(&world, &wife).await], ids, "each has its own id again");
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn a_merge_taken_back_twice_holds_again() {
    let (mut world, reconciler, [husband, wife, _], before) = merged().await;
    let joined = world.state().await;
    assert_ne!(joined, before);
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    say(&mut world, &reconciler, taken_back(3, 2)).await;
    assert_eq!(world.state().await, joined);
    assert_eq!(id(&world, &husband).await, id(&world, &wife).await);
}

#[tokio::test]
async fn what_comes_later_under_either_number_is_the_merged_persons_and_parts_with_it() {
    let (mut world, reconciler, [husband, wife, _], _) = merged().await;
    let late = Make::new("civil_status", "death", "99", "deceased").pin(&wife);
    say(&mut world, &reconciler, late.text("death_or_missing", "2025-01-01")).await;
    assert_eq!(text(&person(&world.pool, &husband).await, "death_or_missing"), Some("2025-01-01"));
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_eq!(text(&person(&world.pool, &husband).await, "death_or_missing"), None);
    assert_eq!(text(&person(&world.pool, &wife).await, "death_or_missing"), Some("2025-01-01"));
}

#[tokio::test]
async fn a_record_split_off_stands_alone_and_comes_back_under_the_same_ids() {
    let (mut world, reconciler) = loaded(2).await;
    let [husband, ..] = pins(0);
    let before = (world.state().await, id(&world, &husband).await);
    let record = "civil_status/marriage/0/husband";
    let anchor = format!("pin:{husband}");
    say(&mut world, &reconciler, ruling(1, "split", (record, &anchor), None)).await;
    let alone = id(&world, record).await;
    assert_ne!(alone, before.1);
    assert_eq!(text(&person(&world.pool, &husband).await, "marital_status"), None);
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_eq!((world.state().await, id(&world, record).await), before);
    say(&mut world, &reconciler, taken_back(3, 2)).await;
    assert_eq!(id(&world, record).await, alone, "the one who stood alone has the id of then");
}

/// What the register says against a number matters to nobody while a steward's link holds, and again when it ends: also for
/// whoever only shares its source key with what changes.
#[tokio::test]
async fn a_contradicted_record_is_judged_again_when_its_link_is_taken_back() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let pin = "001190000001";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Trần Mơ").born("1990-01-02");
    let stranger = |name: &'static str| {
        let row = Make::new("residence", "person", "R1", "resident").person("R1").pin(pin);
        row.name(name).born("1960")
    };
    let beside = |at| Make::new("residence", "stay", "R1-1", "resident").person("R1").at(at);
    world.say(&reconciler, [entry, stranger("Phạm Khánh"), beside(100)]).await;
    let (record, before) = ("residence/person/R1/resident", world.state().await);
    let (holder, at_holder) = at_pin(pin);
    let link = ruling(1, "link", (record, "person:residence/R1"), Some((&holder, &at_holder)));
    say(&mut world, &reconciler, link).await;
    assert_eq!(id(&world, record).await, id(&world, pin).await);
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_eq!(world.state().await, before, "it is a question again, and stands alone");
    // A change beside it finds it contradicted still.
    say(&mut world, &reconciler, beside(110).text("npd.religion", "1")).await;
    assert_ne!(id(&world, record).await, id(&world, pin).await);
    assert_eq!(registry_store::list_cases(&world.pool, true, 0, 10).await.unwrap().len(), 1);
    say(&mut world, &reconciler, stranger("Trần Mơ").at(120)).await;
    assert_eq!(id(&world, record).await, id(&world, pin).await);
}

#[tokio::test]
async fn a_decision_that_comes_before_its_records_waits_for_them() {
    let [husband, wife, _] = pins(0);
    let [(one, at_one), (two, at_two)] = [at_pin(&husband), at_pin(&wife)];
    let merge = ruling(1, "merge", (&one, &at_one), Some((&two, &at_two)));
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    say(&mut world, &reconciler, merge.clone()).await;
    let batch = world.batch(family(0).into_iter().chain(family(1)));
    world.apply(&reconciler, &batch).await;
    settle(&reconciler).await;
    let (mut other, later) = loaded(2).await;
    say(&mut other, &later, merge.clone()).await;
    assert_eq!(world.state().await, other.state().await);
    // And where both are there before anybody is told of anybody.
    let (mut world, reconciler) = World::new().await;
    let batch = world.batch(family(0).into_iter().chain(family(1)).chain([SourceMessage::from(merge)]));
    world.apply(&reconciler, &batch).await;
    world.go_live(&reconciler).await;
    assert_eq!(world.state().await, other.state().await);
}

/// A hospital's notice without a number, put to a birth that has none yet; then the child gets its number.
#[tokio::test]
async fn a_link_to_a_provisional_person_follows_when_the_number_comes() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let act = "12/BIRTH/2024/1";
    let birth = Make::new("civil_status", "birth", "1", "child").act(act).name("Lê Na").born("2024-02-03");
    let notice = Make::new("residence", "person", "R7", "resident").person("R7").name("LE NA").born("2024");
    world.say(&reconciler, [birth, notice]).await;
    let (birth, notice) = ("civil_status/birth/1/child", "residence/person/R7/resident");
    let (of_birth, of_notice) = (id(&world, birth).await, id(&world, notice).await);
    assert_ne!(of_birth, of_notice);
    let at_act = format!("act:civil_status/{act}/child");
    let link = ruling(1, "link", (notice, "person:residence/R7"), Some((birth, &at_act)));
    say(&mut world, &reconciler, link).await;
    assert_eq!(id(&world, notice).await, of_birth, "the person first seen stands");
    let pin = "001324000001";
    let entry = Make::new("identity", "pin", pin, "holder").pin(pin).name("Lê Na").born("2024-02-03");
    say(&mut world, &reconciler, entry.refers_to_birth(act)).await;
    assert_eq!([id(&world, notice).await, id(&world, pin).await], [of_birth, of_birth]);
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_eq!([id(&world, notice).await, id(&world, pin).await], [of_notice, of_birth]);
}

#[tokio::test]
async fn people_around_the_two_hear_of_a_merge_and_of_its_end() {
    let (mut world, reconciler, [_, _, child], before) = merged().await;
    let relatives = |view: &registry_store::PersonView| {
        let relatives = view.fields.get(&"relatives".parse().unwrap()).expect("parents are known");
        serde_json::to_string(&relatives.value).unwrap()
    };
    let during = relatives(&person(&world.pool, &child).await);
    say(&mut world, &reconciler, taken_back(2, 1)).await;
    assert_ne!(relatives(&person(&world.pool, &child).await), during);
    assert_eq!(world.state().await, before);
}

/// Withdrawn records leave nothing behind that a decision about them would hold.
#[tokio::test]
async fn a_decision_about_a_record_that_is_gone_holds_when_it_returns() {
    let (mut world, reconciler) = loaded(2).await;
    let [husband, ..] = pins(0);
    let record = "civil_status/marriage/0/husband";
    say(&mut world, &reconciler, ruling(1, "split", (record, &format!("pin:{husband}")), None)).await;
    let (state, alone) = (world.state().await, id(&world, record).await);
    let row = |standing: Standing| {
        let make = Make::new("civil_status", "marriage", "0", "husband").act("12/MARR/2010/0").pin(&husband);
        make.text("marital_status", "marital_status:2").standing(standing)
    };
    say(&mut world, &reconciler, row(Standing::Withdrawn).at(300)).await;
    assert_ne!(world.state().await, state);
    say(&mut world, &reconciler, row(Standing::Asserted).at(301)).await;
    assert_eq!((world.state().await, id(&world, record).await), (state, alone));
}
