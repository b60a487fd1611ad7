//! Open and closed questions.

use crate::show::RecordView;
use crate::{StoreError, show};
use chrono::{DateTime, Utc};
use registry_rules::{CaseSubject, FingerprintKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};

/// The longest list that one question gives.
const LIST_LIMIT: i64 = 1_000;

/// What a case is about, as in the table.
pub fn case_subject(subject: &CaseSubject) -> String {
    match subject {
        CaseSubject::Person(person) => format!("person:{person}"),
        CaseSubject::Record(key) => format!("record:{key}"),
    }
}

/// The name of a case towards people: the same for the same question, in every registry with the same ids.
pub fn case_id(subject: &str, kind: &str, field: &str) -> String {
    let digest = Sha256::digest(format!("{subject}\n{kind}\n{field}").as_bytes());
    let name = digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{name:016x}")
}

/// A case as it stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredCase {
    /// What it is about.
    pub subject: String,
    /// What kind of question.
    pub kind: String,
    /// The field in question, or nothing.
    pub field: String,
    /// Whether it waits for somebody.
    pub open: bool,
    /// Says whether it is the same question as before.
    pub fingerprint: String,
}

/// The cases about subjects.
pub async fn load_cases(
    connection: &mut PgConnection,
    subjects: &[String],
) -> Result<Vec<StoredCase>, StoreError> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select c.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select subject, kind, field, open, fingerprint from registry_case where subject = wanted offset 0) c",
    )
    .bind(subjects)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A case as it stands from now on.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// What, as stored.
    pub case: StoredCase,
    /// `opened`, `changed`, `closed` or `reopened`.
    pub event: &'static str,
    /// The records that disagree; those stored stay when a case is closed.
    pub records: Vec<String>,
    /// 1 to 5; likewise.
    pub severity: i16,
}

/// Writes cases with what happened to them; the caller gives each case once.
pub async fn write_cases(connection: &mut PgConnection, cases: &[CaseRow]) -> Result<(), StoreError> {
    if cases.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&StoredCase) -> &str| cases.iter().map(|row| of(&row.case)).collect::<Vec<_>>();
    let name = |row: &CaseRow| case_id(&row.case.subject, &row.case.kind, &row.case.field);
    // An array of arrays would have to be rectangular: the record keys of a case travel as JSON.
    let records = cases.iter().map(|row| serde_json::to_value(&row.records));
    let records: Vec<_> =
        records.collect::<Result<_, _>>().map_err(|_| StoreError::Unwritable("records of a case"))?;
    sqlx::query(
        "insert into registry_case as c (subject, kind, field, case_id, open, fingerprint, records, severity, history)
         select subject, kind, field, case_id, open, fingerprint,
           array(select jsonb_array_elements_text(records)), severity,
           jsonb_build_array(jsonb_build_object('at', now(), 'event', event, 'fingerprint', fingerprint))
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::jsonb[],
           $8::smallint[], $9::text[])
           as t (subject, kind, field, case_id, open, fingerprint, records, severity, event)
         order by subject, kind, field
         on conflict (subject, kind, field) do update set open = excluded.open, fingerprint = excluded.fingerprint,
           records = case when excluded.open then excluded.records else c.records end,
           severity = case when excluded.open then excluded.severity else c.severity end,
           opened_at = case when excluded.open and not c.open then now() else c.opened_at end,
           closed_at = case when excluded.open then null else now() end,
           history = c.history || excluded.history",
    )
    .bind(text(|case| &case.subject))
    .bind(text(|case| &case.kind))
    .bind(text(|case| &case.field))
    .bind(cases.iter().map(name).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.case.open).collect::<Vec<_>>())
    .bind(text(|case| &case.fingerprint))
    .bind(records)
    .bind(cases.iter().map(|row| row.severity).collect::<Vec<_>>())
    .bind(cases.iter().map(|row| row.event).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A case as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct CaseView {
    /// Name.
    pub case_id: String,
    /// `person:<id>` or `record:<record_key>`.
    pub subject: String,
    /// What kind of question.
    pub kind: String,
    /// The field in question, if it is about one.
    pub field: Option<String>,
    /// Whether it waits for somebody.
    pub open: bool,
    /// 1 to 5.
    pub severity: i16,
    /// Since when it is open.
    pub opened_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// The records that disagree, the one that stands first.
    pub record_keys: Vec<String>,
    /// Those records as they stand; only where one case is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordView>,
    /// What happened to it.
    pub history: serde_json::Value,
}

#[derive(sqlx::FromRow)]
struct CaseColumns {
    case_id: String,
    subject: String,
    kind: String,
    field: String,
    open: bool,
    severity: i16,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    records: Vec<String>,
    history: serde_json::Value,
}

impl From<CaseColumns> for CaseView {
    fn from(row: CaseColumns) -> Self {
        Self {
            case_id: row.case_id,
            subject: row.subject,
            kind: row.kind,
            field: (!row.field.is_empty()).then_some(row.field),
            open: row.open,
            severity: row.severity,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            record_keys: row.records,
            records: Vec::new(),
            history: row.history,
        }
    }
}

/// Cases, the most harmful and oldest first; at most `limit` (and a thousand), after skipping `offset`.
pub async fn list_cases(
    pool: &PgPool,
    open: bool,
    offset: i64,
    limit: i64,
) -> Result<Vec<CaseView>, StoreError> {
    let rows: Vec<CaseColumns> = sqlx::query_as(
        "select case_id, subject, kind, field, open, severity, opened_at, closed_at, records, history
         from registry_case where open = $1 order by severity desc, opened_at, case_id offset $2 limit $3",
    )
    .bind(open)
    .bind(offset)
    .bind(limit.min(LIST_LIMIT))
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The open cases about subjects.
pub(crate) async fn open_cases_about(
    pool: &PgPool,
    subjects: &[String],
) -> Result<Vec<CaseView>, StoreError> {
    let rows: Vec<CaseColumns> = sqlx::query_as(
        "select case_id, subject, kind, field, open, severity, opened_at, closed_at, records, history
         from registry_case where open and subject = any($1) order by severity desc, opened_at, case_id",
    )
    .bind(subjects)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One case with its records as they stand.
pub async fn show_case(pool: &PgPool, case_id: &str) -> Result<Option<CaseView>, StoreError> {
    let row: Option<CaseColumns> = sqlx::query_as(
        "select case_id, subject, kind, field, open, severity, opened_at, closed_at, records, history
         from registry_case where case_id = $1",
    )
    .bind(case_id)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut case = CaseView::from(row);
    case.records = show::records(pool, &case.record_keys).await?;
    Ok(Some(case))
}

/// The key of fingerprints from the text of its file: the reconciler and the console must have the same.
pub fn fingerprint_key(secret: &str) -> FingerprintKey {
    FingerprintKey::new(Sha256::digest(secret.as_bytes()).into())
}
