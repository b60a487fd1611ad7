//! What leaves: the agreements as they are filed, people of every shape, and two evaluators that must say the same.

use crate::{
    Agreement, AgreementError, AgreementState, FieldCatalogue, FieldName, FieldState, FieldValue,
    GuardViolation, Lifecycle, PersonImage, PinStanding, PinState, ReleaseContext, ReleaseReason,
    StandingField, covered, guard, release, release_hash,
};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const AGREEMENTS: [&str; 3] = [
    include_str!("../../../../schemas/agreements/education.toml"),
    include_str!("../../../../schemas/agreements/health_province.toml"),
    include_str!("../../../../schemas/agreements/vss_insurance.toml"),
];
const ACTIVE: ReleaseContext = ReleaseContext { state: AgreementState::Active };

fn catalogue() -> FieldCatalogue {
    FieldCatalogue::parse(include_str!("../../../../schemas/field-catalogue.toml")).unwrap()
}

fn agreement(fields: &str, population: &str) -> Result<Agreement, Vec<AgreementError>> {
    Agreement::parse(&agreement_text(fields, population), &catalogue())
}

fn agreement_text(fields: &str, population: &str) -> String {
    format!(
        r#"
        agreement = "test"
        version = 1
        subscriber = "body"
        subscriber_name = {{ vi = "Cơ quan", en = "Body" }}
        purpose = "test"
        environment = "test"
        legal_basis = ["Decree 70/2024/ND-CP art. 8"]
        state = "active"
        valid_from = "2020-01-01"
        valid_to = "2030-12-31"
        modes = ["topic"]
        history = false
        visibility = "now"
        fields = [{fields}]
        {population}
        "#
    )
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn image(values: impl IntoIterator<Item = (&'static str, FieldValue)>) -> PersonImage {
    PersonImage {
        person_id: uuid::Uuid::from_u128(7),
        version: 1,
        lifecycle: Lifecycle::Active,
        merged_into: None,
        absorbed: vec![],
        countable: true,
        pins: vec![PinState { value: "001054000001".into(), state: PinStanding::Current }],
        fields: values.into_iter().map(|(name, value)| (name.parse().unwrap(), standing(value))).collect(),
        business_date: day("2026-01-01"),
    }
}

fn standing(value: FieldValue) -> StandingField {
    StandingField { value, state: FieldState::SoleSource, record_key: None, rule: String::new() }
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.into())
}

const EVERYONE: &str = "[[population]]\ncondition = \"everyone\"";

#[test]
fn the_filed_agreements_are_readable_and_one_does_not_name_the_pin() {
    let parsed: Vec<_> =
        AGREEMENTS.iter().map(|file| Agreement::parse(file, &catalogue()).unwrap()).collect();
    assert!(parsed.iter().any(|a| !a.fields.iter().any(|f| f.contains("pin"))));
    for agreement in &parsed {
        let named: BTreeSet<_> = agreement.columns().iter().flat_map(|c| c.fields.iter().cloned()).collect();
        assert_eq!(named, agreement.fields, "{}", agreement.name);
    }
}

#[test]
fn all_faults_of_a_file_are_told_at_once() {
    let faults = Agreement::parse(
        "version = 0\nstate = \"on\"\nfields = [\"npd.shoe_size\", \"npd.birth_name\"]\ncolour = \"red\"",
        &catalogue(),
    )
    .unwrap_err();
    for expected in [
        AgreementError::Missing("agreement".into()),
        AgreementError::Value { key: "version".into(), expected: "a number from 1".into() },
        AgreementError::NoCondition,
        AgreementError::NoSuchField("npd.shoe_size".into()),
        // An item with parts is asked for by its parts.
        AgreementError::NoSuchField("npd.birth_name".into()),
        AgreementError::Unknown("colour".into()),
    ] {
        assert!(faults.contains(&expected), "{expected:?} is not among {faults:?}");
    }
}

#[test]
fn a_population_must_be_limited_or_say_that_it_is_not() {
    for (population, good) in [
        (EVERYONE, true),
        ("population = []", false),
        ("", false),
        ("[[population]]\ncondition = \"rich\"", false),
        ("[[population]]\ncondition = \"age_at_least\"", false),
        ("[[population]]\ncondition = \"age_at_least\"\nyears = 200", false),
        ("[[population]]\ncondition = \"resident_in\"\nby = \"npd.nowhere\"\nprovinces = [\"p:1\"]", false),
        ("[[population]]\ncondition = \"everyone\"\nbut = 1", false),
        ("[[population]]\ncondition = \"any\"\nof = [{ condition = \"has_pin\" }]", true),
        ("[[population]]\ncondition = \"any\"\nof = []", false),
    ] {
        assert_eq!(agreement("\"pin\"", population).is_ok(), good, "{population}");
    }
}

#[test]
fn columns_hold_the_permitted_parts_and_nothing_else() {
    let agreement = agreement(
        r#""birth_name.full", "npd.sex", "id_cards.type", "npd.id_cards.status", "cmnd9", "phone""#,
        EVERYONE,
    )
    .unwrap();
    let card = |number: &str, kind: &str| {
        FieldValue::parts([
            ("number", number.to_owned()),
            ("type", kind.to_owned()),
            ("status", "s:1".to_owned()),
        ])
    };
    let person = image([
        ("birth_name", FieldValue::parts([("full", "Lê Hòa".to_owned()), ("given", "Hòa".to_owned())])),
        ("sex", text("sex:1")),
        ("religion", text("religion:01")),
        ("id_cards", FieldValue::List(vec![card("2", "t:1"), card("1", "t:2"), card("3", "t:1")])),
        ("cmnd9", FieldValue::List(vec![text("2"), text("1")])),
        // Another shape than the catalogue's: denied.
        ("phone", FieldValue::parts([("number", "1".to_owned())])),
    ]);
    let released = release(&person, &agreement, ACTIVE, day("2026-05-01"));
    let expected: BTreeMap<String, String> = [
        ("birth_name_full", "Lê Hòa"),
        ("cmnd9", r#"["1","2"]"#),
        ("id_cards", r#"[{"status":"s:1","type":"t:1"},{"status":"s:1","type":"t:2"}]"#),
        ("sex", "sex:1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert!(released.columns == expected);
    let named: Vec<_> = released.fields.iter().map(String::as_str).collect();
    assert_eq!(
        named,
        ["npd.birth_name.full", "npd.cmnd9", "npd.id_cards.status", "npd.id_cards.type", "npd.sex"]
    );
    assert!(!format!("{released:?}").contains("Hòa"), "Debug must show no value");
}

#[test]
fn who_is_in_on_which_day() {
    let born = |date: &str| image([("date_of_birth", text(date))]);
    let at_least_60 = "[[population]]\ncondition = \"age_at_least\"\nyears = 60";
    let at_most_18 = "[[population]]\ncondition = \"age_at_most\"\nyears = 18";
    for (population, birth, on, member, next) in [
        (at_least_60, "1966-05-02", "2026-05-01", false, "2026-05-02"),
        (at_least_60, "1966-05-02", "2026-05-02", true, "2031-01-01"),
        (at_least_60, "1966", "2026-12-30", false, "2026-12-31"),
        (at_least_60, "1966-05", "2026-05-30", false, "2026-05-31"),
        (at_least_60, "1966-05", "2026-05-31", true, "2031-01-01"),
        (at_most_18, "2008-02-29", "2027-02-28", true, "2027-03-01"),
        (at_most_18, "2008-02-29", "2027-03-01", false, "2031-01-01"),
    ] {
        let agreement = agreement("\"sex\"", population).unwrap();
        let released = release(&born(birth), &agreement, ACTIVE, day(on));
        assert_eq!((released.member, released.next_review_on), (member, Some(day(next))), "{birth} on {on}");
    }
    let agreement = agreement("\"sex\"", at_least_60).unwrap();
    assert!(!release(&image([]), &agreement, ACTIVE, day("2026-05-01")).member, "no date of birth, not in");
}

#[test]
fn the_dead_stay_as_long_as_agreed() {
    let dead = |date: Option<&str>| {
        let mut person =
            image(date.map(|d| ("death_or_missing", FieldValue::parts([("date", d.to_owned())]))));
        person.lifecycle = Lifecycle::Deceased;
        person
    };
    for (days, died, on, member) in [
        (30, Some("2026-05-01"), "2026-05-30", true),
        (30, Some("2026-05-01"), "2026-05-31", false),
        (30, Some("2026"), "2026-06-30", true),
        (30, None, "2026-05-01", false),
        (0, Some("2026-05-01"), "2026-05-01", false),
        (0, Some("2026-12-31"), "2026-05-01", false),
    ] {
        let population = format!("[[population]]\ncondition = \"alive_or_recently_dead\"\ndays = {days}");
        let agreement = agreement("\"sex\"", &population).unwrap();
        assert_eq!(release(&dead(died), &agreement, ACTIVE, day(on)).member, member, "{days} {died:?} {on}");
    }
}

#[test]
fn reasons_of_a_no() {
    let agreement = agreement("\"sex\"", "[[population]]\ncondition = \"has_pin\"").unwrap();
    let on = day("2026-05-01");
    let person = image([("sex", text("sex:1"))]);
    let reason = |person: &PersonImage, state, on| {
        let released = release(person, &agreement, ReleaseContext { state }, on);
        assert!(released.member || released.columns.is_empty());
        released.reason
    };
    assert_eq!(reason(&person, AgreementState::Active, on), ReleaseReason::Member);
    assert_eq!(reason(&person, AgreementState::Ended, on), ReleaseReason::NotInForce);
    assert_eq!(reason(&person, AgreementState::Approved, on), ReleaseReason::NotInForce);
    assert_eq!(reason(&person, AgreementState::Active, day("2031-01-01")), ReleaseReason::NotInForce);
    let merged = PersonImage { lifecycle: Lifecycle::Merged, ..person.clone() };
    assert_eq!(reason(&merged, AgreementState::Active, on), ReleaseReason::Merged);
    let uncounted = PersonImage { countable: false, ..person.clone() };
    assert_eq!(reason(&uncounted, AgreementState::Active, on), ReleaseReason::NotCountable);
    let numberless = PersonImage { pins: vec![], ..person };
    assert_eq!(reason(&numberless, AgreementState::Active, on), ReleaseReason::OutsidePopulation);
}

#[test]
fn the_guard_stops_what_release_would_never_give() {
    let rows = ["npd.sex".to_owned(), "npd.relatives.name".to_owned(), "npd.birth_name.full".to_owned()];
    let reference = "a".repeat(32);
    for (column, value, claimed, verdict) in [
        ("sex", "sex:1", &rows[..1], Ok(())),
        ("meta_ref", reference.as_str(), &rows[..0], Ok(())),
        ("relatives", r#"[{"name":"A"}]"#, &rows[1..2], Ok(())),
        ("sex", "sex:1", &rows[1..2], Err(GuardViolation::NotOnLedger("sex".into()))),
        ("pin", "001", &rows[..], Err(GuardViolation::NotPermitted("pin".into()))),
        (
            "relatives",
            r#"[{"name":"A","pin":"1"}]"#,
            &rows[..],
            Err(GuardViolation::NotPermitted("relatives".into())),
        ),
        ("relatives", "A", &rows[..], Err(GuardViolation::NotPermitted("relatives".into()))),
        ("birth_name_given", "A", &rows[..], Err(GuardViolation::NotPermitted("birth_name_given".into()))),
        ("meta_reason", "Lê Hòa", &rows[..], Err(GuardViolation::Meta("meta_reason".into()))),
        ("meta_pin", "1", &rows[..], Err(GuardViolation::Meta("meta_pin".into()))),
    ] {
        assert_eq!(guard([(column, value)], claimed, &rows), verdict, "{column}");
    }
    let beyond = guard([], &["npd.pin".to_owned()], &rows);
    assert_eq!(beyond, Err(GuardViolation::LedgerBeyondAgreement("npd.pin".into())));
}

#[test]
fn the_hash_sees_names_values_absorbed_and_generation() {
    let columns = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let none = BTreeSet::new();
    let base = release_hash(&columns(&[("a", "1")]), &none, 1);
    assert_eq!(base, release_hash(&columns(&[("a", "1")]), &none, 1));
    for other in [
        release_hash(&columns(&[("a", "2")]), &none, 1),
        release_hash(&columns(&[("b", "1")]), &none, 1),
        release_hash(&columns(&[("a", "1")]), &["r".to_owned()].into(), 1),
        release_hash(&columns(&[("a", "1")]), &none, 2),
        release_hash(&columns(&[("a1", "")]), &none, 1),
    ] {
        assert_ne!(base, other);
    }
}

/// Values of every shape for items and parts of the catalogue, dates and provinces often enough to matter.
fn any_value() -> impl Strategy<Value = FieldValue> {
    let scalar = prop_oneof![
        "[12][0-9]{3}".prop_map(|y| y),
        (1940_i32..2026, 1_u32..13, 1_u32..29).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
        (1940_i32..2026, 1_u32..13).prop_map(|(y, m)| format!("{y}-{m:02}")),
        "[a-zà-ỹ ]{0,6}".prop_map(|t| t),
        Just("province_2025:79".to_owned()),
    ];
    let part = prop::sample::select(vec![
        "full", "province", "commune", "date", "name", "number", "pin", "relation",
    ]);
    let parts = prop::collection::btree_map(part.prop_map(str::to_owned), scalar.clone(), 0..4);
    prop_oneof![
        scalar.prop_map(FieldValue::Text),
        parts.clone().prop_map(FieldValue::Parts),
        prop::collection::vec(parts.prop_map(FieldValue::Parts), 0..3).prop_map(FieldValue::List),
    ]
}

fn any_person() -> impl Strategy<Value = PersonImage> {
    let names: Vec<FieldName> = catalogue().iter().map(|f| f.name.clone()).collect();
    let fields =
        prop::collection::btree_map(prop::sample::select(names), any_value().prop_map(standing), 0..12);
    let pins = prop::collection::vec(prop::sample::select(PinStanding::ALL.to_vec()), 0..3);
    let dob = prop::option::weighted(
        0.9,
        "(19[4-9][0-9]|20[0-2][0-9])(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?)?",
    );
    let lives = prop::bool::weighted(0.7);
    (fields, pins, dob, lives, prop::sample::select(Lifecycle::ALL.to_vec()), prop::bool::weighted(0.9))
        .prop_map(|(mut fields, pins, dob, lives, lifecycle, countable)| {
            if let Some(dob) = dob {
                fields.insert("date_of_birth".parse().unwrap(), standing(FieldValue::Text(dob)));
            }
            if lives {
                let address = FieldValue::parts([("province", "province_2025:79".to_owned())]);
                fields.insert("permanent_residence".parse().unwrap(), standing(address));
            }
            PersonImage {
                lifecycle,
                countable,
                pins: pins.into_iter().map(|state| PinState { value: "1".into(), state }).collect(),
                fields,
                ..image([])
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_release_holds_a_field_outside_its_agreement(person in any_person(), which in 0_usize..3, ahead in 0_u64..3000) {
        let agreement = Agreement::parse(AGREEMENTS[which], &catalogue()).unwrap();
        let on = day("2025-10-01") + Days::new(ahead);
        let released = release(&person, &agreement, ACTIVE, on);
        prop_assert!(released.fields.is_subset(&agreement.fields));
        let permitted: BTreeSet<_> = agreement.columns().iter().map(|c| c.name.as_str()).collect();
        prop_assert!(released.columns.keys().all(|name| permitted.contains(name.as_str())));
        let rows: Vec<_> = agreement.fields.iter().cloned().collect();
        let claimed: Vec<_> = released.fields.iter().cloned().collect();
        let payload = released.columns.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        prop_assert_eq!(guard(payload, &claimed, &rows), Ok(()));
    }

    #[test]
    fn the_second_evaluator_says_the_same(person in any_person(), which in 0_usize..3, ahead in 0_u64..3000) {
        let agreement = Agreement::parse(AGREEMENTS[which], &catalogue()).unwrap();
        let table = AGREEMENTS[which].parse().unwrap();
        let on = day("2025-10-01") + Days::new(ahead);
        prop_assert_eq!(release(&person, &agreement, ACTIVE, on).member, covered(&person, &table, on));
    }

    #[test]
    fn nothing_changes_before_the_next_review(person in any_person(), which in 0_usize..3, ahead in 0_u64..3000) {
        let agreement = Agreement::parse(AGREEMENTS[which], &catalogue()).unwrap();
        let on = day("2025-10-01") + Days::new(ahead);
        let released = release(&person, &agreement, ACTIVE, on);
        let later = released.next_review_on.unwrap_or(on + Days::new(4000));
        prop_assert!(later > on);
        for probe in [later - Days::new(1), on + Days::new((later - on).num_days().unsigned_abs() / 2)] {
            let again = release(&person, &agreement, ACTIVE, probe);
            prop_assert!(again.member == released.member && again.columns == released.columns);
        }
    }
}
