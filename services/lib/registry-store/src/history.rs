//! What the registry has been told of a person and has said of it, each with the time it was received.

use crate::history_page::{HistoryPage, Listed, visible};
use crate::versions::version_of;
use crate::{FamilySecrets, StoreError, show};
use chrono::{DateTime, Utc};
use registry_rules::{
    FieldName, FieldValue, Identifier, PartialDate, PersonId, PersonImage, RecordKey, Standing,
};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;

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

/// The versions of a person, the oldest first.
pub async fn person_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
) -> Result<Listed<HistoryEntry, i64>, StoreError> {
    let fetch = async |after: Option<i64>, limit: i64| {
        let rows: Vec<(i64, DateTime<Utc>, Vec<u8>)> = sqlx::query_as(
            "select id, received_at, payload from person_version
             where key = $1 and id > $2 and ($3::timestamptz is null or received_at <= $3) order by id limit $4",
        )
        .bind(person.to_string())
        .bind(after.unwrap_or_default())
        .bind(page.known)
        .bind(limit)
        .fetch_all(pool)
        .await?;
        let entry = |(id, received_at, payload): (i64, DateTime<Utc>, Vec<u8>)| {
            Ok((id, HistoryEntry { received_at, image: image(&payload)? }))
        };
        rows.into_iter().map(entry).collect()
    };
    visible(page.limit, page.after.version, fetch, |_| false).await
}

/// A record's version: when it was received, its key, epoch, position and ordinal.
pub type VersionPlace = (DateTime<Utc>, String, i32, i64, i32);

#[derive(sqlx::FromRow)]
struct VersionColumns {
    payload: Vec<u8>,
    epoch: i32,
    position: i64,
    ordinal: i32,
    received_at: DateTime<Utc>,
    superseded_at: Option<DateTime<Utc>>,
}

/// The records that stand under a person's id or once did, also by a link by score, and the decisions about them: every version that no
/// secret hides, in the order of its receipt.
pub async fn record_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
    secrets: &FamilySecrets,
) -> Result<Listed<RecordHistory, VersionPlace>, StoreError> {
    let fetch = async |after: Option<VersionPlace>, limit: i64| {
        let (at, key) = (after.as_ref().map(|place| place.0), after.as_ref().map(|place| place.1.clone()));
        let (epoch, position) = (after.as_ref().map(|place| place.2), after.as_ref().map(|place| place.3));
        let ordinal = after.as_ref().map(|place| place.4);
        let rows: Vec<VersionColumns> = sqlx::query_as(
            "with recursive key (anchor) as (select anchor from anchor where leads_to = $1),
               own (record_key) as (
                 select r.record_key from key cross join lateral (
                   select record_key from record_latest where anchor = key.anchor offset 0) r
                 union select r.record_key from key cross join lateral (
                   select record_key from record_former where key = key.anchor offset 0) r
                 union select r.record_key from key cross join lateral (
                   select source_key from scored_link where anchor = key.anchor
                     and ($2::timestamptz is null or since <= $2) offset 0) l
                 cross join lateral (
                   select record_key from record_latest where source_key = l.source_key
                   union all select substr(l.source_key, 8) where l.source_key like 'record:%' offset 0) r),
               ruling (decision_id) as (
                 select k.decision_id from (select record_key from own union select anchor from key) named (key)
                 cross join lateral (
                   select decision_id from identity_decision_key k where k.key = named.key offset 0) k
                 union
                 select d.decision_id from ruling cross join lateral (
                   select decision_id from identity_decision d where d.reverses = ruling.decision_id offset 0) d),
               about (record_key) as (
                 select record_key from own
                 union select d.record_key from own cross join lateral (
                   select decision_id from decision_record n where n.record_key = own.record_key offset 0) n
                   join decision d on d.decision_id = n.decision_id
                 union select d.record_key from ruling join identity_decision d on d.decision_id = ruling.decision_id),
               version as (
                 select v.*, min(v.received_at) over (
                     partition by v.record_key order by v.epoch, v.position, v.ordinal
                     rows between 1 following and unbounded following) as superseded_at
                 from about cross join lateral (
                   select * from record_version where record_key = about.record_key
                     and ($2::timestamptz is null or received_at <= $2) offset 0) v)
             select payload, epoch, position, ordinal, received_at, superseded_at from version
             where ($3::date is null
                 or ((valid_from is null or valid_from <= $3) and (valid_to is null or valid_to >= $3)))
               and ($5::timestamptz is null
                 or (received_at, record_key, epoch, position, ordinal) > ($5, $6::text collate \"C\", $7, $8, $9))
             order by received_at, record_key, epoch, position, ordinal limit $4",
        )
        .bind(person)
        .bind(page.known)
        .bind(page.day)
        .bind(limit)
        .bind(at)
        .bind(key)
        .bind(epoch)
        .bind(position)
        .bind(ordinal)
        .fetch_all(pool)
        .await?;
        rows.iter().map(record_entry).collect()
    };
    let hides = |entry: &RecordHistory| secrets.hides_version(entry);
    let mut listed = visible(page.limit, page.after.record.clone(), fetch, hides).await?;
    listed.entries.iter_mut().for_each(|entry| secrets.strip(entry));
    Ok(listed)
}

fn record_entry(row: &VersionColumns) -> Result<(VersionPlace, RecordHistory), StoreError> {
    let record = show::record(&row.payload)?;
    let key = record.record_key.as_str().to_owned();
    let place = (row.received_at, key, row.epoch, row.position, row.ordinal);
    let entry = RecordHistory {
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
    };
    Ok((place, entry))
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
