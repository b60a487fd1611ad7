use super::*;
use crate::desk::synthetic::{case_about, key, name, record, records, today, with};

fn sheet(records: Vec<SourceRecord>) -> CaseSheet {
    let rules = Rules::embedded().unwrap();
    CaseSheet::of(&case_about("birth_name", records, &rules.catalogue), &rules, &key(), today())
}

fn keys(sheet: &CaseSheet) -> Vec<&str> {
    sheet.statements.iter().map(|s| s.record_key.as_str()).collect()
}

#[test]
fn what_stands_comes_first_then_authority_then_evidence() {
    let sheet = sheet(records());
    assert_eq!(
        keys(&sheet),
        [
            "civil_status/birth/1042/child",
            "identity/card/C-5/holder",
            "residence/person/R-77/resident",
            "medical/birth_notice/2%2F1990/child",
        ]
    );
    let stands: Vec<_> = sheet.statements.iter().map(|s| s.stands).collect();
    assert_eq!(stands, [true, false, false, false]);
    let why: Vec<_> = sheet.statements.iter().map(|s| s.not_takeable).collect();
    assert_eq!(why, [None, None, None, Some(NotTakeable::NoAuthority)]);
    assert_eq!(sheet.state, Some(FieldState::UnderVerification));
    assert_eq!(sheet.rule.as_deref(), Some("npd.birth_name/joint_verification/1"));
}

#[test]
fn differences_are_said_by_part() {
    let sheet = sheet(records());
    let full = |n: usize| sheet.statements[n].differences.get("full").cloned().unwrap_or_default();
    assert_eq!(full(0), vec![]);
    assert_eq!(full(1), vec![Difference::MissingMarks]);
    assert_eq!(full(2), vec![Difference::WordCount]);
    assert_eq!(full(3), vec![Difference::TonePlace]);
}

#[test]
fn what_is_not_in_effect_cannot_be_taken_and_what_is_gone_is_not_shown() {
    let mut records = records();
    records[1].standing = Standing::Annulled;
    records[2].valid_from = Some("2030-01-01".parse().unwrap());
    records[3].standing = Standing::Withdrawn;
    records.push(with(
        record("residence", "person", "two  blanks", "resident"),
        "birth_name",
        name("Lê An Bình"),
    ));
    let sheet = sheet(records);
    let why: BTreeMap<_, _> =
        sheet.statements.iter().map(|s| (s.record_key.as_str(), s.not_takeable)).collect();
    assert_eq!(why["residence/person/R-77/resident"], Some(NotTakeable::NotInEffect));
    assert_eq!(why["identity/card/C-5/holder"], Some(NotTakeable::NotYet));
    assert_eq!(why["residence/person/two  blanks/resident"], Some(NotTakeable::Key));
    assert!(!why.contains_key("medical/birth_notice/2%2F1990/child"));
}

#[test]
fn seen_changes_with_any_value_shown_and_with_nothing_else() {
    let before = sheet(records()).seen;
    let mut same = records();
    same.reverse();
    same[0].recorded_at = None;
    assert_eq!(sheet(same).seen, before);
    let mut changed = records();
    changed[3] = with(changed[3].clone(), "birth_name", name("Nguyễn Thị Hạnh"));
    assert_ne!(sheet(changed).seen, before);
}

#[test]
fn seen_changes_when_a_record_stands_elsewhere() {
    let rules = Rules::embedded().unwrap();
    let mut facts = case_about("birth_name", records(), &rules.catalogue);
    let seen = |facts: &CaseFacts| CaseSheet::of(facts, &rules, &key(), today()).seen;
    let before = seen(&facts);
    facts.places.values_mut().next().unwrap().anchor.push('1');
    assert_ne!(seen(&facts), before);
}

#[test]
fn the_number_is_masked() {
    let sheet = sheet(records());
    let person = sheet.person.unwrap();
    assert_eq!(person.pin_ending.as_deref(), Some("0007"));
    assert_eq!(format!("{person:?}"), format!("PersonLine({}, ***)", person.person_id));
}

#[test]
fn a_long_sheet_is_cut_and_says_so() {
    let many = (0..30).map(|n| {
        with(
            record("residence", "person", &format!("R-{n}"), "resident"),
            "birth_name",
            name(&format!("Lê An {n}")),
        )
    });
    let sheet = sheet(many.collect());
    assert_eq!(sheet.statements.len(), MOST_STATEMENTS);
    assert!(sheet.truncated);
}

#[test]
fn the_json_has_stable_keys_and_no_whole_number() {
    let json = serde_json::to_value(sheet(records())).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "version",
            "case_id",
            "kind",
            "severity",
            "affected",
            "weight",
            "standing",
            "clock",
            "opened_at",
            "field",
            "subject",
            "person",
            "state",
            "rule",
            "statements",
            "records",
            "rulings",
            "truncated",
            "seen",
            "last_decision",
            "held",
            "proposals",
            "claim",
        ]
    );
    assert!(!json.to_string().contains(crate::desk::synthetic::PIN));
}
