//! Cases in lists, as operators see them.

use crate::case_standing::{CaseStanding, StandingColumns, standing_columns};
use crate::show::RecordView;
use crate::{StoreError, show};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

/// The longest list that one question gives.
const LIST_LIMIT: i64 = 1_000;

/// A case as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct CaseView {
    /// Name.
    pub case_id: String,
    /// `person:<id>`, `record:<record_key>` or `pair:<id>:<id>`.
    pub subject: String,
    /// What kind of question.
    pub kind: String,
    /// The field in question, if it is about one.
    pub field: Option<String>,
    /// Whether it waits for somebody.
    pub open: bool,
    /// Harm, 1 to 5.
    pub severity: i16,
    /// Since when it is open.
    pub opened_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: CaseStanding,
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
    #[sqlx(flatten)]
    standing: StandingColumns,
    records: Vec<String>,
    history: serde_json::Value,
}

impl CaseColumns {
    fn read(self) -> Result<CaseView, StoreError> {
        Ok(CaseView {
            case_id: self.case_id,
            subject: self.subject,
            kind: self.kind,
            field: (!self.field.is_empty()).then_some(self.field),
            open: self.open,
            severity: self.severity,
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            standing: self.standing.read()?,
            record_keys: self.records,
            records: Vec::new(),
            history: self.history,
        })
    }
}

macro_rules! columns {
    () => {
        concat!(
            "select case_id, subject, kind, field, open, severity, opened_at, closed_at, records, history, ",
            standing_columns!(),
            " from registry_case "
        )
    };
}

/// Cases, the most harmful and oldest first; at most `limit` (and a thousand), after skipping `offset`.
pub async fn list_cases(
    pool: &PgPool,
    open: bool,
    offset: i64,
    limit: i64,
) -> Result<Vec<CaseView>, StoreError> {
    let rows: Vec<CaseColumns> = sqlx::query_as(concat!(
        columns!(),
        "where open = $1 order by severity desc, opened_at, case_id offset $2 limit $3"
    ))
    .bind(open)
    .bind(offset)
    .bind(limit.min(LIST_LIMIT))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(CaseColumns::read).collect()
}

/// The open cases about subjects, and those about pairs that a person is of.
pub(crate) async fn open_cases_about(
    pool: &PgPool,
    subjects: &[String],
    person: registry_rules::PersonId,
) -> Result<Vec<CaseView>, StoreError> {
    let rows: Vec<CaseColumns> = sqlx::query_as(concat!(
        columns!(),
        "where open and (subject = any($1) or subject in (select p.subject from case_pair p where p.person_id = $2))
         order by severity desc, opened_at, case_id"
    ))
    .bind(subjects)
    .bind(person)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(CaseColumns::read).collect()
}

/// One case with its records as they stand.
pub async fn show_case(pool: &PgPool, case_id: &str) -> Result<Option<CaseView>, StoreError> {
    let row: Option<CaseColumns> =
        sqlx::query_as(concat!(columns!(), "where case_id = $1")).bind(case_id).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    let mut case = row.read()?;
    case.records = show::records(pool, &case.record_keys).await?;
    Ok(Some(case))
}
