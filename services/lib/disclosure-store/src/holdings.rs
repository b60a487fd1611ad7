//! What each agreement holds about each person.

use crate::StoreError;
use chrono::NaiveDate;
use registry_rules::{ContentHash, PersonId};
use sqlx::PgConnection;

/// What one agreement holds about one person, as last authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldingRow {
    /// Who.
    pub person_id: PersonId,
    /// The agreement.
    pub agreement: String,
    /// Number of the last release; 0 before the first.
    pub release_no: i64,
    /// The version that it was authorised under.
    pub agreement_version: i32,
    /// Whether the subscriber holds the person.
    pub member: bool,
    /// Hash of what it holds; none if that is unknown, or nothing.
    pub content_hash: Option<ContentHash>,
    /// The day on which the person must be looked at again.
    pub next_review_on: Option<NaiveDate>,
}

type Row = (PersonId, String, i64, i32, bool, Option<Vec<u8>>, Option<NaiveDate>);

/// The holdings of these persons under all agreements.
pub async fn holdings_of(
    connection: &mut PgConnection,
    persons: &[PersonId],
) -> Result<Vec<HoldingRow>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person_id, agreement, release_no, agreement_version, member, content_hash, next_review_on
         from holding where person_id = any($1)",
    )
    .bind(persons)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(from_row).collect()
}

fn from_row(row: Row) -> Result<HoldingRow, StoreError> {
    let (person_id, agreement, release_no, agreement_version, member, hash, next_review_on) = row;
    let content_hash = hash
        .map(|bytes| bytes.try_into().map(ContentHash))
        .transpose()
        .map_err(|_| StoreError::Content { table: "holding", column: "content_hash" })?;
    Ok(HoldingRow {
        person_id,
        agreement,
        release_no,
        agreement_version,
        member,
        content_hash,
        next_review_on,
    })
}

/// Writes holdings, new or changed; the persons are locked.
pub async fn write_holdings(connection: &mut PgConnection, rows: &[HoldingRow]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into holding
             (person_id, agreement, release_no, agreement_version, member, content_hash, next_review_on)
         select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[], $5::boolean[], $6::bytea[], $7::date[])
         order by 1, 2
         on conflict (person_id, agreement) do update set
             release_no = excluded.release_no, agreement_version = excluded.agreement_version,
             member = excluded.member, content_hash = excluded.content_hash, next_review_on = excluded.next_review_on",
    )
    .bind(rows.iter().map(|r| r.person_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.agreement.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.release_no).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.agreement_version).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.member).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.content_hash.map(|hash| hash.0.to_vec())).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.next_review_on).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Persons with a holding that is due for review on a day, at most about `limit`.
pub async fn due_persons(
    connection: &mut PgConnection,
    business_date: NaiveDate,
    limit: i64,
) -> Result<Vec<PersonId>, StoreError> {
    let persons = sqlx::query_scalar(
        "select distinct person_id from
             (select person_id from holding where next_review_on <= $1 order by next_review_on limit $2) as due",
    )
    .bind(business_date)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(persons)
}
