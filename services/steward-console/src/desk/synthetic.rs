//! A synthetic case for tests: three sources name and date one invented person differently.

use registry_rules::{
    ActReference, CaseFinding, CaseKind, CaseSubject, FieldCatalogue, FieldValue, FingerprintKey, Identifier,
    IdentifierKind, MergeInput, Pin, RecordKey, RegisterEntry, RowKey, SourceRecord, Standing, Version,
    merge,
};
use registry_store::{CaseFacts, OpenCase, RecordPlace};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) const PIN: &str = "001190000007";

pub(crate) fn key() -> FingerprintKey {
    FingerprintKey::new([7; 32])
}

pub(crate) fn today() -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

pub(crate) fn name(full: &str) -> FieldValue {
    let words: Vec<_> = full.split(' ').collect();
    FieldValue::parts([
        ("full", full.to_owned()),
        ("family", words[0].to_owned()),
        ("middle", words[1..words.len() - 1].join(" ")),
        ("given", words[words.len() - 1].to_owned()),
    ])
}

pub(crate) fn record(source: &str, entity: &str, key: &str, role: &str) -> SourceRecord {
    SourceRecord {
        record_key: RowKey::new(source, entity, key).unwrap().record(role),
        version: Version { epoch: 1, position: 7, ordinal: 0 },
        kind: format!("{source}.{entity}"),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: Some("2001-05-06".parse().unwrap()),
        valid_to: None,
        recorded_at: Some("2020-01-02T03:04:05Z".parse().unwrap()),
        identifiers: vec![Identifier { kind: IdentifierKind::Pin, value: PIN.to_owned() }],
        relation_group: None,
        fields: BTreeMap::new(),
        mapping_version: 1,
    }
}

pub(crate) fn with(mut record: SourceRecord, field: &str, value: FieldValue) -> SourceRecord {
    record.fields.insert(field.parse().unwrap(), value);
    record
}

/// Records about the name: birth act, identity card, residence file (without its mark), and a birth notice as evidence.
pub(crate) fn records() -> Vec<SourceRecord> {
    let mut birth = record("civil_status", "birth", "1042", "child");
    birth.act = Some(ActReference {
        source: "civil_status".to_owned(),
        act: "00004/03/1990/117".to_owned(),
        role: None,
    });
    vec![
        with(birth, "birth_name", name("Nguyễn Thị Hoà")),
        with(record("residence", "person", "R-77", "resident"), "birth_name", name("Nguyển Thị Hòa Bình")),
        with(record("identity", "card", "C-5", "holder"), "birth_name", name("NGUYEN THI HOA")),
        with(record("medical", "birth_notice", "2/1990", "child"), "birth_name", name("Nguyễn Thị Hòa")),
    ]
}

/// The case that merging these records opens about a field, with the golden record they give.
pub(crate) fn case_about(field: &str, records: Vec<SourceRecord>, catalogue: &FieldCatalogue) -> CaseFacts {
    let key = key();
    let register = [RegisterEntry {
        pin: PIN.parse::<Pin>().unwrap(),
        record_key: RecordKey::try_from("identity/pin/1/holder".to_owned()).unwrap(),
        replaces: None,
        name: None,
        birth: None,
        cancelled: false,
    }];
    let outcome = merge(&MergeInput {
        person_id: Uuid::from_u128(42),
        absorbed: &[],
        records: &records,
        register: &register,
        ties: &[],
        decisions: &[],
        catalogue,
        key: &key,
        business_date: today(),
    });
    let field = field.parse().unwrap();
    let finding = outcome.cases.into_iter().find(|case| case.field.as_ref() == Some(&field));
    let finding = finding.unwrap_or_else(|| CaseFinding {
        subject: CaseSubject::Person(Uuid::from_u128(42)),
        kind: CaseKind::FieldConflict,
        field: Some(field),
        fingerprint: String::new(),
        records: Vec::new(),
        severity: 1,
    });
    CaseFacts {
        case: OpenCase {
            case_id: "c0ffee0000000001".to_owned(),
            finding,
            opened_at: "2026-11-20T02:03:04Z".parse().unwrap(),
            standing: registry_store::CaseStanding::default(),
            persons: Vec::new(),
        },
        image: Some(outcome.image),
        places: places(&records),
        records,
        truncated: false,
    }
}

/// All of them with one person, by one anchor.
fn places(records: &[SourceRecord]) -> BTreeMap<RecordKey, RecordPlace> {
    let place = RecordPlace { anchor: format!("pin:{PIN}"), person_id: Some(Uuid::from_u128(42)) };
    records.iter().map(|record| (record.record_key.clone(), place.clone())).collect()
}
