use super::*;
use crate::desk::synthetic::{case_about, key, records, today};
use crate::rules::Rules;
use registry_rules::{
    CaseKind, FieldValue, Identifier, IdentityDecision, RowKey, SourceRecord, Standing, Version,
    normalise_text,
};
use registry_store::CaseFacts;
use std::collections::BTreeMap;

const MAPPING: &str = include_str!("../../../../deploy/sources/steward.toml");
const MIGRATION: &str = include_str!("../../migrations/0002_identity.sql");
const BIRTH: &str = "civil_status/birth/1042/child";
const FILE: &str = "residence/person/R-77/resident";

/// A case of this kind, the residence file with another person.
fn sheet_of(kind: CaseKind) -> CaseSheet {
    let rules = Rules::embedded().unwrap();
    let mut facts: CaseFacts = case_about("birth_name", records(), &rules.catalogue);
    facts.case.finding.kind = kind;
    let file = record_key(FILE);
    let place = facts.places.get_mut(&file).unwrap();
    "person:residence/R-77".clone_into(&mut place.anchor);
    place.person_id = Some(Uuid::from_u128(43));
    CaseSheet::of(&facts, &rules, &key(), today())
}

fn record_key(text: &str) -> RecordKey {
    RecordKey::try_from(text.to_owned()).unwrap()
}

fn action(kind: RulingKind, record: &str, other: Option<&str>) -> RuleAction {
    let question = (kind == RulingKind::SendBack).then_some(Question::CheckPerson);
    RuleAction { kind, record: record_key(record), other: other.map(record_key), question }
}

fn now() -> DateTime<Utc> {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// A row's cells, as the adapter sees them.
fn cells(row: &IdentityRow) -> BTreeMap<&'static str, Option<String>> {
    let both = |named: &Option<(RecordKey, String)>| {
        named.clone().map(|(key, anchor)| (key.to_string(), anchor)).unzip()
    };
    let ((record, anchor), (other, other_anchor)) = (both(&row.subject), both(&row.other));
    BTreeMap::from([
        ("decision_id", Some(row.decision_id.to_string())),
        ("ruling", row.ruling.map(|kind| kind.as_str().to_owned())),
        ("record", record),
        ("anchor", anchor),
        ("other_record", other),
        ("other_anchor", other_anchor),
        ("question", row.question.map(|question| question.as_str().to_owned())),
        ("considered", Some(row.considered.clone())),
        ("reverses", row.reverses.map(|id| id.to_string())),
        ("decided_at", Some(row.decided_at.to_rfc3339())),
    ])
}

/// Reads a row by the mapping file, as far as its forms go.
fn captured(row: &IdentityRow) -> SourceRecord {
    let file: toml::Table = MAPPING.parse().unwrap();
    let (table, cells) = (&file["table"][1], cells(row));
    let cell = |name: &toml::Value| cells[name.as_str().unwrap()].clone();
    let role = &table["role"][0];
    let identifier = &role["identifiers"][0];
    let fields = role["field"].as_array().unwrap().iter().filter_map(|field| {
        let text = normalise_text(&cell(&field["column"])?);
        Some((field["field"].as_str().unwrap().parse().unwrap(), FieldValue::Text(text)))
    });
    let key = RowKey::new("steward", table["entity"].as_str().unwrap(), &cell(&table["key"][0]).unwrap());
    SourceRecord {
        record_key: key.unwrap().record(role["role"].as_str().unwrap()),
        version: Version::default(),
        kind: table["kind"].as_str().unwrap().to_owned(),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: Some(cell(&table["recorded_at"]).unwrap().parse().unwrap()),
        identifiers: vec![Identifier {
            kind: identifier["kind"].clone().try_into().unwrap(),
            value: cell(&identifier["column"]).unwrap(),
        }],
        relation_group: None,
        fields: fields.collect(),
        mapping_version: 1,
    }
}

#[test]
fn a_row_comes_back_as_the_decision_that_was_made() {
    for kind in RulingKind::ALL {
        let sheet = sheet_of(if kinds_for(CaseKind::StaleLink).contains(&kind) {
            CaseKind::StaleLink
        } else {
            CaseKind::Duplicate
        });
        let other = kind.names_two().then_some(FILE);
        let row = IdentityRow::of(&sheet, &action(kind, BIRTH, other), &key(), now()).unwrap();
        let record = captured(&row);
        assert!(IdentityDecision::is_one(&record.record_key));
        let decision = IdentityDecision::from_record(&record).unwrap().unwrap();
        assert_eq!((&decision.id, decision.decided_at), (&row.decision_id.to_string(), row.decided_at));
        let ruling = decision.ruling.unwrap();
        assert_eq!((ruling.kind, ruling.subject.record_key.as_str()), (kind, BIRTH));
        assert!(ruling.subject.anchor.starts_with("pin:"));
        assert_eq!(ruling.other.map(|o| o.anchor), other.map(|_| "person:residence/R-77".to_owned()));
        assert_eq!(decision.considered.len(), sheet.records.len());
    }
}

#[test]
fn a_reversal_names_only_what_it_takes_back() {
    let earlier = Uuid::from_u128(9);
    let row = IdentityRow::reversing(earlier, now(), now());
    let decision = IdentityDecision::from_record(&captured(&row)).unwrap().unwrap();
    assert_eq!((decision.ruling, decision.reverses), (None, Some(earlier.to_string())));
    assert!(decision.decided_at > now(), "later than what it takes back, whatever the clock says");
}

#[test]
fn what_does_not_fit_is_refused_by_its_field() {
    let of = |case, kind, record, other| {
        IdentityRow::of(&sheet_of(case), &action(kind, record, other), &key(), now()).unwrap_err().to_string()
    };
    let duplicate = CaseKind::Duplicate;
    for (error, word) in [
        (of(CaseKind::FieldConflict, RulingKind::Merge, BIRTH, Some(FILE)), "no such decision"),
        (of(duplicate, RulingKind::Merge, BIRTH, None), "other: "),
        (of(duplicate, RulingKind::Merge, BIRTH, Some(BIRTH)), "other: "),
        (of(duplicate, RulingKind::SendBack, BIRTH, Some(FILE)), "other: "),
        (of(duplicate, RulingKind::Merge, "residence/person/R-78/resident", Some(FILE)), "record: "),
        (of(duplicate, RulingKind::Merge, BIRTH, Some("identity/card/C-5/holder")), "change nothing"),
        (of(CaseKind::Confusion, RulingKind::Split, FILE, None), "change nothing"),
    ] {
        assert!(error.contains(word), "{error}");
    }
    let mut asks_nothing = action(RulingKind::SendBack, BIRTH, None);
    asks_nothing.question = None;
    let error = IdentityRow::of(&sheet_of(duplicate), &asks_nothing, &key(), now()).unwrap_err();
    assert!(matches!(error, DecideError::Question));
}

#[test]
fn the_table_holds_what_travels_and_nothing_else() {
    let table = MIGRATION.split("create table console.identity_decision (").nth(1).unwrap();
    let table = table.split(");\n").next().unwrap();
    let row = IdentityRow::reversing(Uuid::nil(), now(), now());
    for column in cells(&row).keys() {
        assert!(table.lines().any(|line| line.trim_start().starts_with(&format!("{column} "))), "{column}");
    }
    assert!(!table.contains("reason text") && !table.contains("decided_by"));
    assert!(MIGRATION.contains("alter publication dansync add table console.identity_decision"));
    for question in Question::ALL {
        assert!(table.contains(&format!("'{}'", question.as_str())));
    }
}
