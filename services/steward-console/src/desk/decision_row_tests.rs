use super::*;
use crate::desk::sheet::RecordedDecision;
use crate::desk::synthetic::{case_about, key, name, records, today, with};
use crate::rules::Rules;
use registry_rules::{
    Decision, FieldValue, Identifier, MergeInput, RowKey, SourceRecord, Standing, Version, merge,
    normalise_text,
};
use std::collections::BTreeMap;

const MAPPING: &str = include_str!("../../../../deploy/sources/steward.toml");
const MIGRATION: &str = include_str!("../../migrations/0001_console.sql");

fn now() -> DateTime<Utc> {
    "2026-11-22T09:00:00.123456789Z".parse().unwrap()
}

fn sheet_of(records: Vec<SourceRecord>) -> CaseSheet {
    let rules = Rules::embedded().unwrap();
    CaseSheet::of(&case_about("birth_name", records, &rules.catalogue), &rules, &key(), today())
}

fn row(sheet: &CaseSheet, takes: &str) -> Option<DecisionRow> {
    DecisionRow::taking(sheet, &RecordKey::try_from(takes.to_owned()).unwrap(), &key(), now())
}

/// A row's cells, as the adapter sees them.
fn cells(row: &DecisionRow) -> BTreeMap<&'static str, Option<String>> {
    BTreeMap::from([
        ("decision_id", Some(row.decision_id.to_string())),
        ("field", Some(row.field.to_string())),
        ("takes", Some(row.takes.to_string())),
        ("considered", Some(row.considered.clone())),
        ("reverses", row.reverses.map(|id| id.to_string())),
        ("decided_at", Some(row.decided_at.to_rfc3339())),
    ])
}

/// Reads a row by the mapping file, as far as its forms go: texts are normalised, empty cells give no field.
fn captured(row: &DecisionRow) -> SourceRecord {
    let file: toml::Table = MAPPING.parse().unwrap();
    let (table, cells) = (&file["table"][0], cells(row));
    let cell = |name: &toml::Value| cells[name.as_str().unwrap()].clone();
    let role = &table["role"][0];
    let identifier = &role["identifiers"][0];
    let fields = role["field"].as_array().unwrap().iter().filter_map(|field| {
        assert_eq!(field["form"].as_str(), Some("text"));
        let text = normalise_text(&cell(&field["column"])?);
        Some((field["field"].as_str().unwrap().parse().unwrap(), FieldValue::Text(text)))
    });
    let key = RowKey::new(
        file["source"].as_str().unwrap(),
        table["entity"].as_str().unwrap(),
        &cell(&table["key"][0]).unwrap(),
    );
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
    let sheet = sheet_of(records());
    let row = row(&sheet, "residence/person/R-77/resident").unwrap();
    let decision = Decision::from_record(&captured(&row)).unwrap().unwrap();
    assert_eq!(decision.id, row.decision_id.to_string());
    assert_eq!(decision.field, row.field);
    assert_eq!(decision.takes, row.takes);
    assert_eq!(decision.decided_at, row.decided_at);
    assert_eq!(decision.reverses, None);
    assert_eq!(decision.considered.len(), sheet.statements.len());
    for statement in &sheet.statements {
        assert!(decision.saw(&statement.record_key, &statement.value, &key()));
    }
}

#[test]
fn a_reversal_names_what_it_takes_back() {
    let sheet = sheet_of(records());
    let reverses = Uuid::from_u128(9);
    let row =
        DecisionRow { reverses: Some(reverses), ..row(&sheet, "residence/person/R-77/resident").unwrap() };
    let decision = Decision::from_record(&captured(&row)).unwrap().unwrap();
    assert_eq!(decision.reverses, Some(reverses.to_string()));
}

#[test]
fn what_is_taken_back_lets_the_rules_decide_again() {
    let rules = Rules::embedded().unwrap();
    let records = records();
    let first = row(&sheet_of(records.clone()), "residence/person/R-77/resident").unwrap();
    let back = DecisionRow {
        decision_id: Uuid::from_u128(1),
        reverses: Some(first.decision_id),
        decided_at: first.decided_at + TimeDelta::seconds(1),
        ..first.clone()
    };
    let merged = |rows: &[&DecisionRow]| {
        let decisions: Vec<_> =
            rows.iter().map(|row| Decision::from_record(&captured(row)).unwrap().unwrap()).collect();
        let outcome = merge(&MergeInput {
            person_id: Uuid::from_u128(42),
            absorbed: &[],
            records: &records,
            register: &[],
            ties: &[],
            decisions: &decisions,
            catalogue: &rules.catalogue,
            key: &key(),
            business_date: today(),
        });
        (outcome.image.fields, outcome.cases)
    };
    let untouched = merged(&[]);
    assert_ne!(merged(&[&first]), untouched);
    assert_eq!(merged(&[&first, &back]), untouched);
    assert_eq!(merged(&[&back, &first]), untouched);
}

#[test]
fn the_decision_changes_what_stands_and_closes_the_case() {
    let rules = Rules::embedded().unwrap();
    let records = records();
    let row = row(&sheet_of(records.clone()), "residence/person/R-77/resident").unwrap();
    let decision = Decision::from_record(&captured(&row)).unwrap().unwrap();
    let outcome = merge(&MergeInput {
        person_id: Uuid::from_u128(42),
        absorbed: &[],
        records: &records,
        register: &[],
        ties: &[],
        decisions: &[decision],
        catalogue: &rules.catalogue,
        key: &key(),
        business_date: today(),
    });
    let field = "birth_name".parse().unwrap();
    assert_eq!(outcome.image.fields[&field].record_key.as_ref(), Some(&row.takes));
    assert!(outcome.cases.iter().all(|case| case.field.as_ref() != Some(&field)));
}

#[test]
fn what_cannot_stand_cannot_be_taken() {
    let sheet = sheet_of(records());
    assert_eq!(row(&sheet, "medical/birth_notice/2%2F1990/child"), None);
    assert_eq!(row(&sheet, "residence/person/R-78/resident"), None);
}

#[test]
fn considered_is_ascii_without_white_space_whatever_the_keys_hold() {
    let mut records = records();
    records.push(with(
        crate::desk::synthetic::record("residence", "person", "hồ  sơ\u{1f600} \"5\"", "resident"),
        "birth_name",
        name("Lê An Bình"),
    ));
    let sheet = sheet_of(records);
    let row = row(&sheet, "residence/person/R-77/resident").unwrap();
    assert!(row.considered.bytes().all(|byte| byte.is_ascii_graphic()));
    let decision = Decision::from_record(&captured(&row)).unwrap().unwrap();
    for statement in &sheet.statements {
        assert!(decision.saw(&statement.record_key, &statement.value, &key()));
    }
}

#[test]
fn a_later_decision_is_later_whatever_the_clock_says() {
    let mut sheet = sheet_of(records());
    let kept = row(&sheet, "residence/person/R-77/resident").unwrap().decided_at;
    assert_eq!(kept.timestamp_subsec_nanos() % 1000, 0);
    let last = now() + TimeDelta::hours(1);
    sheet.last_decision = Some(RecordedDecision {
        decision_id: Uuid::nil(),
        kind: "take_value".to_owned(),
        takes: String::new(),
        decided_by: "an".to_owned(),
        decided_at: last,
        seen: String::new(),
    });
    assert!(row(&sheet, "residence/person/R-77/resident").unwrap().decided_at > last);
}

#[test]
fn the_mapping_names_the_tables_columns_only() {
    let table =
        MIGRATION.split("create table console.decision (").nth(1).unwrap().split(");").next().unwrap();
    let sheet = sheet_of(records());
    for column in cells(&row(&sheet, "residence/person/R-77/resident").unwrap()).keys() {
        assert!(table.lines().any(|line| line.trim_start().starts_with(&format!("{column} "))), "{column}");
    }
    assert!(!table.contains("reason") && !table.contains("decided_by"));
    assert!(MIGRATION.contains("alter table console.decision replica identity full"));
}
