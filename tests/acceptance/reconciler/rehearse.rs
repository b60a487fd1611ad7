//! New rules beside those in force: what they would change, and that nothing is changed by asking.

use super::generated::{KEY, altered};
use super::world::{Make, World, settle};
use registry_rules::{FieldCatalogue, FieldValue, Rehearsal};
use registry_store::{fingerprint_key, rehearse};
use sqlx::Executor as _;

const MO: &str = "001190000001";
const COPY: &str = "residence/person/R1/resident";

fn rules(change: impl Fn(&str, &str) -> Option<String>) -> FieldCatalogue {
    FieldCatalogue::parse(&altered(change)).unwrap()
}

async fn try_out(world: &World, new: &FieldCatalogue) -> Rehearsal {
    rehearse(&world.pool, new, None, &fingerprint_key(KEY)).await.unwrap().rehearsal
}

/// A person whose date of birth a steward decided, and one whose sources disagree about the name.
async fn world() -> World {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let entry = Make::new("identity", "pin", MO, "holder").pin(MO).name("Trần Mơ").born("1990-01-02");
    let copy = Make::new("residence", "person", "R1", "resident").pin(MO).name("Trần Mơ").born("1990-01-03");
    let key = fingerprint_key(KEY);
    let seen = |record: &str, date: &str| {
        let hash = key.value(&FieldValue::Text(date.to_owned()));
        format!(r#"{{"record_key":"{record}","value_hash":"{hash}"}}"#)
    };
    let register = format!("identity/pin/{MO}/holder");
    let considered = format!("[{},{}]", seen(&register, "1990-01-02"), seen(COPY, "1990-01-03"));
    let decision = Make::new("steward", "decision", "D1", "decision")
        .person("D1")
        .text("steward.field", "npd.date_of_birth")
        .text("steward.takes", COPY)
        .text("steward.considered", &considered);
    world.say(&reconciler, [entry, copy, decision]).await;
    let other = "001190000002";
    let entry = Make::new("identity", "pin", other, "holder").pin(other).name("Lê Na").born("1991-01-02");
    let copy =
        Make::new("residence", "person", "R2", "resident").pin(other).name("Lê Nga").born("1991-01-02");
    world.say(&reconciler, [entry, copy]).await;
    settle(&reconciler).await;
    world
}

#[tokio::test]
async fn new_rules_are_tried_beside_those_in_force_and_nothing_is_changed() {
    let world = world().await;
    let before = world.state().await;
    let same = try_out(&world, &rules(|_, part| Some(part.to_owned()))).await;
    assert_eq!(same, Rehearsal { persons: 2, ..Rehearsal::default() });

    let without =
        try_out(&world, &rules(|name, part| (name != "date_of_birth").then(|| part.to_owned()))).await;
    let dates = &without.fields[&"date_of_birth".parse().unwrap()];
    assert_eq!((without.persons_changed, dates.lost, dates.changed), (2, 2, 0));
    assert_eq!((without.decisions_contradicted, without.decisions.len()), (1, 1));
    assert!(without.decisions.contains("D1"));
    let touched = without.touched(["npd.date_of_birth", "npd.birth_name.full", "npd.sex"]);
    assert_eq!(touched.into_iter().collect::<Vec<_>>(), ["npd.date_of_birth"]);

    let milder = rules(|name, part| {
        let latest = part.replace("conflict = \"dispute\"", "conflict = \"latest\"");
        Some(if name == "birth_name" { latest } else { part.to_owned() })
    });
    let milder = try_out(&world, &milder).await;
    let names = &milder.fields[&"birth_name".parse().unwrap()];
    assert_eq!((milder.cases_closed, names.cases_closed, names.state), (1, 1, 1));
    assert!(milder.touched(["npd.birth_name.full"]).is_empty(), "no value differs");
    assert_eq!(names.examples.len(), 1);

    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn records_that_would_stand_elsewhere_are_counted_in_pairs() {
    let world = world().await;
    // As if attaching had once gone another way.
    world
        .pool
        .execute("update record_latest set anchor = 'pin:001190000001' where record_key = 'residence/person/R2/resident'")
        .await
        .unwrap();
    let found = try_out(&world, &rules(|_, part| Some(part.to_owned()))).await;
    // It parts from the two records that it is kept with, and joins the one that it belongs to.
    assert_eq!((found.pairs_split, found.pairs_joined), (2, 1));
}
