//! What became of error reports, told to those who reported: a case is open and until when, it is decided, or why it is none.

use crate::attaching::Attaching;
use crate::keep::Kept;
use crate::merge::Merged;
use registry_rules::{
    Answer, AnswerKind, CaseEvent, CaseKind, FEEDBACK, FieldCatalogue, IdentifierKind, PinRegister,
    RecordKey, Reported, SourceRecord, reports_among,
};
use std::collections::BTreeSet;

/// The answers to reports that a batch brings.
pub(crate) fn report_answers(
    kept: &Kept<'_>,
    attaching: &Attaching,
    merged: &Merged,
    catalogue: &FieldCatalogue,
) -> Vec<Answer> {
    let records = kept.changes.values().map(|change| &change.new.record);
    let reports = records.filter(|record| record.record_key.source() == FEEDBACK);
    let answer = |record: &SourceRecord| {
        let key = &record.record_key;
        // It was taken back.
        let Some(report) = Reported::read(record) else {
            return Answer::new(key.clone(), AnswerKind::Accepted);
        };
        if let Some(refused) = report.refused(catalogue, is_known(record, &attaching.register)) {
            return refused;
        }
        let field = Some(report.field.to_owned());
        match merged.held.get(key) {
            Some(held) => Answer {
                detail: Some(held.case_id.clone()),
                deadline: held.due,
                field,
                ..Answer::new(key.clone(), AnswerKind::Held)
            },
            // It stands so already, or nothing is asked about the person any more.
            None => Answer { field, ..Answer::new(key.clone(), AnswerKind::Accepted) },
        }
    };
    reports.map(answer).collect()
}

/// Whether somebody was given the number that a report names.
fn is_known(record: &SourceRecord, register: &PinRegister) -> bool {
    let pin = record.identifier(IdentifierKind::Pin).and_then(|pin| pin.parse().ok());
    pin.is_some_and(|pin| register.entries(&register.class(&pin)).next().is_some())
}

/// The answers that cases bring by opening again or ending, but for reports that are told something already.
pub(crate) fn case_answers(merged: &Merged, told: &BTreeSet<RecordKey>) -> Vec<Answer> {
    let about_reports = merged.cases.iter().filter(|row| row.case.kind == CaseKind::ErrorReport.as_str());
    let left = merged.left.iter().filter(|(key, _)| !told.contains(key));
    let mut answers: Vec<Answer> = left.map(|(key, field)| decided(key.clone(), field)).collect();
    for row in about_reports {
        let reports = reports_among(row.case.records.iter().map(String::as_str));
        let answer = |key: RecordKey| match row.event {
            CaseEvent::Opened | CaseEvent::Reopened => merged.held.get(&key).map(|held| Answer {
                detail: Some(held.case_id.clone()),
                deadline: held.due,
                field: Some(row.case.field.clone()),
                ..Answer::new(key, AnswerKind::Held)
            }),
            CaseEvent::Closed => {
                let decision = row.by.as_deref().and_then(|by| by.strip_prefix("decision:"));
                Some(Answer { detail: decision.map(ToOwned::to_owned), ..decided(key, &row.case.field) })
            }
            CaseEvent::Changed
            | CaseEvent::Waiting
            | CaseEvent::UnderInvestigation
            | CaseEvent::Resumed
            | CaseEvent::Superseded => None,
        };
        answers.extend(reports.into_iter().filter(|key| !told.contains(key)).filter_map(answer));
    }
    answers
}

fn decided(record_key: RecordKey, field: &str) -> Answer {
    Answer { field: Some(field.to_owned()), ..Answer::new(record_key, AnswerKind::Decided) }
}
