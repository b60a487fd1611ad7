//! Open and closed questions, as the merge transaction reads and writes them.

use crate::StoreError;
use registry_rules::{CaseEvent, CaseLife, CaseState, CaseSubject, DueDay, FingerprintKey, PersonId};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

/// What a case is about, as in the table.
pub fn case_subject(subject: &CaseSubject) -> String {
    match subject {
        CaseSubject::Person(person) => format!("person:{person}"),
        CaseSubject::Record(key) => format!("record:{key}"),
        CaseSubject::Pair(one, other) => format!("pair:{one}:{other}"),
    }
}

/// Reads what [`case_subject`] wrote.
pub fn read_subject(text: &str) -> Option<CaseSubject> {
    match text.split_once(':')? {
        ("person", id) => Some(CaseSubject::Person(id.parse().ok()?)),
        ("record", key) => Some(CaseSubject::Record(key.to_owned().try_into().ok()?)),
        ("pair", ids) => {
            let (one, other) = ids.split_once(':')?;
            let pair = CaseSubject::pair(one.parse().ok()?, other.parse().ok()?)?;
            // Of two orders only one is written.
            (case_subject(&pair) == text).then_some(pair)
        }
        _ => None,
    }
}

/// The name of a case towards people: the same for the same question, in every registry with the same ids.
pub fn case_id(subject: &str, kind: &str, field: &str) -> String {
    let digest = Sha256::digest(format!("{subject}\n{kind}\n{field}").as_bytes());
    let name = digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{name:016x}")
}

/// A case as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCase {
    /// What it is about.
    pub subject: String,
    /// What kind of question.
    pub kind: String,
    /// The field in question, or nothing.
    pub field: String,
    /// The records that disagree, as found last.
    pub records: Vec<String>,
    /// How it stands.
    pub life: CaseLife,
    /// The last day of its clock, as stored.
    pub due_on: Option<chrono::NaiveDate>,
}

#[derive(sqlx::FromRow)]
struct StoredColumns {
    subject: String,
    kind: String,
    field: String,
    records: Vec<String>,
    state: String,
    fingerprint: String,
    waits_for: Option<String>,
    decisions: Vec<String>,
    due_on: Option<chrono::NaiveDate>,
}

/// The cases about subjects, and those about a pair that one of the persons is of.
pub async fn load_cases(
    connection: &mut PgConnection,
    subjects: &[String],
    persons: &[PersonId],
) -> Result<Vec<StoredCase>, StoreError> {
    if subjects.is_empty() && persons.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<StoredColumns> = sqlx::query_as(
        "select c.* from (
           select wanted from unnest($1::text[]) as t (wanted)
           union select p.subject from unnest($2::uuid[]) as t (person) cross join lateral (
             select subject from case_pair where person_id = person offset 0) p) t
         cross join lateral (
           select subject, kind, field, records, state, fingerprint, waits_for, decisions, due_on from registry_case
           where subject = wanted offset 0) c",
    )
    .bind(subjects)
    .bind(persons)
    .fetch_all(connection)
    .await?;
    let stored = |row: StoredColumns| {
        Ok(StoredCase {
            subject: row.subject,
            kind: row.kind,
            field: row.field,
            records: row.records,
            life: CaseLife {
                state: CaseState::read(&row.state).ok_or(StoreError::Unreadable("case"))?,
                fingerprint: row.fingerprint,
                waits_for: row.waits_for,
                decisions: row.decisions,
            },
            due_on: row.due_on,
        })
    };
    rows.into_iter().map(stored).collect()
}

/// A case as it stands from now on.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// What, as stored; its records stay as stored when it is over.
    pub case: StoredCase,
    /// What happened.
    pub event: CaseEvent,
    /// What brought it: `decision:<id>`, `record:<key>`, `merge:<person>`, `split`, `death`; none where a day, a rule or a
    /// neighbour did.
    pub by: Option<String>,
    /// Harm, 1 to 5; the stored one stays when the case is over.
    pub severity: i16,
    /// The business day on which the transaction happens.
    pub on: chrono::NaiveDate,
    /// The last day of its clock, where the clock starts now and the calendar reaches so far.
    pub due: Option<DueDay>,
}

/// Writes cases with what happened to them; the caller gives each case once.
pub async fn write_cases(connection: &mut PgConnection, cases: &[CaseRow]) -> Result<(), StoreError> {
    if cases.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&StoredCase) -> &str| cases.iter().map(|row| of(&row.case)).collect::<Vec<_>>();
    let name = |row: &CaseRow| case_id(&row.case.subject, &row.case.kind, &row.case.field);
    // An array of arrays would have to be rectangular: lists of a case travel as JSON.
    let json = |of: fn(&StoredCase) -> &[String]| {
        let lists = cases.iter().map(|row| serde_json::to_value(of(&row.case)));
        lists.collect::<Result<Vec<_>, _>>().map_err(|_| StoreError::Unwritable("a case"))
    };
    let (records, decisions) = (json(|case| &case.records)?, json(|case| &case.life.decisions)?);
    sqlx::query(
        "insert into registry_case as c (subject, kind, field, case_id, open, fingerprint, records, severity, state,
           waits_for, decisions, opened_on, due_on, due_provisional, history)
         select subject, kind, field, case_id, open, fingerprint, array(select jsonb_array_elements_text(records)),
           severity, state, waits_for, array(select jsonb_array_elements_text(decisions)), on_day, due_on, provisional,
           jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('at', now(), 'event', event, 'fingerprint', fingerprint,
             'state', state, 'by', brought_by, 'waits_for', waits_for)))
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::jsonb[],
           $8::smallint[], $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::text[], $14::date[], $15::date[], $16::bool[])
           as t (subject, kind, field, case_id, open, fingerprint, records, severity, event, state, waits_for, decisions,
             brought_by, on_day, due_on, provisional)
         order by subject, kind, field
         on conflict (subject, kind, field) do update set open = excluded.open, fingerprint = excluded.fingerprint,
           records = case when excluded.open then excluded.records else c.records end,
           severity = case when excluded.open then excluded.severity else c.severity end,
           opened_at = case when excluded.open and not c.open then now() else c.opened_at end,
           closed_at = case when excluded.open then null else now() end,
           state = excluded.state, waits_for = excluded.waits_for, decisions = excluded.decisions,
           state_since = case when c.state = excluded.state then c.state_since else now() end,
           opened_on = case when excluded.due_on is null then c.opened_on else excluded.opened_on end,
           due_on = coalesce(excluded.due_on, c.due_on),
           due_provisional = case when excluded.due_on is null then c.due_provisional else excluded.due_provisional end,
           history = c.history || excluded.history",
    )
    .bind(text(|case| &case.subject))
    .bind(text(|case| &case.kind))
    .bind(text(|case| &case.field))
    .bind(cases.iter().map(name).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.case.life.state.is_open()).collect::<Vec<_>>())
    .bind(text(|case| &case.life.fingerprint))
    .bind(records)
    .bind(cases.iter().map(|row| row.severity).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.event.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.case.life.state.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.case.life.waits_for.as_deref()).collect::<Vec<_>>())
    .bind(decisions)
    .bind(cases.iter().map(|row| row.by.as_deref()).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.on).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.due.map(|due| due.on)).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.due.is_some_and(|due| due.provisional)).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    write_pairs(connection, cases).await
}

/// Lets each person of a pair find its case.
async fn write_pairs(connection: &mut PgConnection, cases: &[CaseRow]) -> Result<(), StoreError> {
    let (mut persons, mut subjects) = (Vec::new(), Vec::new());
    for row in cases.iter().filter(|row| row.event == CaseEvent::Opened) {
        if let Some(CaseSubject::Pair(one, other)) = read_subject(&row.case.subject) {
            persons.extend([one, other]);
            subjects.extend([row.case.subject.as_str(); 2]);
        }
    }
    if persons.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into case_pair (person_id, subject) select person_id, subject from unnest($1::uuid[], $2::text[])
         as t (person_id, subject) order by person_id, subject on conflict do nothing",
    )
    .bind(persons)
    .bind(subjects)
    .execute(connection)
    .await?;
    Ok(())
}

/// The key of fingerprints from the text of its file: the reconciler and the console must have the same.
pub fn fingerprint_key(secret: &str) -> FingerprintKey {
    FingerprintKey::new(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::RecordKey;

    #[test]
    fn subjects_read_as_written() {
        let record = RecordKey::try_from("civil_status/birth/a:b/child".to_owned()).unwrap();
        let [one, other] = [PersonId::from_u128(7), PersonId::from_u128(9)];
        let pair = CaseSubject::pair(other, one).unwrap();
        for subject in [CaseSubject::Person(one), CaseSubject::Record(record), pair.clone()] {
            assert_eq!(read_subject(&case_subject(&subject)), Some(subject));
        }
        let (turned, same) = (format!("pair:{other}:{one}"), format!("pair:{one}:{one}"));
        for text in ["", "person:x", "record:a/b", "other:1", "pair:1", turned.as_str(), same.as_str()] {
            assert_eq!(read_subject(text), None, "{text}");
        }
    }
}
