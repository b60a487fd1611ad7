//! Reports of errors: what is one, when it asks something, and what answers it.

use crate::*;
use chrono::{DateTime, Utc};
use uuid::Uuid;

const CATALOGUE: &str = include_str!("../../../../schemas/field-catalogue.toml");
const KEY: FingerprintKey = FingerprintKey::new([3; 32]);
const PIN: &str = "001190000001";
const REGISTER: &str = "identity/pin/001190000001/holder";
const NAME: &str = "npd.birth_name";

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + minute * 60, 0).unwrap()
}

fn report(reporter: &str, proposed: Option<&str>) -> ErrorReport {
    ErrorReport {
        report_id: Uuid::from_u128(7).to_string(),
        reporter: reporter.to_owned(),
        pin: PIN.to_owned(),
        field: NAME.to_owned(),
        fault: Fault::WrongValue,
        proposed: proposed.map(ToOwned::to_owned),
        explanation: Some("Theo bản chính giấy khai sinh".to_owned()),
        reported_at: at(5),
        withdrawn: false,
    }
}

/// The register's own entry, which states the name.
fn entry(name: &str) -> SourceRecord {
    let name = FieldValue::parts([("full", name.to_owned())]);
    let mut record = report("citizen", None).record().unwrap();
    record.record_key = RecordKey::try_from(REGISTER.to_owned()).unwrap();
    record.kind = "identity.pin".to_owned();
    record.fields = [(NAME.parse().unwrap(), name)].into();
    record
}

fn cases(records: &[SourceRecord], decisions: &[Decision]) -> Vec<CaseFinding> {
    let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
    let register: Vec<_> = records.iter().filter_map(register_entry).collect();
    let outcome = merge(&MergeInput {
        person_id: PersonId::from_u128(1),
        absorbed: &[],
        records,
        register: &register,
        ties: &[],
        decisions,
        catalogue: &catalogue,
        key: &KEY,
        business_date: "2026-03-01".parse().unwrap(),
    });
    outcome.cases
}

#[test]
fn what_is_refused_says_nothing_asks_nothing_and_is_answered_the_same_of_everybody() {
    let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::read(refusal.as_str()), refusal);
        let record = refused_record(report("education", Some("Trần Mơ")).record().unwrap(), refusal).unwrap();
        let texts: Vec<_> = record.fields.values().filter_map(FieldValue::text).collect();
        assert!(!texts.iter().any(|text| text.contains("Trần") || text.contains("bản chính")), "{texts:?}");
        let read = Reported::read(&record).unwrap();
        assert_eq!((read.proposed, read.explanation, read.refusal), (None, None, Some(refusal)));
        let answers = [true, false].map(|is_known| read.refused(&catalogue, is_known).unwrap());
        assert_eq!(answers[0], answers[1], "whether there is such a person is not told");
        assert_eq!(
            (answers[0].field.as_deref(), answers[0].reason.as_deref(), answers[0].way_out.as_deref()),
            (Some(refusal.part()), Some(refusal.as_str()), Some(refusal.way_out()))
        );
        assert!(cases(&[entry("Trần Mai"), record], &[]).is_empty());
    }
    assert_eq!(
        cases(&[entry("Trần Mai"), report("education", Some("Trần Mơ")).record().unwrap()], &[]).len(),
        1
    );
    assert_eq!(Refusal::read("of a later version"), Refusal::Unchecked);
}

#[test]
fn a_report_is_a_record_about_the_person_and_no_evidence_of_who_it_is() {
    let record = report("vss_insurance", Some("Trần  Mơ ")).record().unwrap();
    assert_eq!(
        record.record_key.as_str(),
        "feedback/report/vss_insurance:00000000-0000-0000-0000-000000000007/subject"
    );
    let offered = offer(&record).unwrap();
    assert_eq!(
        (offered.pin.map(|pin| pin.as_str().to_owned()).as_deref(), offered.name, offered.birth),
        (Some(PIN), None, None)
    );
    let read = Reported::read(&record).unwrap();
    assert_eq!(
        (read.reporter, read.proposed, read.fault),
        ("vss_insurance", Some("Trần Mơ"), Fault::WrongValue)
    );
    let later = ErrorReport { reported_at: at(6), withdrawn: true, ..report("vss_insurance", None) }
        .record()
        .unwrap();
    assert!(later.version > record.version && later.standing == Standing::Withdrawn);
    assert!(Reported::read(&later).is_none());
}

#[test]
fn what_is_no_report_says_which_part_and_shows_no_value() {
    let good = || report("citizen", Some("x"));
    for (part, wrong) in [
        ("report_id", ErrorReport { report_id: "7".to_owned(), ..good() }),
        ("reporter", ErrorReport { reporter: "VSS/1".to_owned(), ..good() }),
        ("pin", ErrorReport { pin: "canary".to_owned(), ..good() }),
        ("field", ErrorReport { field: "NPD canary".to_owned(), ..good() }),
        ("proposed", ErrorReport { proposed: Some("canary".repeat(200)), ..good() }),
        ("explanation", ErrorReport { explanation: Some("canary".repeat(400)), ..good() }),
        ("reported_at", ErrorReport { reported_at: DateTime::from_timestamp(-1, 0).unwrap(), ..good() }),
    ] {
        let error = wrong.record().unwrap_err();
        assert_eq!(error.field, part);
        assert!(!format!("{error} {wrong:?}").contains("canary"), "{error}");
    }
}

#[test]
fn reports_of_one_item_are_one_question_with_what_stands_first() {
    let [one, other] =
        [report("vss_insurance", Some("Trần Mai")), report("citizen", None)].map(|r| r.record().unwrap());
    let found = cases(&[entry("Trần Mơ"), one.clone(), other.clone()], &[]);
    let [case] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((case.kind, case.field.as_ref().map(FieldName::as_str)), (CaseKind::ErrorReport, Some(NAME)));
    let keys: Vec<_> = case.records.iter().map(RecordKey::as_str).collect();
    assert_eq!(keys, [REGISTER, other.record_key.as_str(), one.record_key.as_str()]);
    let alone = cases(&[entry("Trần Mơ"), one.clone()], &[]);
    assert_ne!(alone[0].fingerprint, case.fingerprint, "another reporter makes it another question");
    assert!(cases(&[one], &[]).is_empty(), "a number that nobody issued names nobody");
}

#[test]
fn a_report_is_answered_when_what_it_proposes_stands_or_a_decision_has_considered_it() {
    let told = report("citizen", Some("Trần Mơ")).record().unwrap();
    assert!(cases(&[entry("Trần Mơ"), told.clone()], &[]).is_empty());
    let records = [entry("Trần Mai"), told.clone()];
    assert_eq!(cases(&records, &[]).len(), 1);
    let considered =
        |value: &FieldValue| Considered { record_key: told.record_key.clone(), value_hash: KEY.value(value) };
    let seen = FieldValue::parts([("full", "Trần Mơ".to_owned())]);
    let stands = &records[0].fields[&NAME.parse::<FieldName>().unwrap()];
    let decision = |id: &str, value: &FieldValue, reverses: Option<&str>| Decision {
        id: id.to_owned(),
        field: NAME.parse().unwrap(),
        takes: records[0].record_key.clone(),
        considered: vec![
            considered(value),
            Considered { record_key: records[0].record_key.clone(), value_hash: KEY.value(stands) },
        ],
        decided_at: at(9),
        reverses: reverses.map(ToOwned::to_owned),
    };
    assert!(cases(&records, &[decision("D1", &seen, None)]).is_empty());
    let other = FieldValue::Text("wrong_value".to_owned());
    assert_eq!(
        cases(&records, &[decision("D1", &other, None)]).len(),
        1,
        "it has not seen what is reported now"
    );
    let back = [decision("D1", &seen, None), decision("D2", &seen, Some("D1"))];
    assert_eq!(cases(&records, &back).len(), 1, "taken back, it answers nothing");
}

#[test]
fn a_report_that_opens_no_case_is_told_why_and_what_to_do() {
    let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
    let said = |field: &str, known: bool| {
        let record = ErrorReport { field: field.to_owned(), ..report("citizen", None) }.record().unwrap();
        let answer = Reported::read(&record).unwrap().refused(&catalogue, known)?;
        assert_eq!(answer.outcome, AnswerKind::Rejected);
        let text = |text: &Option<String>| text.clone().unwrap();
        Some([text(&answer.field), text(&answer.reason), text(&answer.way_out)])
    };
    let three = |of: [&str; 3]| Some(of.map(ToOwned::to_owned));
    assert_eq!(said(NAME, true), None);
    assert_eq!(said(NAME, false), three(["pin", "unknown_person", "check_number"]));
    assert_eq!(said("npd.shoe_size", true), three(["field", "unknown_field", "name_as_agreement"]));
    assert_eq!(said("npd.relatives", true), three(["field", "not_of_one_value", "report_to_source"]));
}
