//! Cases as a steward's desk needs them: the open ones in pages, and one with the person's image and records as they were
//! at one moment.

use crate::case_standing::{CaseStanding, StandingColumns, standing_columns};
use crate::cases::read_subject;
use crate::record_place::{RecordPlace, places};
use crate::{StoreError, history, show};
use chrono::{DateTime, Utc};
use registry_rules::{
    CaseFinding, CaseKind, CaseState, CaseSubject, FieldName, PersonId, PersonImage, RecordKey, SourceRecord,
};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use std::collections::{BTreeMap, BTreeSet};

/// Records of one person that are read at most: beyond it a person is an error of matching, and nobody can compare them.
const MOST_RECORDS: i64 = 500;

/// An open case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCase {
    /// Its name.
    pub case_id: String,
    /// What it is about.
    pub finding: CaseFinding,
    /// When it was opened, or opened again.
    pub opened_at: DateTime<Utc>,
    /// How it stands: its state, whom it waits for, its clock.
    pub standing: CaseStanding,
    /// The persons whom its records are of, as they stand now.
    pub persons: Vec<PersonId>,
}

/// What a case is about and how it stands, open or not; no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseHead {
    /// What kind of question.
    pub kind: CaseKind,
    /// The item in question.
    pub field: Option<FieldName>,
    /// When it was opened, or opened again.
    pub opened_at: DateTime<Utc>,
    /// How it stands, and since when.
    pub standing: CaseStanding,
}

/// Which open cases; without anything, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Those in one state.
    pub state: Option<CaseState>,
    /// Those of one kind.
    pub kind: Option<CaseKind>,
    /// Those that wait for one source.
    pub waits_for: Option<String>,
    /// Those whose clock has run out.
    pub overdue: bool,
}

/// A place in the list of open cases: the last case shown. Unlike an offset it stays put when cases before it close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseCursor {
    /// What it weighs in the list.
    pub severity: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Its name.
    pub case_id: String,
}

/// An open case with what its values come from.
#[derive(Clone, Debug)]
pub struct CaseFacts {
    /// The case.
    pub case: OpenCase,
    /// What stands for the person; none before the first load ends, and for the case of a record without a person.
    pub image: Option<PersonImage>,
    /// The person's records and the case's own as they stand, by key.
    pub records: Vec<SourceRecord>,
    /// Where each of them stands.
    pub places: BTreeMap<RecordKey, RecordPlace>,
    /// Whether the person has more than were read.
    pub truncated: bool,
}

#[derive(sqlx::FromRow)]
struct CaseColumns {
    case_id: String,
    subject: String,
    kind: String,
    field: String,
    fingerprint: String,
    records: Vec<String>,
    severity: i16,
    opened_at: DateTime<Utc>,
    #[sqlx(flatten)]
    standing: StandingColumns,
    persons: Vec<PersonId>,
}

macro_rules! columns {
    () => {
        concat!(
            "select case_id, subject, kind, field, fingerprint, records, severity, opened_at,
               array(select distinct a.leads_to from unnest(records) as k (record_key)
                 join record_latest r on r.record_key = k.record_key join anchor a on a.anchor = r.anchor
                 order by a.leads_to) as persons, ",
            standing_columns!(),
            " from registry_case "
        )
    };
}

impl CaseColumns {
    fn read(self) -> Result<OpenCase, StoreError> {
        let garbled = || StoreError::Unreadable("case");
        let key = |text: String| RecordKey::try_from(text).map_err(|_| garbled());
        let subject = read_subject(&self.subject).ok_or_else(garbled)?;
        let finding = CaseFinding {
            subject,
            kind: CaseKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind).ok_or_else(garbled)?,
            field: match self.field.as_str() {
                "" => None,
                name => Some(name.parse().map_err(|_| garbled())?),
            },
            fingerprint: self.fingerprint,
            records: self.records.into_iter().map(key).collect::<Result<_, _>>()?,
            severity: self.severity.try_into().map_err(|_| garbled())?,
        };
        let standing = self.standing.read()?;
        Ok(OpenCase {
            case_id: self.case_id,
            finding,
            opened_at: self.opened_at,
            standing,
            persons: self.persons,
        })
    }
}

/// Gives a role sight of what this module reads, and of nothing else. Run by the database's owner.
pub async fn grant_case_view(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    let (database, role): (String, String) =
        sqlx::query_as("select quote_ident(current_database()), quote_ident($1)")
            .bind(role)
            .fetch_one(owner)
            .await?;
    let tables =
        "registry_case, case_pair, business_day, record_latest, record_version, person_version, anchor, link";
    for statement in [
        format!("grant connect on database {database} to {role}"),
        format!("grant select on {tables} to {role}"),
    ] {
        // The names were quoted by the server.
        sqlx::query(AssertSqlSafe(statement)).execute(owner).await?;
    }
    Ok(())
}

/// The open cases after a place, the most harmful and oldest first.
pub async fn open_cases(
    pool: &PgPool,
    after: Option<&CaseCursor>,
    limit: usize,
) -> Result<Vec<OpenCase>, StoreError> {
    open_cases_of(pool, &CaseFilter::default(), after, limit).await
}

/// The open cases that pass a filter, after a place, the most harmful and oldest first.
pub async fn open_cases_of(
    pool: &PgPool,
    filter: &CaseFilter,
    after: Option<&CaseCursor>,
    limit: usize,
) -> Result<Vec<OpenCase>, StoreError> {
    let rows: Vec<CaseColumns> = sqlx::query_as(concat!(
        columns!(),
        "where open and ($1::bigint is null or severity < $1
           or (severity = $1 and (opened_at, case_id) > ($2::timestamptz, $3::text)))
           and ($5::text is null or state = $5) and ($6::text is null or kind = $6)
           and ($7::text is null or waits_for = $7)
           and (not $8 or due_on < (select date from business_day))
         order by severity desc, opened_at, case_id limit $4"
    ))
    .bind(after.map(|place| i64::from(place.severity)))
    .bind(after.map(|place| place.opened_at))
    .bind(after.map(|place| place.case_id.as_str()))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(filter.state.map(CaseState::as_str))
    .bind(filter.kind.map(CaseKind::as_str))
    .bind(filter.waits_for.as_deref())
    .bind(filter.overdue)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(CaseColumns::read).collect()
}

/// What a case is about, open or not; none that the registry has never found.
pub async fn case_head(pool: &PgPool, case_id: &str) -> Result<Option<CaseHead>, StoreError> {
    let row: Option<CaseColumns> =
        sqlx::query_as(concat!(columns!(), "where case_id = $1")).bind(case_id).fetch_optional(pool).await?;
    let head = |case: OpenCase| CaseHead {
        kind: case.finding.kind,
        field: case.finding.field,
        opened_at: case.opened_at,
        standing: case.standing,
    };
    Ok(row.map(CaseColumns::read).transpose()?.map(head))
}

/// One open case with what its values come from, all of one moment.
pub async fn case_facts(pool: &PgPool, case_id: &str) -> Result<Option<CaseFacts>, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let row: Option<CaseColumns> = sqlx::query_as(concat!(columns!(), "where open and case_id = $1"))
        .bind(case_id)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(case) = row.map(CaseColumns::read).transpose()? else {
        return Ok(None);
    };
    let person = person_of(&mut transaction, &case.finding.subject).await?;
    let image = match person {
        Some(person) => image_of(&mut transaction, person).await?,
        None => None,
    };
    let mut keys: BTreeSet<String> = case.finding.records.iter().map(|key| key.as_str().to_owned()).collect();
    if let Some(person) = person {
        keys.extend(record_keys(&mut transaction, person).await?);
    }
    let keys: Vec<String> = keys.into_iter().collect();
    let mut records = records(&mut transaction, &keys).await?;
    let places = places(&mut transaction, &keys).await?;
    transaction.commit().await?;
    let most = usize::try_from(MOST_RECORDS).unwrap_or(usize::MAX);
    let truncated = records.len() > most;
    records.truncate(most);
    Ok(Some(CaseFacts { case, image, records, places, truncated }))
}

/// The person that a case is about, under the id that stands now.
async fn person_of(
    connection: &mut PgConnection,
    subject: &CaseSubject,
) -> Result<Option<PersonId>, StoreError> {
    match subject {
        CaseSubject::Person(person) => Ok(Some(*person)),
        // The records that resemble each other are of two: the case's own are shown.
        CaseSubject::Pair(..) => Ok(None),
        CaseSubject::Record(key) => Ok(sqlx::query_scalar(
            "select a.leads_to from record_latest r join anchor a on a.anchor = r.anchor where r.record_key = $1",
        )
        .bind(key.as_str())
        .fetch_optional(connection)
        .await?),
    }
}

async fn image_of(
    connection: &mut PgConnection,
    person: PersonId,
) -> Result<Option<PersonImage>, StoreError> {
    let payload: Option<Vec<u8>> =
        sqlx::query_scalar("select payload from person_version where key = $1 order by id desc limit 1")
            .bind(person.to_string())
            .fetch_optional(connection)
            .await?;
    payload.map(|payload| history::image(&payload)).transpose()
}

async fn record_keys(connection: &mut PgConnection, person: PersonId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select r.record_key from anchor a join record_latest r on r.anchor = a.anchor
         where a.leads_to = $1 order by r.record_key limit $2 + 1",
    )
    .bind(person)
    .bind(MOST_RECORDS)
    .fetch_all(connection)
    .await?)
}

async fn records(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<SourceRecord>, StoreError> {
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select v.payload from record_latest r
         join record_version v on v.record_key = r.record_key and v.epoch = r.epoch and v.position = r.position
           and v.ordinal = r.ordinal
         where r.record_key = any($1) order by r.record_key",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    payloads.iter().map(|payload| show::record(payload)).collect()
}
