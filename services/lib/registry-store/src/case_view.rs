//! Cases as a steward's desk needs them: the open ones in pages, and one with the person's image and records as they were
//! at one moment.

use crate::record_place::{RecordPlace, places};
use crate::{StoreError, history, show};
use chrono::{DateTime, Utc};
use registry_rules::{CaseFinding, CaseKind, CaseSubject, PersonId, PersonImage, RecordKey, SourceRecord};
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
}

/// A place in the list of open cases: the last case shown. Unlike an offset it stays put when cases before it close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseCursor {
    /// Its severity.
    pub severity: u8,
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
}

impl CaseColumns {
    fn read(self) -> Result<OpenCase, StoreError> {
        let garbled = || StoreError::Unreadable("case");
        let key = |text: String| RecordKey::try_from(text).map_err(|_| garbled());
        let subject = match self.subject.split_once(':') {
            Some(("person", id)) => CaseSubject::Person(id.parse().map_err(|_| garbled())?),
            Some(("record", text)) => CaseSubject::Record(key(text.to_owned())?),
            _ => return Err(garbled()),
        };
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
        Ok(OpenCase { case_id: self.case_id, finding, opened_at: self.opened_at })
    }
}

/// Gives a role sight of what this module reads, and of nothing else. Run by the database's owner.
pub async fn grant_case_view(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    let (database, role): (String, String) =
        sqlx::query_as("select quote_ident(current_database()), quote_ident($1)")
            .bind(role)
            .fetch_one(owner)
            .await?;
    let tables = "registry_case, record_latest, record_version, person_version, anchor, link";
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
    let rows: Vec<CaseColumns> = sqlx::query_as(
        "select case_id, subject, kind, field, fingerprint, records, severity, opened_at from registry_case
         where open and ($1::smallint is null or severity < $1
           or (severity = $1 and (opened_at, case_id) > ($2::timestamptz, $3::text)))
         order by severity desc, opened_at, case_id limit $4",
    )
    .bind(after.map(|place| i16::from(place.severity)))
    .bind(after.map(|place| place.opened_at))
    .bind(after.map(|place| place.case_id.as_str()))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(CaseColumns::read).collect()
}

/// One open case with what its values come from, all of one moment.
pub async fn case_facts(pool: &PgPool, case_id: &str) -> Result<Option<CaseFacts>, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let row: Option<CaseColumns> = sqlx::query_as(
        "select case_id, subject, kind, field, fingerprint, records, severity, opened_at from registry_case
         where open and case_id = $1",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case_subject;

    fn columns(subject: String) -> CaseColumns {
        CaseColumns {
            case_id: "0123456789abcdef".to_owned(),
            subject,
            kind: "field_conflict".to_owned(),
            field: "npd.birth_name".to_owned(),
            fingerprint: "f".to_owned(),
            records: vec!["civil_status/birth/1/child".to_owned()],
            severity: 5,
            opened_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn subjects_read_as_written() {
        let record = RecordKey::try_from("civil_status/birth/a:b/child".to_owned()).unwrap();
        for subject in [CaseSubject::Person(PersonId::from_u128(7)), CaseSubject::Record(record)] {
            let case = columns(case_subject(&subject)).read().unwrap();
            assert_eq!(case.finding.subject, subject);
            assert_eq!(case.finding.field.unwrap().as_str(), "npd.birth_name");
        }
        for text in ["", "person:x", "record:a/b", "other:1"] {
            assert!(columns(text.to_owned()).read().is_err(), "{text}");
        }
    }
}
