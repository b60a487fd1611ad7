//! Cases settled: what merging found against what is stored. A case is what merging finds, and how it stands follows from
//! that and from stewards' decisions; each step is kept with what brought it.

use crate::gather::Own;
use crate::merge::{Ground, Held, MergeRequest, Merged};
use crate::ruled::Ruled;
use registry_rules::{
    CaseEvent, CaseFinding, CaseLife, CaseSubject, Ended, Handling, IdentityDecision, PersonId, RecordKey,
    reports_among,
};
use registry_store::{CaseRow, StoreError, StoredCase, case_id, case_subject};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// The item whose case outlives the person.
const DEATH: &str = "npd.death_or_missing";

type Key = (String, String, String);

/// What the steps of one transaction have in common.
struct Settling<'a> {
    ground: &'a Ground<'a>,
    request: &'a MergeRequest,
    own: &'a BTreeMap<PersonId, Own>,
    ruled: &'a Ruled,
    in_force: Vec<&'a IdentityDecision>,
}

/// Opens, changes, reopens and ends cases.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    (merged, ground, request): (&mut Merged, &Ground<'_>, &MergeRequest),
    own: &BTreeMap<PersonId, Own>,
    findings: Vec<CaseFinding>,
    stored: Vec<StoredCase>,
) -> Result<(), StoreError> {
    let open = stored.iter().filter(|case| case.life.state.is_open()).flat_map(|case| &case.records);
    let found = findings.iter().flat_map(|finding| &finding.records).map(RecordKey::as_str);
    let ruled = Ruled::on(connection, open.map(String::as_str).chain(found)).await?;
    let settling = Settling { ground, request, own, ruled: &ruled, in_force: ruled.in_force() };
    let mut known: BTreeMap<Key, StoredCase> = stored.into_iter().map(|case| (key_of(&case), case)).collect();
    for finding in findings {
        let field = finding.field.as_ref().map_or_else(String::new, ToString::to_string);
        let key = (case_subject(&finding.subject), finding.kind.as_str().to_owned(), field);
        let case_id = case_id(&key.0, &key.1, &key.2);
        let before = known.remove(&key);
        let asked = before.as_ref().filter(|case| case.life.state.is_open()).map(|case| &case.records);
        let reports = reports_among(asked.into_iter().flatten().map(String::as_str)).into_iter();
        let left = reports.filter(|report| !finding.records.contains(report));
        merged.left.extend(left.map(|report| (report, key.2.clone())));
        let row = settling.found(key, &finding, before.as_ref());
        let due = row.as_ref().and_then(|row| row.due).map(|due| due.on);
        merged.hold(&finding.records, &Held { case_id, due: due.or(before.and_then(|case| case.due_on)) });
        merged.cases.extend(row);
    }
    for case in known.into_values() {
        let row = settling.lost(merged, case);
        merged.cases.extend(row);
    }
    Ok(())
}

fn key_of(case: &StoredCase) -> Key {
    (case.subject.clone(), case.kind.clone(), case.field.clone())
}

impl Settling<'_> {
    fn found(&self, key: Key, finding: &CaseFinding, before: Option<&StoredCase>) -> Option<CaseRow> {
        let handling = Handling::of(&self.in_force, &finding.records);
        let before = before.map(|case| &case.life);
        let (life, event) = CaseLife::found(before, &finding.fingerprint, handling.as_ref())?;
        let (subject, kind, field) = key;
        let by = match event {
            CaseEvent::Resumed => {
                let last = before.and_then(|life| life.decisions.last());
                last.and_then(|id| self.ruled.reversal_of(id)).map(decision)
            }
            CaseEvent::Waiting | CaseEvent::UnderInvestigation => {
                life.decisions.last().map(|id| decision(id))
            }
            CaseEvent::Opened
            | CaseEvent::Changed
            | CaseEvent::Reopened
            | CaseEvent::Closed
            | CaseEvent::Superseded => self.record_among(&finding.records),
        };
        let clocks = self.ground.clocks;
        let due = || clocks.due(finding.kind, finding.field.as_ref(), self.ground.date);
        Some(CaseRow {
            case: StoredCase {
                subject,
                kind,
                field,
                records: finding.records.iter().map(|record| record.as_str().to_owned()).collect(),
                life,
                due_on: None,
            },
            event,
            by,
            severity: i16::from(finding.severity),
            on: self.ground.date,
            due: event.starts_clock().then(due).flatten(),
        })
    }

    fn lost(&self, merged: &Merged, case: StoredCase) -> Option<CaseRow> {
        let (ended, by) = self.why(merged, &case);
        let (life, event) = case.life.lost(ended)?;
        let case = StoredCase { life, ..case };
        Some(CaseRow { case, event, by, severity: 0, on: self.ground.date, due: None })
    }

    /// Why an open question is not found any more, and what brought that.
    fn why(&self, merged: &Merged, case: &StoredCase) -> (Ended, Option<String>) {
        let persons = persons_of(&case.subject);
        let gone = |id: &&PersonId| self.own.get(*id).is_some_and(|own| !own.stands());
        if let Some(person) = persons.iter().find(gone) {
            let into = self.request.merged.get(person).map(|into| format!("merge:{into}"));
            return (Ended::Merged, into);
        }
        let one_person = persons.len() == 1;
        if one_person && case.field != DEATH && persons.iter().any(|id| merged.dead.contains(id)) {
            return (Ended::Died, Some("death".to_owned()));
        }
        if persons.iter().any(|id| self.request.regrouped.contains(id)) {
            return (Ended::Regrouped, Some("regrouped".to_owned()));
        }
        let value = persons.iter().find_map(|id| merged.decided.get(&(*id, case.field.clone())));
        let records: Vec<RecordKey> =
            case.records.iter().filter_map(|key| RecordKey::try_from(key.clone()).ok()).collect();
        let by = value.map(|id| decision(id)).or_else(|| self.record_among(&records));
        (Ended::Answered, by.or_else(|| self.ruling_among(&records)))
    }

    /// The first of the records that the transaction brought something new of.
    fn record_among(&self, records: &[RecordKey]) -> Option<String> {
        let changed: &BTreeSet<RecordKey> = &self.request.changed;
        records.iter().find(|key| changed.contains(key)).map(|key| format!("record:{key}"))
    }

    /// The latest decision in force that says where one of the records belongs.
    fn ruling_among(&self, records: &[RecordKey]) -> Option<String> {
        let moves = |d: &&&IdentityDecision| {
            d.ruling.as_ref().is_some_and(|ruling| ruling.kind.moves_records())
                && d.named().any(|named| records.contains(&named.record_key))
        };
        self.in_force.iter().rev().find(moves).map(|d| decision(&d.id))
    }
}

fn decision(id: &str) -> String {
    format!("decision:{id}")
}

/// The persons that a stored case is about.
fn persons_of(subject: &str) -> Vec<PersonId> {
    match registry_store::read_subject(subject) {
        Some(CaseSubject::Person(person)) => vec![person],
        Some(CaseSubject::Pair(one, other)) => vec![one, other],
        Some(CaseSubject::Record(_)) | None => Vec::new(),
    }
}
