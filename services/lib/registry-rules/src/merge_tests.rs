//! Merge rules by tables, and the laws that hold for any set of records.

use super::*;
use crate::IdentifierKind;
use crate::{CaseKind, Considered, RecordKey, Standing, Version};
use chrono::{TimeZone, Utc};
use proptest::prelude::*;

const CATALOGUE: &str = include_str!("../../../../schemas/field-catalogue.toml");

fn catalogue() -> FieldCatalogue {
    FieldCatalogue::parse(CATALOGUE).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn record(key: &str, fields: &[(&str, FieldValue)]) -> SourceRecord {
    SourceRecord {
        record_key: RecordKey::try_from(key.to_owned()).unwrap(),
        version: Version::default(),
        kind: "test".to_owned(),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: Some(Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).unwrap()),
        identifiers: Vec::new(),
        relation_group: None,
        fields: fields.iter().map(|(name, value)| (name.parse().unwrap(), value.clone())).collect(),
        mapping_version: 1,
    }
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.to_owned())
}

fn full_name(value: &str) -> FieldValue {
    FieldValue::parts([("full", value.to_owned())])
}

fn key() -> FingerprintKey {
    FingerprintKey::new([7; 32])
}

/// The questions about items; what is asked about who the person is has its own tests.
fn about_items(outcome: &MergeOutcome) -> Vec<&CaseFinding> {
    outcome.cases.iter().filter(|case| case.field.is_some()).collect()
}

struct Case {
    records: Vec<SourceRecord>,
    ties: Vec<Tie>,
    decisions: Vec<Decision>,
    today: NaiveDate,
}

impl Case {
    fn of(records: Vec<SourceRecord>) -> Self {
        Self { records, ties: Vec::new(), decisions: Vec::new(), today: day("2026-01-01") }
    }

    fn merge(&self) -> MergeOutcome {
        let (catalogue, key) = (catalogue(), key());
        let register: Vec<_> = self.records.iter().filter_map(crate::register_entry).collect();
        merge(&MergeInput {
            person_id: PersonId::nil(),
            absorbed: &[],
            records: &self.records,
            register: &register,
            ties: &self.ties,
            decisions: &self.decisions,
            catalogue: &catalogue,
            key: &key,
            business_date: self.today,
        })
    }
}

fn standing<'a>(outcome: &'a MergeOutcome, name: &str) -> &'a StandingField {
    &outcome.image.fields[&name.parse::<FieldName>().unwrap()]
}

const BIRTH: &str = "civil_status/birth/1/child";
const PERSON: &str = "residence/person/9/resident";

#[test]
fn the_first_in_authority_stands_and_a_difference_opens_a_case() {
    let outcome = Case::of(vec![
        record(PERSON, &[("date_of_birth", text("1990-05-02"))]),
        record(BIRTH, &[("date_of_birth", text("1990-05-01"))]),
    ])
    .merge();
    let field = standing(&outcome, "date_of_birth");
    assert_eq!((field.value.text(), field.state), (Some("1990-05-01"), FieldState::UnderVerification));
    assert_eq!(field.rule, "npd.date_of_birth/joint_verification/1");
    let cases = about_items(&outcome);
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].kind, cases[0].severity), (CaseKind::FieldConflict, 5));
}

#[test]
fn a_year_or_a_tone_mark_is_no_conflict() {
    let outcome = Case::of(vec![
        record(BIRTH, &[("date_of_birth", text("1954")), ("birth_name", full_name("Lê Hòa"))]),
        record(PERSON, &[("date_of_birth", text("1954-03-17")), ("birth_name", full_name("LE HOA"))]),
    ])
    .merge();
    assert_eq!(standing(&outcome, "date_of_birth").state, FieldState::Agreed);
    assert_eq!(standing(&outcome, "birth_name").state, FieldState::Agreed);
    assert!(about_items(&outcome).is_empty());
}

#[test]
fn a_correction_stands_over_the_birth_and_an_annulled_one_does_not() {
    let mut change = record("civil_status/change/4/subject", &[("birth_name", full_name("Lê Na"))]);
    change.standing = Standing::Corrected;
    let birth = record(BIRTH, &[("birth_name", full_name("Lê Nga"))]);
    let outcome = Case::of(vec![birth.clone(), change.clone()]).merge();
    assert_eq!(standing(&outcome, "birth_name").value, full_name("Lê Na"));
    assert_eq!(standing(&outcome, "birth_name").state, FieldState::SoleSource);
    change.standing = Standing::Annulled;
    assert_eq!(standing(&Case::of(vec![birth, change]).merge(), "birth_name").value, full_name("Lê Nga"));
}

#[test]
fn a_temporary_residence_ends_by_the_calendar() {
    let mut stay = record("residence/temporary/3/resident", &[("temporary_residence", full_name("x"))]);
    stay.valid_from = "2025-01-10".parse().ok();
    stay.valid_to = "2026-01-09".parse().ok();
    let mut case = Case::of(vec![stay]);
    for (today, stands, next) in [
        ("2025-01-09", false, Some("2025-01-10")),
        ("2025-01-10", true, Some("2026-01-10")),
        ("2026-01-09", true, Some("2026-01-10")),
        ("2026-01-10", false, None),
    ] {
        case.today = day(today);
        let outcome = case.merge();
        assert_eq!(outcome.image.value("temporary_residence").is_some(), stands, "{today}");
        assert_eq!(outcome.next_date, next.map(day), "{today}");
    }
}

#[test]
fn the_latest_marriage_or_divorce_stands_and_a_dead_spouse_widows() {
    let marriage = "civil_status/marriage/7/wife";
    let mut wed = record(marriage, &[("marital_status", text(MARRIED))]);
    wed.valid_from = "2010-01-01".parse().ok();
    let facts = PersonFacts {
        name: Some("Lê Văn Tư".to_owned()),
        alive: false,
        ..PersonFacts::nothing_but(PersonId::max())
    };
    let tie = Tie {
        own: RecordKey::try_from(marriage.to_owned()).unwrap(),
        other: RecordKey::try_from("civil_status/marriage/7/husband".to_owned()).unwrap(),
        relation_to_head: None,
        facts,
    };
    let mut case = Case::of(vec![wed]);
    case.ties = vec![tie];
    let outcome = case.merge();
    assert_eq!(outcome.image.value("marital_status"), Some(&text(WIDOWED)));
    assert_eq!(outcome.image.value("relatives"), None);
    case.ties[0].facts.alive = true;
    assert!(matches!(case.merge().image.value("relatives"), Some(FieldValue::List(l)) if l.len() == 1));
    let mut divorce = record("civil_status/divorce/8/wife", &[("marital_status", text("marital_status:3"))]);
    divorce.valid_from = "2015-01-01".parse().ok();
    case.records.push(divorce);
    let outcome = case.merge();
    assert_eq!(outcome.image.value("marital_status"), Some(&text("marital_status:3")));
    assert_eq!(outcome.image.value("relatives"), None);
}

#[test]
fn a_decision_stands_while_its_record_says_the_same_and_reopens_on_a_new_value() {
    let (a, b) = (record(BIRTH, &[("sex", text("sex:1"))]), record(PERSON, &[("sex", text("sex:2"))]));
    let seen = |r: &SourceRecord, v: &str| Considered {
        record_key: r.record_key.clone(),
        value_hash: key().value(&text(v)),
    };
    let decision = Decision {
        id: "d1".to_owned(),
        field: "sex".parse().unwrap(),
        takes: b.record_key.clone(),
        considered: vec![seen(&a, "sex:1"), seen(&b, "sex:2")],
        decided_at: Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0).unwrap(),
        reverses: None,
    };
    let mut case = Case::of(vec![a.clone(), b.clone()]);
    case.decisions = vec![decision.clone()];
    let outcome = case.merge();
    assert_eq!(
        (standing(&outcome, "sex").value.text(), standing(&outcome, "sex").state),
        (Some("sex:2"), FieldState::Decided)
    );
    assert_eq!(standing(&outcome, "sex").rule, "decision/d1");
    assert!(about_items(&outcome).is_empty());

    case.records[0].fields.insert("sex".parse().unwrap(), text("sex:0"));
    let outcome = case.merge();
    assert_eq!(
        (standing(&outcome, "sex").value.text(), standing(&outcome, "sex").state),
        (Some("sex:2"), FieldState::Disputed)
    );
    assert_eq!(about_items(&outcome).len(), 1);

    case.records = vec![a, record(PERSON, &[("sex", text("sex:0"))])];
    assert_eq!(
        standing(&case.merge(), "sex").value.text(),
        Some("sex:1"),
        "the taken record says something else now"
    );

    case.records[1] = b;
    case.decisions.push(Decision {
        id: "d2".to_owned(),
        reverses: Some("d1".to_owned()),
        field: "email".parse().unwrap(),
        ..decision
    });
    assert_eq!(standing(&case.merge(), "sex").state, FieldState::UnderVerification, "a reversal reopens");
}

#[test]
fn numbers_of_the_register_and_unknown_ones() {
    let carry = |key: &str, pin: &str| {
        let mut r = record(key, &[("sex", text("sex:1"))]);
        r.identifiers.push(crate::Identifier { kind: IdentifierKind::Pin, value: pin.to_owned() });
        r
    };
    let outcome = Case::of(vec![carry(PERSON, "001090000001")]).merge();
    assert!(!outcome.image.countable, "the register does not know the only number");
    assert_eq!(outcome.image.pins[0].state, PinStanding::Unknown);
    let outcome =
        Case::of(vec![carry(PERSON, "001090000001"), carry("identity/pin/1/holder", "001090000001")]).merge();
    assert!(outcome.image.countable);
    assert_eq!(outcome.image.value("pin"), Some(&text("001090000001")));
    assert!(
        Case::of(vec![record(BIRTH, &[("sex", text("sex:1"))])]).merge().image.countable,
        "a newborn has none yet"
    );
    assert!(
        !Case::of(vec![record("civil_status/birth/1/mother", &[("sex", text("sex:2"))])])
            .merge()
            .image
            .countable
    );
}

#[path = "authority_tests.rs"]
mod authority;

fn any_record() -> impl Strategy<Value = SourceRecord> {
    let keys = prop::sample::select(vec![
        BIRTH,
        PERSON,
        "civil_status/change/4/subject",
        "civil_status/birth/2/child",
        "identity/card/5/holder",
        "residence/temporary/3/resident",
        "civil_status/death/6/deceased",
    ]);
    let standing = prop::sample::select(Standing::ALL.to_vec());
    let from = prop::option::of(prop::sample::select(vec!["2020", "2021-05", "2022-01-03", "2027-01-01"]));
    let birth = prop::option::of(prop::sample::select(vec!["1990", "1990-01-01", "1991-02-03"]));
    let name = prop::option::of(prop::sample::select(vec!["Lê Hòa", "Lê Hoà", "LE HOA", "Trần Mơ"]));
    (keys, standing, from, birth, name, 0_u32..9).prop_map(|(key, standing, from, birth, name, n)| {
        let mut fields = Vec::new();
        fields.extend(birth.map(|b| ("date_of_birth", text(b))));
        fields.extend(name.map(|n| ("birth_name", full_name(n))));
        fields.push(("temporary_residence", FieldValue::parts([("detail", n.to_string())])));
        fields.push(("death_or_missing", FieldValue::parts([("date", "2025-01-01".to_owned())])));
        let mut record = record(key, &fields);
        record.standing = standing;
        record.valid_from = from.and_then(|f| f.parse().ok());
        record.version = Version { epoch: n, position: 0, ordinal: 0 };
        record
    })
}

proptest! {
    #[test]
    fn order_and_versions_do_not_matter(records in prop::collection::vec(any_record(), 0..8), seed in any::<u64>()) {
        let mut latest: BTreeMap<_, _> = BTreeMap::new();
        for record in records {
            latest.insert(record.record_key.clone(), record);
        }
        let records: Vec<_> = latest.into_values().collect();
        let mut shuffled = records.clone();
        let len = shuffled.len().max(1);
        shuffled.rotate_left(usize::try_from(seed % 8).unwrap() % len);
        if seed % 2 == 0 {
            shuffled.reverse();
        }
        for record in &mut shuffled {
            record.version.position += seed % 1000;
        }
        let (a, b) = (Case::of(records.clone()).merge(), Case::of(shuffled.clone()).merge());
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(
            crate::person_hash(&records, &a.image, &a.cases),
            crate::person_hash(&shuffled, &b.image, &b.cases)
        );
    }

    #[test]
    fn every_standing_value_is_some_counting_records_claim(records in prop::collection::vec(any_record(), 0..8)) {
        let outcome = Case::of(records.clone()).merge();
        for (name, field) in &outcome.image.fields {
            if let Some(key) = &field.record_key {
                let found = records.iter().any(|r| r.record_key == *key && r.standing.counts() && r.fields.get(name) == Some(&field.value));
                prop_assert!(found, "{} stands by {}", name, key);
            }
        }
    }
}
