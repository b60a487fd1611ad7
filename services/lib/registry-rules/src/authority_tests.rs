//! Which value stands, by date, cohort and effect; digits; life and death; adoption.

use super::*;
use crate::{ActReference, Identifier};

const PIN_ENTRY: &str = "identity/pin/001218000001/holder";

fn act(number: &str) -> ActReference {
    ActReference { source: "civil_status".to_owned(), act: format!("00001/KS-01/2018/{number}"), role: None }
}

/// A birth registered on a day, with its act.
fn birth(on: &str, fields: &[(&str, FieldValue)]) -> SourceRecord {
    SourceRecord {
        kind: "civil_status.birth_registered".to_owned(),
        act: Some(act("7")),
        valid_from: on.parse().ok(),
        ..record(BIRTH, fields)
    }
}

/// The register's entry of a number, issued for an act.
fn entry(number: &str, of: Option<ActReference>) -> SourceRecord {
    let refers_to = of.map(|act| ActReference { role: Some("child".to_owned()), ..act });
    let identifiers = vec![Identifier { kind: IdentifierKind::Pin, value: number.to_owned() }];
    SourceRecord { refers_to, identifiers, ..record(PIN_ENTRY, &[]) }
}

fn recorded(mut record: SourceRecord, on: &str) -> SourceRecord {
    record.recorded_at = Some(format!("{on}T00:00:00Z").parse().unwrap());
    record
}

fn stands(outcome: &MergeOutcome, name: &str) -> (String, FieldState, String) {
    let field = standing(outcome, name);
    (field.value.text().unwrap_or("…").to_owned(), field.state, field.rule.clone())
}

#[test]
fn who_was_registered_with_a_number_after_2016_stands_by_civil_status() {
    let says = |v: &str| [("date_of_birth", text(v))];
    let other = || record(PERSON, &says("2018-05-02"));
    let issued = || entry("001218000001", Some(act("7")));
    let again = SourceRecord {
        kind: "civil_status.birth_registered_again".to_owned(),
        ..birth("2018-06-01", &says("2018-05-01"))
    };
    let mut carrying = birth("2018-06-01", &says("2018-05-01"));
    carrying.identifiers.push(Identifier { kind: IdentifierKind::Pin, value: "001218000001".to_owned() });
    let mut late = carrying.clone();
    late.kind = "civil_status.birth_registered_late".to_owned();
    for (records, ground, why) in [
        (
            vec![birth("2018-06-01", &says("2018-05-01")), other(), issued()],
            "registered_with_number",
            "issued for the act",
        ),
        (vec![carrying, other()], "registered_with_number", "the act carries it"),
        (vec![late, other()], "joint_verification", "a late act carries the number from before"),
        (vec![birth("2018-06-01", &says("2018-05-01")), other()], "joint_verification", "no number"),
        (
            vec![birth("2018-06-01", &says("2018-05-01")), other(), entry("001218000001", Some(act("8")))],
            "joint_verification",
            "issued for another act",
        ),
        (
            vec![birth("2016-01-01", &says("2018-05-01")), other(), issued()],
            "joint_verification",
            "on the day is not after it",
        ),
        (vec![again, other(), issued()], "joint_verification", "registered again"),
    ] {
        let outcome = Case::of(records).merge();
        let state =
            if ground == "joint_verification" { FieldState::UnderVerification } else { FieldState::Disputed };
        let expected = ("2018-05-01".to_owned(), state, format!("npd.date_of_birth/{ground}/1"));
        assert_eq!(stands(&outcome, "date_of_birth"), expected, "{why}");
        assert_eq!(about_items(&outcome).len(), 1);
    }
}

#[test]
fn from_march_2027_the_registration_of_birth_is_the_original_and_the_day_is_known_before() {
    let says = |v: &str| [("date_of_birth", text(v))];
    let mut case =
        Case::of(vec![birth("1990-06-01", &says("1990-05-01")), record(PERSON, &says("1990-05-02"))]);
    let turn = day("2027-03-01");
    for (today, state, ground, next) in [
        ("2027-02-28", FieldState::UnderVerification, "joint_verification", Some(turn)),
        ("2027-03-01", FieldState::Disputed, "birth_is_original", None),
    ] {
        case.today = day(today);
        let outcome = case.merge();
        let expected = ("1990-05-01".to_owned(), state, format!("npd.date_of_birth/{ground}/1"));
        assert_eq!(stands(&outcome, "date_of_birth"), expected, "{today}");
        assert_eq!(outcome.next_date, next, "{today}");
    }
    case.today = day("2026-01-01");
    case.records[1] = record(PERSON, &says("1990"));
    assert_eq!(
        case.merge().next_date,
        None,
        "where all agree the new rule changes no answer, and nobody becomes due"
    );
    case.records =
        vec![record("identity/card/1/holder", &says("1990-05-01")), record(PERSON, &says("1990-05-02"))];
    case.today = day("2028-01-01");
    let state = stands(&case.merge(), "date_of_birth").1;
    assert_eq!(state, FieldState::UnderVerification, "without a registered birth nothing is original");
}

#[test]
fn a_later_statement_waits_until_it_is_verified_unless_it_is_a_correction() {
    let place = |p: &str| [("native_place", FieldValue::parts([("province", format!("province_2004:{p}"))]))];
    let old = recorded(record(PERSON, &place("40")), "2010-01-01");
    let new = recorded(birth("1990-06-01", &place("42")), "2020-01-01");
    let outcome = Case::of(vec![old.clone(), new.clone()]).merge();
    let field = standing(&outcome, "native_place");
    assert_eq!(field.record_key.as_ref(), Some(&old.record_key));
    assert_eq!(
        (field.state, field.rule.as_str()),
        (FieldState::UnderVerification, "npd.native_place/verified_before_writing/3")
    );
    assert_eq!(outcome.cases[0].records, [old.record_key.clone(), new.record_key.clone()]);
    let mut change = recorded(record("civil_status/change/4/subject", &place("42")), "2025-01-01");
    change.standing = Standing::Corrected;
    let outcome = Case::of(vec![old.clone(), new.clone(), change.clone()]).merge();
    assert_eq!(standing(&outcome, "native_place").record_key.as_ref(), Some(&change.record_key));
    let mut unknown = old.clone();
    unknown.recorded_at = None;
    let outcome = Case::of(vec![unknown, new.clone()]).merge();
    assert_eq!(
        standing(&outcome, "native_place").record_key.as_ref(),
        Some(&new.record_key),
        "of unknown time is not first"
    );
    let outcome = Case::of(vec![old.clone(), recorded(record(PERSON, &place("40")), "2010-01-01")]).merge();
    assert_eq!(standing(&outcome, "native_place").state, FieldState::SoleSource);
}

/// A rule may let somebody in who had no say before: the day it does is known.
#[test]
fn an_order_of_its_own_belongs_to_a_ground() {
    let rules = "rules = [\"birth_is_original\", \"registered_with_number\", \"joint_verification\"]";
    let narrow = format!("{rules}\norder = {{ joint_verification = [\"residence/person/resident\"] }}");
    let text_of = CATALOGUE.replacen(
        &format!("\"residence/person/resident\"]\n{rules}\n\n[[field]]\nname = \"place_of_birth\""),
        &format!("\"residence/person/resident\"]\n{narrow}\n\n[[field]]\nname = \"place_of_birth\""),
        1,
    );
    let catalogue = FieldCatalogue::parse(&text_of).unwrap();
    let case = Case::of(vec![birth("1990-06-01", &[("sex", text("sex:1"))])]);
    let key = key();
    let at = |today: &str| {
        merge(&MergeInput {
            person_id: PersonId::nil(),
            absorbed: &[],
            records: &case.records,
            register: &[],
            ties: &[],
            decisions: &[],
            catalogue: &catalogue,
            key: &key,
            business_date: day(today),
        })
    };
    let before = at("2026-01-01");
    assert_eq!((before.image.value("sex"), before.next_date), (None, Some(day("2027-03-01"))));
    assert_eq!(at("2027-03-01").image.value("sex"), Some(&text("sex:1")));
}

#[test]
fn digits_that_differ_flag_the_number_and_open_a_case_for_each_item() {
    let fields = |sex: &str, born: &str, province: &str| {
        vec![
            ("sex", text(sex)),
            ("date_of_birth", text(born)),
            (
                "place_of_birth_registration",
                FieldValue::parts([("province", format!("province_2004:{province}"))]),
            ),
        ]
    };
    let number = "001218000001";
    for (sex, born, province, differing) in [
        ("sex:1", "2018-05-01", "01", vec![]),
        ("sex:0", "2018", "01", vec![]),
        ("sex:2", "2018-05-01", "01", vec!["npd.sex"]),
        ("sex:1", "1918-05-01", "02", vec!["npd.date_of_birth", "npd.place_of_birth_registration"]),
    ] {
        let case = Case::of(vec![birth("2018-06-01", &fields(sex, born, province)), entry(number, None)]);
        let outcome = case.merge();
        let found: Vec<_> =
            outcome.cases.iter().map(|c| (c.kind, c.field.as_ref().unwrap().as_str())).collect();
        let expected: Vec<_> = differing.iter().map(|field| (CaseKind::DigitMismatch, *field)).collect();
        assert_eq!(found, expected);
        let flagged = if differing.is_empty() { FieldState::SoleSource } else { FieldState::Disputed };
        assert_eq!(stands(&outcome, "pin"), (number.to_owned(), flagged, "npd.pin/register".to_owned()));
        assert!(outcome.image.countable, "never a rejection");
        if let Some(case) = outcome.cases.first() {
            assert_eq!(
                case.records.iter().map(crate::RecordKey::as_str).collect::<Vec<_>>(),
                [BIRTH, PIN_ENTRY]
            );
            assert_eq!(case.severity, 4);
        }
    }
    let mut cancelled = entry(number, None);
    cancelled.standing = Standing::Ceased;
    let case = Case::of(vec![birth("2018-06-01", &fields("sex:2", "2018-05-01", "01")), cancelled]);
    assert!(case.merge().cases.is_empty(), "a cancelled number was cancelled because it differed");
}

fn death(kind: &str) -> SourceRecord {
    record(
        "civil_status/death/6/deceased",
        &[("death_or_missing", FieldValue::parts([("kind", format!("death_kind:{kind}"))]))],
    )
}

fn facts_of(case: &Case) -> PersonFacts {
    let (catalogue, key) = (catalogue(), key());
    facts(&MergeInput {
        person_id: PersonId::nil(),
        absorbed: &[],
        records: &case.records,
        register: &[],
        ties: &case.ties,
        decisions: &[],
        catalogue: &catalogue,
        key: &key,
        business_date: case.today,
    })
}

#[test]
fn declared_dead_widows_declared_missing_does_not_and_a_cancelled_declaration_never_was() {
    for (kind, alive, missing) in [("1", false, false), ("2", false, false), ("3", true, true)] {
        let mut case = Case::of(vec![death(kind)]);
        let told = facts_of(&case);
        assert_eq!((told.alive, told.missing), (alive, missing), "{kind}");
        assert_eq!(case.merge().image.lifecycle, Lifecycle::Deceased);
        case.records[0].standing = Standing::Annulled;
        let told = facts_of(&case);
        assert_eq!((told.alive, told.missing), (true, false), "{kind}");
        assert_eq!(case.merge().image.lifecycle, Lifecycle::Active);
    }
}

fn tie(own: &str, other: &str, facts: PersonFacts) -> Tie {
    let key = |text: &str| RecordKey::try_from(text.to_owned()).unwrap();
    Tie { own: key(own), other: key(other), relation_to_head: None, facts }
}

fn called(name: &str) -> PersonFacts {
    PersonFacts { name: Some(name.to_owned()), ..PersonFacts::nothing_but(PersonId::max()) }
}

fn named(outcome: &MergeOutcome, item: &str) -> Vec<String> {
    match outcome.image.value(item) {
        Some(FieldValue::List(elements)) => elements
            .iter()
            .map(|e| format!("{} {}", e.part("relation").unwrap_or("-"), e.part("name").unwrap_or("-")))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_dead_and_the_missing_leave_the_household_and_the_missing_stays_a_spouse() {
    let mut case =
        Case::of(vec![record("residence/permanent/1/resident", &[("residence_file_no", text("HS1"))])]);
    let mut away = called("Lê Tư");
    case.ties = vec![tie("residence/permanent/1/resident", "residence/permanent/2/resident", away.clone())];
    assert_eq!(named(&case.merge(), "household"), ["- Lê Tư"]);
    away.missing = true;
    case.ties[0].facts = away.clone();
    assert_eq!(named(&case.merge(), "household"), Vec::<String>::new());
    let wife = "civil_status/marriage/7/wife";
    case.records.push(record(wife, &[("marital_status", text(MARRIED))]));
    case.ties = vec![tie(wife, "civil_status/marriage/7/husband", away)];
    let outcome = case.merge();
    assert_eq!(outcome.image.value("marital_status"), Some(&text(MARRIED)));
    assert_eq!(named(&outcome, "relatives"), ["spouse Lê Tư"]);
}

#[test]
fn an_adoption_puts_other_parents_in_place_and_makes_the_past_a_secret() {
    let adopted = "civil_status/adoption/3/child";
    let act = |kind: &str| {
        let mut act = record(adopted, &[]);
        act.kind = format!("civil_status.{kind}");
        act.valid_from = "2024-03-04".parse().ok();
        act
    };
    let mut case = Case::of(vec![birth("2018-06-01", &[("sex", text("sex:1"))])]);
    case.ties = vec![
        tie(adopted, "civil_status/adoption/3/father", called("Cha Nuôi")),
        tie(adopted, "civil_status/adoption/3/mother", called("Mẹ Nuôi")),
        tie(BIRTH, "civil_status/birth/1/father", called("Cha Đẻ")),
        tie(BIRTH, "civil_status/birth/1/mother", called("Mẹ Đẻ")),
    ];
    case.records.push(act("adoption_registered"));
    assert_eq!(named(&case.merge(), "relatives"), ["father Cha Nuôi", "mother Mẹ Nuôi"]);
    let told = facts_of(&case);
    assert!(told.mother_replaced && told.father_replaced);
    let secret = crate::family_secret(&case.records, &catalogue()).unwrap();
    assert_eq!(secret.records.iter().map(RecordKey::as_str).collect::<Vec<_>>(), [adopted, BIRTH]);
    let field = |name: &str| name.parse::<FieldName>().unwrap();
    assert!(secret.covers(&field("relatives"), day("2024-03-03")));
    assert!(!secret.covers(&field("relatives"), day("2024-03-04")), "what stands since is the truth to all");
    assert!(!secret.covers(&field("blood_type"), day("2024-03-03")));

    case.records[1] = act("adopted_by_stepfather");
    case.ties.remove(1);
    assert_eq!(named(&case.merge(), "relatives"), ["father Cha Nuôi", "mother Mẹ Đẻ"]);
    assert!(!facts_of(&case).mother_replaced);

    case.records[1].standing = Standing::Ceased;
    case.ties.remove(0);
    assert_eq!(
        named(&case.merge(), "relatives"),
        ["father Cha Đẻ", "mother Mẹ Đẻ"],
        "an adoption that has ended gives them back"
    );
    assert!(crate::family_secret(&case.records, &catalogue()).is_some(), "and stays a secret");
    case.records[1].standing = Standing::Annulled;
    assert!(crate::family_secret(&case.records, &catalogue()).is_none());
}

#[test]
fn a_birth_mother_is_told_of_her_child_no_more() {
    let mother = "civil_status/birth/1/mother";
    let mut case = Case::of(vec![record(mother, &[])]);
    let mut child = called("Lê Na");
    case.ties = vec![tie(mother, BIRTH, child.clone())];
    assert_eq!(named(&case.merge(), "relatives"), ["child Lê Na"]);
    child.mother_replaced = true;
    case.ties[0].facts = child.clone();
    assert_eq!(named(&case.merge(), "relatives"), Vec::<String>::new());
    child = PersonFacts { mother_replaced: false, registered_again: true, ..child };
    case.ties[0].facts = child;
    assert_eq!(
        named(&case.merge(), "relatives"),
        Vec::<String>::new(),
        "registered again is no further child"
    );
}

#[test]
fn a_birth_registered_again_makes_nobody_countable() {
    let mut again = birth("2024-06-01", &[("sex", text("sex:1"))]);
    again.kind = "civil_status.birth_registered_again".to_owned();
    let mut case = Case::of(vec![again]);
    assert!(!case.merge().image.countable);
    assert!(facts_of(&case).registered_again);
    case.records.push(entry("001218000001", None));
    assert!(case.merge().image.countable);
    assert!(!facts_of(&case).registered_again);
}
