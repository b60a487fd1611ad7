//! What was received, as received.

use crate::StoreError;
use crate::error::overtaken;
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{ContentHash, SourceRecord, Standing, Version};
use sqlx::{AssertSqlSafe, PgConnection};
use std::sync::Arc;

/// A version of a record as it came.
#[expect(clippy::struct_field_names, reason = "received time is a term of the design")]
#[derive(Clone, Debug)]
pub struct Received {
    /// What it says.
    pub record: SourceRecord,
    /// Hash of what it says.
    pub content_hash: ContentHash,
    /// Its Avro body, without wire header. Personal.
    pub payload: Arc<[u8]>,
    /// Fingerprint of the schema it was written with.
    pub fingerprint: Arc<str>,
    /// When the log appended it.
    pub received_at: DateTime<Utc>,
}

/// The code of a standing in the tables: its place in [`Standing::ALL`].
pub(crate) const fn standing_code(standing: Standing) -> i16 {
    match standing {
        Standing::Asserted => 0,
        Standing::Corrected => 1,
        Standing::Annulled => 2,
        Standing::Ceased => 3,
        Standing::Withdrawn => 4,
    }
}

/// A version's three columns. A commit position of any source stays below 2^63, so its sign never shows.
pub(crate) const fn version_columns(version: Version) -> (i32, i64, i32) {
    (version.epoch.cast_signed(), version.position.cast_signed(), version.ordinal.cast_signed())
}

/// A version from its three columns.
pub(crate) const fn version_of(epoch: i32, position: i64, ordinal: i32) -> Version {
    Version {
        epoch: epoch.cast_unsigned(),
        position: position.cast_unsigned(),
        ordinal: ordinal.cast_unsigned(),
    }
}

#[derive(Default)]
struct Columns<'a> {
    record_key: Vec<&'a str>,
    epoch: Vec<i32>,
    position: Vec<i64>,
    ordinal: Vec<i32>,
    standing: Vec<i16>,
    valid_from: Vec<Option<NaiveDate>>,
    valid_to: Vec<Option<NaiveDate>>,
    received_at: Vec<DateTime<Utc>>,
    content_hash: Vec<&'a [u8]>,
    fingerprint: Vec<&'a str>,
    mapping_version: Vec<i32>,
    payload: Vec<&'a [u8]>,
}

const INSERT_VERSIONS: &str =
    "insert into record_version (record_key, epoch, position, ordinal, standing, valid_from, valid_to,
   received_at, content_hash, schema_fingerprint, mapping_version, payload)
 select * from unnest($1::text[], $2::int[], $3::bigint[], $4::int[], $5::smallint[], $6::date[], $7::date[],
   $8::timestamptz[], $9::bytea[], $10::text[], $11::int[], $12::bytea[])";

/// Keeps versions newer than all that are kept of their records. One that is there already was written by somebody else
/// meanwhile: that shows as contention. A plain insert costs the server a quarter less than one that looks first.
pub async fn keep_versions(connection: &mut PgConnection, received: &[&Received]) -> Result<(), StoreError> {
    write_versions(connection, INSERT_VERSIONS.to_owned(), received).await.map_err(overtaken)
}

/// Keeps versions that came after a newer one of their records; one that is there already stays as it is.
pub async fn keep_late_versions(
    connection: &mut PgConnection,
    received: &[&Received],
) -> Result<(), StoreError> {
    write_versions(connection, format!("{INSERT_VERSIONS} on conflict do nothing"), received).await
}

async fn write_versions(
    connection: &mut PgConnection,
    statement: String,
    received: &[&Received],
) -> Result<(), StoreError> {
    if received.is_empty() {
        return Ok(());
    }
    let mut sorted = received.to_vec();
    sorted.sort_by(|a, b| {
        (&a.record.record_key, a.record.version).cmp(&(&b.record.record_key, b.record.version))
    });
    let mut c = Columns::default();
    for one in sorted {
        let (epoch, position, ordinal) = version_columns(one.record.version);
        c.record_key.push(one.record.record_key.as_str());
        c.epoch.push(epoch);
        c.position.push(position);
        c.ordinal.push(ordinal);
        c.standing.push(standing_code(one.record.standing));
        c.valid_from.push(one.record.valid_from.map(registry_rules::PartialDate::latest));
        c.valid_to.push(one.record.valid_to.map(registry_rules::PartialDate::latest));
        c.received_at.push(one.received_at);
        c.content_hash.push(&one.content_hash.0);
        c.fingerprint.push(&one.fingerprint);
        c.mapping_version.push(one.record.mapping_version.cast_signed());
        c.payload.push(&one.payload);
    }
    // Made of constants of this file.
    sqlx::query(AssertSqlSafe(statement))
        .bind(c.record_key)
        .bind(c.epoch)
        .bind(c.position)
        .bind(c.ordinal)
        .bind(c.standing)
        .bind(c.valid_from)
        .bind(c.valid_to)
        .bind(c.received_at)
        .bind(c.content_hash)
        .bind(c.fingerprint)
        .bind(c.mapping_version)
        .bind(c.payload)
        .execute(connection)
        .await?;
    Ok(())
}

/// A row that its adapter could not read.
#[derive(Clone, Debug)]
pub struct MarkerRow {
    /// The row.
    pub row_key: String,
    /// The change that could not be read.
    pub version: Version,
    /// Reason codes.
    pub reasons: Vec<String>,
    /// When the log appended the marker.
    pub received_at: DateTime<Utc>,
}

/// Keeps the newest marker of each row; the caller gives each row once.
pub async fn keep_markers(connection: &mut PgConnection, markers: &[MarkerRow]) -> Result<(), StoreError> {
    for marker in markers {
        let (epoch, position, ordinal) = version_columns(marker.version);
        sqlx::query(
            "insert into row_marker as m (row_key, epoch, position, ordinal, reasons, received_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (row_key) do update set epoch = excluded.epoch, position = excluded.position,
               ordinal = excluded.ordinal, reasons = excluded.reasons, received_at = excluded.received_at
             where (m.epoch, m.position, m.ordinal) < (excluded.epoch, excluded.position, excluded.ordinal)",
        )
        .bind(&marker.row_key)
        .bind(epoch)
        .bind(position)
        .bind(ordinal)
        .bind(&marker.reasons)
        .bind(marker.received_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// A message that is none.
#[derive(Clone)]
pub struct Unreadable {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its place.
    pub offset: i64,
    /// Why, without values.
    pub reason: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its bytes. Personal.
    pub payload: Option<Vec<u8>>,
    /// When the log appended it.
    pub received_at: DateTime<Utc>,
}

impl std::fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unreadable({}[{}]@{}: {})", self.topic, self.partition, self.offset, self.reason)
    }
}

/// Keeps messages that could not be read, with their bytes and the reason.
pub async fn keep_unreadable(
    connection: &mut PgConnection,
    messages: &[Unreadable],
) -> Result<(), StoreError> {
    for message in messages {
        sqlx::query(
            "insert into unreadable_message (topic, partition, \"offset\", reason, key, payload, received_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        )
        .bind(&*message.topic)
        .bind(message.partition)
        .bind(message.offset)
        .bind(&message.reason)
        .bind(&message.key)
        .bind(&message.payload)
        .bind(message.received_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Keeps keys that records once offered, each with its record.
pub async fn keep_former(
    connection: &mut PgConnection,
    former: &[(String, String)],
) -> Result<(), StoreError> {
    if former.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into record_former (key, record_key)
         select * from unnest($1::text[], $2::text[]) as t (key, record_key) order by 1, 2 on conflict do nothing",
    )
    .bind(former.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
    .bind(former.iter().map(|(_, record)| record.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
