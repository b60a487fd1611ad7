//! What the registry has been told of a person and has said of it, each with the time it was received.

use crate::versions::version_of;
use crate::{StoreError, show};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{
    FieldName, FieldValue, Identifier, LinkEvent, PartialDate, PersonId, PersonImage, RecordKey, Standing,
};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;

/// The longest history that one question gives, of each kind.
pub const HISTORY_LIMIT: i64 = 10_000;

/// Which part of a history.
#[derive(Clone, Copy, Debug)]
pub struct HistoryPage {
    /// Only what had been received by then.
    pub known: Option<DateTime<Utc>>,
    /// Only record versions whose legal time covers the day.
    pub day: Option<NaiveDate>,
    /// Person versions after this one.
    pub after: i64,
    /// At most so many of each kind; never more than [`HISTORY_LIMIT`].
    pub limit: i64,
}

impl Default for HistoryPage {
    fn default() -> Self {
        Self { known: None, day: None, after: 0, limit: HISTORY_LIMIT }
    }
}

/// One version.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// When the registry made it.
    pub received_at: DateTime<Utc>,
    /// What it said.
    pub image: PersonImage,
}

/// One version of a record: its legal time, and from when to when it was what the registry knew.
#[derive(Clone, Debug, Serialize)]
pub struct RecordHistory {
    /// Which record.
    pub record_key: RecordKey,
    /// `epoch/position/ordinal`.
    pub version: String,
    /// Event id of the domain catalogue.
    pub kind: String,
    /// How it stands in law.
    pub standing: Standing,
    /// Legal time, first day.
    pub valid_from: Option<PartialDate>,
    /// Legal time, last day.
    pub valid_to: Option<PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
    /// When the log received it.
    pub received_at: DateTime<Utc>,
    /// When the log received a newer version; not after `received_at` if this one came late and never stood.
    pub superseded_at: Option<DateTime<Utc>>,
    /// The numbers it carries.
    pub identifiers: Vec<Identifier>,
    /// What it says.
    pub fields: BTreeMap<FieldName, FieldValue>,
}

/// What became of a key's id.
#[derive(Clone, Debug, Serialize)]
pub struct LinkHistory {
    /// When the registry wrote it.
    pub received_at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub event: LinkEvent,
}

/// The versions of a person, the oldest first.
pub async fn person_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let rows: Vec<(DateTime<Utc>, Vec<u8>)> = sqlx::query_as(
        "select received_at, payload from person_version
         where key = $1 and id > $2 and ($3::timestamptz is null or received_at <= $3) order by id limit $4",
    )
    .bind(person.to_string())
    .bind(page.after)
    .bind(page.known)
    .bind(page.limit.min(HISTORY_LIMIT))
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(received_at, payload)| Ok(HistoryEntry { received_at, image: image(&payload)? }))
        .collect()
}

#[derive(sqlx::FromRow)]
struct VersionColumns {
    payload: Vec<u8>,
    epoch: i32,
    position: i64,
    ordinal: i32,
    received_at: DateTime<Utc>,
    superseded_at: Option<DateTime<Utc>>,
}

/// The records that stand under a person's id or once did, and the decisions about them: every version, in the order of
/// its receipt.
pub async fn record_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
) -> Result<Vec<RecordHistory>, StoreError> {
    let rows: Vec<VersionColumns> = sqlx::query_as(
        "with key (anchor) as (select anchor from anchor where leads_to = $1),
           own (record_key) as (
             select r.record_key from key cross join lateral (
               select record_key from record_latest where anchor = key.anchor offset 0) r
             union select r.record_key from key cross join lateral (
               select record_key from record_former where key = key.anchor offset 0) r),
           about (record_key) as (
             select record_key from own
             union select d.record_key from own cross join lateral (
               select decision_id from decision_record n where n.record_key = own.record_key offset 0) n
               join decision d on d.decision_id = n.decision_id)
         select v.payload, v.epoch, v.position, v.ordinal, v.received_at,
           min(v.received_at) over (partition by v.record_key order by v.epoch, v.position, v.ordinal
             rows between 1 following and unbounded following) as superseded_at
         from about cross join lateral (
           select * from record_version where record_key = about.record_key
             and ($2::timestamptz is null or received_at <= $2) offset 0) v
         where $3::date is null or ((v.valid_from is null or v.valid_from <= $3) and (v.valid_to is null or v.valid_to >= $3))
         order by v.received_at, v.record_key, v.epoch, v.position, v.ordinal limit $4",
    )
    .bind(person)
    .bind(page.known)
    .bind(page.day)
    .bind(page.limit.min(HISTORY_LIMIT))
    .fetch_all(pool)
    .await?;
    rows.iter().map(record_entry).collect()
}

fn record_entry(row: &VersionColumns) -> Result<RecordHistory, StoreError> {
    let record = show::record(&row.payload)?;
    Ok(RecordHistory {
        record_key: record.record_key,
        version: version_of(row.epoch, row.position, row.ordinal).to_string(),
        kind: record.kind,
        standing: record.standing,
        valid_from: record.valid_from,
        valid_to: record.valid_to,
        recorded_at: record.recorded_at,
        received_at: row.received_at,
        superseded_at: row.superseded_at,
        identifiers: record.identifiers,
        fields: record.fields,
    })
}

/// What became of the ids of the keys that lead to a person now.
pub async fn link_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
) -> Result<Vec<LinkHistory>, StoreError> {
    let rows: Vec<(DateTime<Utc>, Vec<u8>)> = sqlx::query_as(
        "select l.received_at, l.payload from anchor a cross join lateral (
           select * from link where key = a.anchor and ($2::timestamptz is null or received_at <= $2) offset 0) l
         where a.leads_to = $1 order by l.received_at, l.key, l.id limit $3",
    )
    .bind(person)
    .bind(page.known)
    .bind(page.limit.min(HISTORY_LIMIT))
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(received_at, payload)| {
            let event = event_log::decode_link_event(&payload).map_err(|_| StoreError::Unreadable("link"))?;
            Ok(LinkHistory { received_at, event })
        })
        .collect()
}

/// The newest image of an id.
pub(crate) async fn newest_image(
    connection: &mut PgConnection,
    person: PersonId,
) -> Result<Option<PersonImage>, StoreError> {
    let payload: Option<Vec<u8>> =
        sqlx::query_scalar("select payload from person_version where key = $1 order by id desc limit 1")
            .bind(person.to_string())
            .fetch_optional(connection)
            .await?;
    payload.map(|payload| image(&payload)).transpose()
}

/// Reads a stored image.
pub(crate) fn image(payload: &[u8]) -> Result<PersonImage, StoreError> {
    event_log::decode_person_image(payload).map_err(|_| StoreError::Unreadable("person image"))
}
