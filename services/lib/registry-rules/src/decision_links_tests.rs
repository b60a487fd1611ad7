//! Decisions and records in any order give the same attachments, and a decision taken back leaves no trace.

use crate::{
    AttachRule, Attachment, IdentityDecision, NamedRecord, Offer, PinRegister, RecordKey, RegisterEntry,
    Ruling, RulingKind, Rulings, StandsFor, attach,
};
use chrono::{DateTime, Duration};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PINS: [&str; 3] = ["001090000001", "001190000002", "001090000003"];
const KEYS: [&str; 6] = [
    "civil_status/birth/1/child",
    "identity/card/2/holder",
    "medical/blood_test/3/patient",
    "residence/person/4/resident",
    "residence/person/5/resident",
    "residence/stay/6/resident",
];
const SOURCE_KEYS: [&str; 3] = ["act:civil_status/x/child", "person:residence/4", "person:residence/5"];

fn key(record: &str) -> RecordKey {
    record.to_owned().try_into().unwrap()
}

fn offer(record: &str, pin: Option<&str>, source_key: &str) -> Offer {
    Offer {
        record_key: key(record),
        pin: pin.map(|pin| pin.parse().unwrap()),
        name: None,
        birth: None,
        source_key: source_key.to_owned(),
    }
}

fn named(record: &str, anchor: &str) -> NamedRecord {
    NamedRecord { record_key: key(record), anchor: anchor.to_owned() }
}

fn decision(n: i64, kind: RulingKind, subject: NamedRecord, other: NamedRecord) -> IdentityDecision {
    IdentityDecision {
        id: format!("d{n:03}"),
        ruling: Some(Ruling { kind, subject, other: kind.names_two().then_some(other) }),
        considered: Vec::new(),
        decided_at: DateTime::UNIX_EPOCH + Duration::seconds(n),
        reverses: None,
    }
}

fn taking_back(n: i64, id: &str) -> IdentityDecision {
    IdentityDecision {
        id: format!("d{n:03}"),
        ruling: None,
        considered: Vec::new(),
        decided_at: DateTime::UNIX_EPOCH + Duration::seconds(n),
        reverses: Some(id.to_owned()),
    }
}

/// Both layers of attaching, over all records.
fn all(
    offers: &[Offer],
    decisions: &[IdentityDecision],
    entries: &[RegisterEntry],
) -> BTreeMap<RecordKey, Attachment> {
    let rulings = Rulings::of(decisions);
    let register = PinRegister::new(entries.to_vec()).joined(rulings.joined());
    let with_links = offers.iter().map(|offer| (offer, rulings.on(&offer.record_key)));
    let stands_for = StandsFor::of(with_links, &register);
    let go = |offer: &Offer| attach(offer, rulings.on(&offer.record_key), &register, &stands_for);
    offers.iter().map(|offer| (offer.record_key.clone(), go(offer))).collect()
}

fn place(found: &BTreeMap<RecordKey, Attachment>, record: &str) -> (String, AttachRule) {
    let attachment = &found[&key(record)];
    (attachment.anchor.clone(), attachment.rule)
}

const CARD: &str = KEYS[1];
const PERSON: &str = KEYS[3];
const A: &str = "pin:001090000001";
const B: &str = "pin:001190000002";

fn two_people() -> Vec<Offer> {
    vec![offer(CARD, Some(PINS[0]), SOURCE_KEYS[0]), offer(PERSON, Some(PINS[1]), SOURCE_KEYS[1])]
}

#[test]
fn a_link_puts_a_record_with_another_person_and_lifts_the_contradiction() {
    let link = decision(1, RulingKind::Link, named(PERSON, B), named(CARD, A));
    let found = all(&two_people(), &[link], &[]);
    assert_eq!(place(&found, PERSON), (A.to_owned(), AttachRule::Steward));
    assert!(!found[&key(PERSON)].contradicted);
    assert_eq!(place(&found, CARD), (A.to_owned(), AttachRule::Pin));
}

#[test]
fn a_split_parts_a_record_from_its_number_and_from_nothing_else() {
    let split = decision(1, RulingKind::Split, named(PERSON, B), named(CARD, A));
    let found = all(&two_people(), std::slice::from_ref(&split), &[]);
    assert_eq!(place(&found, PERSON), (SOURCE_KEYS[1].to_owned(), AttachRule::Provisional));
    let twice = decision(2, RulingKind::Split, named(PERSON, SOURCE_KEYS[1]), named(CARD, A));
    let found = all(&two_people(), &[twice, split], &[]);
    assert_eq!(place(&found, PERSON), (format!("apart:{PERSON}"), AttachRule::Steward));
    assert_eq!(place(&found, CARD).0, A);
}

#[test]
fn a_parted_record_does_not_speak_for_its_source_key() {
    let mut offers = two_people();
    offers.push(offer(KEYS[5], None, SOURCE_KEYS[1]));
    assert_eq!(place(&all(&offers, &[], &[]), KEYS[5]), (B.to_owned(), AttachRule::SourceKey));
    let split = decision(1, RulingKind::Split, named(PERSON, B), named(CARD, A));
    let found = all(&offers, &[split], &[]);
    assert_eq!(place(&found, KEYS[5]), (SOURCE_KEYS[1].to_owned(), AttachRule::Provisional));
}

#[test]
fn a_merge_joins_numbers_and_source_keys_also_for_records_that_come_later() {
    let merge = decision(1, RulingKind::Merge, named(PERSON, B), named(CARD, A));
    let key_too = decision(2, RulingKind::Merge, named(KEYS[4], SOURCE_KEYS[2]), named(PERSON, B));
    let mut offers = two_people();
    offers.push(offer(KEYS[4], None, SOURCE_KEYS[2]));
    let found = all(&offers, &[key_too, merge], &[]);
    for record in [CARD, PERSON, KEYS[4]] {
        assert_eq!(place(&found, record).0, A, "{record}");
    }
}

#[test]
fn a_merge_reaches_a_number_through_its_reissue() {
    let entry = RegisterEntry {
        record_key: key("identity/pin/7/holder"),
        pin: PINS[2].parse().unwrap(),
        replaces: Some(PINS[1].parse().unwrap()),
        name: None,
        birth: None,
        cancelled: false,
    };
    let merge = decision(1, RulingKind::Merge, named(PERSON, B), named(CARD, A));
    let mut offers = two_people();
    offers.push(offer(KEYS[4], Some(PINS[2]), SOURCE_KEYS[2]));
    assert_eq!(place(&all(&offers, &[merge], &[entry]), KEYS[4]).0, A);
}

#[test]
fn kept_apart_is_sticky_and_the_later_of_two_stands() {
    let apart = decision(1, RulingKind::KeepSeparate, named(PERSON, B), named(CARD, A));
    let twins = decision(3, RulingKind::ConfirmTwins, named(CARD, A), named(PERSON, B));
    let merge = decision(2, RulingKind::Merge, named(PERSON, B), named(CARD, A));
    let joined = |decisions: &[IdentityDecision]| {
        let found = all(&two_people(), decisions, &[]);
        place(&found, PERSON).0 == place(&found, CARD).0
    };
    assert!(!joined(std::slice::from_ref(&apart)));
    assert!(joined(&[merge.clone(), apart.clone()]));
    assert!(!joined(&[merge, twins, apart]));
    // Two records that stand together: one of them leaves.
    let same = vec![offer(CARD, Some(PINS[0]), SOURCE_KEYS[0]), offer(PERSON, Some(PINS[0]), SOURCE_KEYS[1])];
    let apart = decision(1, RulingKind::KeepSeparate, named(CARD, A), named(PERSON, A));
    let found = all(&same, &[apart], &[]);
    assert_eq!((place(&found, CARD).0.as_str(), place(&found, PERSON).0.as_str()), (A, SOURCE_KEYS[1]));
    // A scored link does not get round it.
    let scored = crate::RecordedLinks { scored: Some(A), separated: &[A.to_owned()], steward: None };
    let lone = offer(PERSON, None, SOURCE_KEYS[1]);
    let attachment = attach(&lone, scored, &PinRegister::default(), &StandsFor::default());
    assert_eq!((attachment.anchor.as_str(), attachment.rule), (SOURCE_KEYS[1], AttachRule::Provisional));
}

#[test]
fn a_reversal_taken_back_lets_the_decision_stand_again() {
    let link = decision(1, RulingKind::Link, named(PERSON, B), named(CARD, A));
    let (back, again) = (taking_back(2, "d001"), taking_back(3, "d002"));
    let at = |decisions: &[IdentityDecision]| place(&all(&two_people(), decisions, &[]), PERSON).0;
    assert_eq!(at(&[back.clone(), link.clone()]), B);
    assert_eq!(at(&[again, back, link]), A);
    // Nothing takes back what comes after it.
    let link = decision(5, RulingKind::Link, named(PERSON, B), named(CARD, A));
    assert_eq!(at(&[taking_back(4, "d005"), link]), A);
}

fn any_offers() -> impl Strategy<Value = Vec<Offer>> {
    let one = (proptest::option::of(0usize..PINS.len()), 0usize..SOURCE_KEYS.len());
    proptest::collection::vec(one, KEYS.len()).prop_map(|all| {
        let numbered = KEYS.iter().zip(all);
        numbered.map(|(record, (pin, at))| offer(record, pin.map(|p| PINS[p]), SOURCE_KEYS[at])).collect()
    })
}

fn any_named() -> impl Strategy<Value = NamedRecord> {
    (0usize..KEYS.len(), 0usize..PINS.len() + SOURCE_KEYS.len()).prop_map(|(record, at)| {
        let pin = PINS.get(at).map(|pin| format!("pin:{pin}"));
        let anchor = pin.unwrap_or_else(|| SOURCE_KEYS[at - PINS.len()].to_owned());
        named(KEYS[record], &anchor)
    })
}

/// Decisions one second apart, some of which take an earlier one back.
fn any_decisions() -> impl Strategy<Value = Vec<IdentityDecision>> {
    let one =
        (0usize..RulingKind::ALL.len(), any_named(), any_named(), proptest::option::weighted(0.2, 0i64..8));
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let numbered = (0i64..).zip(all);
        numbered
            .map(|(n, (kind, subject, other, back))| match back {
                Some(back) if back < n => taking_back(n, &format!("d{back:03}")),
                _ => decision(n, RulingKind::ALL[kind], subject, other),
            })
            .collect()
    })
}

#[test]
fn joined_source_keys_are_one_key_also_for_the_numbers_that_stand_for_them() {
    let merge = decision(1, RulingKind::Merge, named(KEYS[4], SOURCE_KEYS[2]), named(PERSON, SOURCE_KEYS[1]));
    let bare = [offer(PERSON, None, SOURCE_KEYS[1]), offer(KEYS[4], None, SOURCE_KEYS[2])];
    let found = all(&bare, std::slice::from_ref(&merge), &[]);
    assert_eq!(
        (place(&found, PERSON).0.as_str(), place(&found, KEYS[4]).0.as_str()),
        (SOURCE_KEYS[1], SOURCE_KEYS[1])
    );
    let mut numbered = bare.to_vec();
    numbered.push(offer(KEYS[5], Some(PINS[0]), SOURCE_KEYS[2]));
    let found = all(&numbered, &[merge], &[]);
    for record in [PERSON, KEYS[4], KEYS[5]] {
        assert_eq!(place(&found, record).0, A, "{record}");
    }
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter(
        (offers, shuffled) in any_offers().prop_flat_map(|o| (Just(o.clone()), Just(o).prop_shuffle())),
        (decisions, mixed) in any_decisions().prop_flat_map(|d| {
            let twice = [d.clone(), d.clone()].concat();
            (Just(d), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(all(&offers, &decisions, &[]), all(&shuffled, &mixed, &[]));
    }

    #[test]
    fn a_decision_and_its_reversal_leave_everything_as_before(
        offers in any_offers(),
        decisions in any_decisions(),
        (kind, subject, other) in (0usize..RulingKind::ALL.len(), any_named(), any_named()),
    ) {
        let before = all(&offers, &decisions, &[]);
        let mut after = decisions;
        after.insert(0, taking_back(101, "d100"));
        after.push(decision(100, RulingKind::ALL[kind], subject, other));
        prop_assert_eq!(before, all(&offers, &after, &[]));
    }

    #[test]
    fn no_record_stands_where_it_may_not(offers in any_offers(), decisions in any_decisions()) {
        let rulings = Rulings::of(&decisions);
        let register = PinRegister::default().joined(rulings.joined());
        for (record, attachment) in all(&offers, &decisions, &[]) {
            let links = rulings.on(&record);
            if links.steward.is_none() {
                let barred: Vec<_> = links.separated.iter().map(|anchor| register.resolve(anchor)).collect();
                prop_assert!(!barred.contains(&attachment.anchor), "{record}");
            }
        }
    }
}
