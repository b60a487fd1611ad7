//! Questions about who a person is: two in one, without a number, on ground that has changed, or perhaps one of two.

use crate::confusion::confusion;
use crate::orphan::orphan;
use crate::*;
use chrono::{DateTime, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

const KEY: FingerprintKey = FingerprintKey::new([3; 32]);
const PIN: &str = "001190000001";

fn key(text: &str) -> RecordKey {
    RecordKey::try_from(text.to_owned()).unwrap()
}

fn person(n: u128) -> PersonId {
    PersonId::from_u128(n)
}

fn record(record_key: &str, name: &str, born: &str) -> SourceRecord {
    let mut fields = BTreeMap::new();
    if !name.is_empty() {
        fields.insert("npd.birth_name".parse().unwrap(), FieldValue::parts([("full", name.to_owned())]));
    }
    if !born.is_empty() {
        fields.insert("npd.date_of_birth".parse().unwrap(), FieldValue::Text(born.to_owned()));
    }
    SourceRecord {
        record_key: key(record_key),
        version: Version::default(),
        kind: "k".into(),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: Some("2026-01-10T18:00:00Z".parse().unwrap()),
        identifiers: vec![Identifier { kind: IdentifierKind::Pin, value: PIN.into() }],
        relation_group: None,
        fields,
        mapping_version: 1,
    }
}

#[test]
fn two_people_in_one_differ_in_name_and_in_full_date_of_birth() {
    let registered = ("identity/pin/1/holder", "Trần Thị Mơ", "1990-01-02");
    for (other, mixed) in [
        (("residence/person/1/resident", "Phạm Quốc Khánh", "1985-05-05"), true),
        // One of the two alone is a conflict about an item.
        (("residence/person/1/resident", "Trần Thị Mơ", "1985-05-05"), false),
        (("residence/person/1/resident", "Phạm Quốc Khánh", "1990-01-02"), false),
        // Legacy spelling, a year alone, nothing.
        (("residence/person/1/resident", "TRAN THI MO", "1985-05-05"), false),
        (("residence/person/1/resident", "Phạm Quốc Khánh", "1985"), false),
        (("residence/person/1/resident", "Phạm Quốc Khánh", ""), false),
        (("residence/person/1/resident", "", "1985-05-05"), false),
        // A source's later statement about itself is a correction.
        (("identity/card/1/holder", "Phạm Quốc Khánh", "1985-05-05"), false),
    ] {
        let records = [registered, other].map(|(key, name, born)| record(key, name, born));
        let found = confusion(person(1), &records.iter().collect::<Vec<_>>(), &KEY);
        assert_eq!(found.is_some(), mixed, "{other:?}");
        if let Some(found) = found {
            assert_eq!((found.kind, found.subject), (CaseKind::Confusion, CaseSubject::Person(person(1))));
            assert_eq!(found.records.len(), 2);
        }
        let mut ended = records.clone();
        ended[1].standing = Standing::Annulled;
        assert_eq!(confusion(person(1), &ended.iter().collect::<Vec<_>>(), &KEY), None, "{other:?}");
    }
}

#[test]
fn a_person_without_a_number_is_asked_about_after_thirty_days() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    // Entered at one in the morning of 11 January in Vietnam.
    let claiming = [record("residence/person/1/resident", "Lê An", "2020-01-01")];
    let on = |today: &str, claiming: &[SourceRecord]| orphan(person(1), claiming, day(today), &KEY);
    assert_eq!(on("2026-02-09", &claiming), (None, Some(day("2026-02-10"))));
    let (found, next) = on("2026-02-10", &claiming);
    assert_eq!((found.unwrap().kind, next), (CaseKind::Orphan, None));
    let mut timeless = claiming;
    timeless[0].recorded_at = None;
    assert_eq!(on("2026-02-10", &timeless), (None, None));
}

fn named(record_key: &str) -> NamedRecord {
    NamedRecord { record_key: key(record_key), anchor: format!("pin:{PIN}") }
}

fn decided(id: &str, kind: RulingKind, records: [&str; 2], saw: &[&SourceRecord]) -> IdentityDecision {
    IdentityDecision {
        id: id.to_owned(),
        ruling: Some(Ruling {
            kind,
            subject: named(records[0]),
            other: kind.names_two().then(|| named(records[1])),
        }),
        considered: saw.iter().map(|record| considered(record, &KEY)).collect(),
        decided_at: DateTime::UNIX_EPOCH,
        reverses: None,
    }
}

const ONE: &str = "civil_status/birth/1/child";
const OTHER: &str = "residence/person/1/resident";

#[test]
fn a_link_is_stale_while_a_record_that_was_considered_says_something_else() {
    let [birth, copy] = [record(ONE, "Lê An", "2020-01-01"), record(OTHER, "Lê An", "2020-01-01")];
    let link = decided("a", RulingKind::Link, [OTHER, ONE], &[&birth, &copy]);
    let of = |decisions: &[&IdentityDecision], now: &[&SourceRecord]| {
        let now = now.iter().map(|r| (r.record_key.clone(), (*r).clone())).collect();
        let own = [key(OTHER)];
        stale_links(&own.iter().collect::<BTreeSet<_>>(), decisions, &now, &KEY)
    };
    assert_eq!(of(&[&link], &[&birth, &copy]), []);
    let corrected = record(ONE, "Lê An", "2020-01-09");
    let stale = of(&[&link], &[&corrected, &copy]);
    assert_eq!(stale[0].subject, CaseSubject::Record(key(OTHER)));
    assert_eq!((stale[0].kind, &*stale[0].records), (CaseKind::StaleLink, &[key(OTHER), key(ONE)][..]));
    // Gone is changed too; another change is another question; restored is none.
    assert_eq!(of(&[&link], &[&copy]).len(), 1);
    let again = of(&[&link], &[&record(ONE, "Lê An", "2020-01-08"), &copy]);
    assert_ne!(again[0].fingerprint, stale[0].fingerprint);
    // What does not tell people apart changes nothing.
    let mut moved = copy.clone();
    moved.fields.insert("npd.phone".parse().unwrap(), FieldValue::Text("0".into()));
    assert_eq!(of(&[&link], &[&birth, &moved]), []);
    // A later decision about the same records has seen what stands now; one about others says nothing.
    let newer = decided("b", RulingKind::Link, [OTHER, ONE], &[&corrected, &copy]);
    assert_eq!(of(&[&link, &newer], &[&corrected, &copy]), []);
    let elsewhere = decided("c", RulingKind::Link, [ONE, OTHER], &[&birth, &copy]);
    assert_eq!(of(&[&elsewhere], &[&corrected, &copy]), [], "its subject is somebody else's record");
    let asked = decided("d", RulingKind::SendBack, [OTHER, ONE], &[&birth]);
    assert_eq!(of(&[&asked], &[&corrected, &copy]), [], "it moves no record");
}

#[test]
fn a_record_that_mixes_two_people_up_is_asked_about_until_it_says_something_else() {
    let copy = record(OTHER, "Lê An", "2020-01-01");
    let marked = decided("a", RulingKind::MarkConfusion, [OTHER, ONE], &[&copy]);
    let found = marked_confusions(std::slice::from_ref(&copy), &[&marked], &KEY);
    assert_eq!((found.len(), found[0].kind), (1, CaseKind::Confusion));
    assert_eq!(found[0].subject, CaseSubject::Record(key(OTHER)));
    let parted = record(OTHER, "Lê An", "2020-01-09");
    assert_eq!(marked_confusions(&[parted], &[&marked], &KEY), []);
    assert_eq!(marked_confusions(&[copy], &[], &KEY), [], "it was taken back");
}

#[test]
fn resembling_records_ask_about_two_persons_unless_they_are_one_or_kept_apart() {
    let found = |twins| [Resemblance { record: key(ONE), other: key(OTHER), twins }];
    let says = |_: &RecordKey| Some(FieldValue::Text("x".into()));
    let of = |twins, decisions: &[&IdentityDecision], other: Option<PersonId>| {
        let person_of = |k: &RecordKey| if *k == key(ONE) { Some(person(9)) } else { other };
        resemblances(found(twins), decisions, person_of, says, &KEY)
    };
    for (twins, kind) in [(false, CaseKind::Duplicate), (true, CaseKind::TwinCheck)] {
        let cases = of(twins, &[], Some(person(2)));
        assert_eq!(cases[0].subject, CaseSubject::Pair(person(2), person(9)));
        assert_eq!((cases.len(), cases[0].kind), (1, kind));
    }
    assert_eq!(of(false, &[], Some(person(9))), [], "one person");
    assert_eq!(of(false, &[], None), [], "nobody's record");
    let apart = decided("a", RulingKind::ConfirmTwins, [OTHER, ONE], &[]);
    assert_eq!(of(true, &[&apart], Some(person(2))), []);
    let together = decided("b", RulingKind::Merge, [ONE, OTHER], &[]);
    assert_eq!(of(true, &[&apart, &together], Some(person(2))).len(), 1, "the later one counts");
}
