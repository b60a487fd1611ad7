//! Which version of each record stands, what it offers and where it is attached.

use crate::StoreError;
use crate::error::overtaken;
use crate::versions::{standing_code, version_columns, version_of};
use registry_rules::{ContentHash, Standing, Version};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a record is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// `pin:<smallest number of the class>` or a source key; none for a withdrawn record and a steward's.
    pub anchor: Option<String>,
    /// By which rule of design §3; 0 with no anchor.
    pub rule: i16,
    /// Its number names somebody else.
    pub contradicted: bool,
}

/// What stands of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its version.
    pub version: Version,
    /// What it says, as a hash.
    pub content_hash: ContentHash,
    /// Its number.
    pub pin: Option<String>,
    /// Its source key, where another record may have it too.
    pub source_key: Option<String>,
    /// The group it is tied through.
    pub relation_group: Option<String>,
    /// What it says of its person's relation to the head of household.
    pub relation_to_head: Option<String>,
    /// Where it is attached.
    pub attached: Attached,
}

#[derive(sqlx::FromRow)]
struct LatestColumns {
    record_key: String,
    epoch: i32,
    position: i64,
    ordinal: i32,
    content_hash: Vec<u8>,
    pin: Option<String>,
    source_key: Option<String>,
    relation_group: Option<String>,
    relation_to_head: Option<String>,
    anchor: Option<String>,
    attach_rule: i16,
    contradicted: bool,
}

fn content_hash(bytes: &[u8]) -> Result<ContentHash, StoreError> {
    bytes.try_into().map(ContentHash).map_err(|_| StoreError::Unreadable("content hash"))
}

/// What stands of these records.
pub async fn latest_of(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<BTreeMap<String, Latest>, StoreError> {
    let rows: Vec<LatestColumns> = sqlx::query_as(
        "select record_key, epoch, position, ordinal, content_hash, pin, source_key, relation_group,
           relation_to_head, anchor, attach_rule, contradicted
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from record_latest where record_key = wanted limit 1) r",
    )
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    let mut latest = BTreeMap::new();
    for row in rows {
        let one = Latest {
            version: version_of(row.epoch, row.position, row.ordinal),
            content_hash: content_hash(&row.content_hash)?,
            pin: row.pin,
            source_key: row.source_key,
            relation_group: row.relation_group,
            relation_to_head: row.relation_to_head,
            attached: Attached { anchor: row.anchor, rule: row.attach_rule, contradicted: row.contradicted },
        };
        latest.insert(row.record_key, one);
    }
    Ok(latest)
}

/// What attaching reads of a record that the batch does not hold.
#[derive(Clone, Debug)]
pub struct Sibling {
    /// Which record.
    pub record_key: String,
    /// Its source key, where another record may have it too.
    pub source_key: Option<String>,
    /// The group it is tied through.
    pub relation_group: Option<String>,
    /// Its number; none where that is not asked for.
    pub pin: Option<String>,
    /// Where it is attached.
    pub attached: Attached,
    /// Its Avro body, if it carries a number and may be judged by its name and date of birth anew.
    pub payload: Option<Vec<u8>>,
}

/// Which of the records that carry a number are judged anew by what the register says of it.
#[derive(Clone, Copy, Debug)]
pub enum JudgedAnew<'a> {
    /// All.
    All,
    /// Those that carry one of these numbers, whose entries changed. Beside them the contradicted ones, and those that a steward
    /// attached, whom nobody judged. Of any other it is known already that the register has nothing against it.
    With(&'a [&'a str]),
}

/// With more numbers than this it is cheaper to judge all than to look for each.
const MOST_LOOKED_FOR: usize = 100;

#[derive(sqlx::FromRow)]
pub(crate) struct SiblingColumns {
    record_key: String,
    source_key: Option<String>,
    relation_group: Option<String>,
    pin: Option<String>,
    anchor: Option<String>,
    attach_rule: i16,
    contradicted: bool,
    payload: Option<Vec<u8>>,
}

impl From<SiblingColumns> for Sibling {
    fn from(row: SiblingColumns) -> Self {
        Self {
            record_key: row.record_key,
            source_key: row.source_key,
            relation_group: row.relation_group,
            pin: row.pin,
            attached: Attached { anchor: row.anchor, rule: row.attach_rule, contradicted: row.contradicted },
            payload: row.payload,
        }
    }
}

/// The attached records that offer one of the source keys, and those named by their own key.
pub async fn offering(
    connection: &mut PgConnection,
    source_keys: &[&str],
    record_keys: &[&str],
    judged_anew: JudgedAnew<'_>,
) -> Result<Vec<Sibling>, StoreError> {
    let (all, numbers) = match judged_anew {
        JudgedAnew::With(numbers) if numbers.len() <= MOST_LOOKED_FOR => (false, numbers),
        JudgedAnew::With(_) | JudgedAnew::All => (true, [].as_slice()),
    };
    let rows: Vec<SiblingColumns> = sqlx::query_as(
        "select r.record_key, r.source_key, r.relation_group, r.pin, r.anchor, r.attach_rule, r.contradicted, v.payload
         from (select s.record_key from unnest($1::text[]) as t (wanted)
               cross join lateral (select record_key from record_latest where source_key = wanted offset 0) s
               union select record_key from unnest($2::text[]) as t (record_key)) k
         cross join lateral (select * from record_latest r where r.record_key = k.record_key limit 1) r
         left join lateral (
           select v.payload from record_version v
           where r.pin is not null and ($3 or r.contradicted or r.attach_rule = 1 or r.pin = any($4))
             and v.record_key = r.record_key
             and v.epoch = r.epoch and v.position = r.position and v.ordinal = r.ordinal limit 1) v on true
         where r.anchor is not null",
    )
    .bind(source_keys)
    .bind(record_keys)
    .bind(all)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The records that carry one of the numbers, each with its source key, where another record may have that too.
pub async fn source_keys_of_pins(
    connection: &mut PgConnection,
    pins: &[&str],
) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let rows = sqlx::query_as(
        "select record_key, source_key from unnest($1::text[]) as t (wanted)
         cross join lateral (select record_key, source_key from record_latest where pin = wanted offset 0) r",
    )
    .bind(pins)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A record as it stands from now on.
#[derive(Clone, Debug)]
pub struct LatestRow {
    /// Which record.
    pub record_key: Arc<str>,
    /// Its version.
    pub version: Version,
    /// How it stands in law.
    pub standing: Standing,
    /// What it says, as a hash.
    pub content_hash: ContentHash,
    /// Its number.
    pub pin: Option<String>,
    /// Its source key, where another record may have it too.
    pub source_key: Option<String>,
    /// The group it is tied through.
    pub relation_group: Option<String>,
    /// What it says of its person's relation to the head of household.
    pub relation_to_head: Option<String>,
    /// Where it is attached.
    pub attached: Attached,
    /// Whether no version of it stood before.
    pub is_new: bool,
}

const INSERT_LATEST: &str =
    "insert into record_latest as l (record_key, epoch, position, ordinal, standing, content_hash, pin,
   source_key, relation_group, relation_to_head, anchor, attach_rule, contradicted)
 select * from unnest($1::text[], $2::int[], $3::bigint[], $4::int[], $5::smallint[], $6::bytea[], $7::text[],
   $8::text[], $9::text[], $10::text[], $11::text[], $12::smallint[], $13::bool[])";

const OR_REPLACE: &str =
    " on conflict (record_key) do update set epoch = excluded.epoch, position = excluded.position,
   ordinal = excluded.ordinal, standing = excluded.standing, content_hash = excluded.content_hash,
   pin = excluded.pin, source_key = excluded.source_key, relation_group = excluded.relation_group,
   relation_to_head = excluded.relation_to_head, anchor = excluded.anchor,
   attach_rule = excluded.attach_rule, contradicted = excluded.contradicted
 where (l.epoch, l.position, l.ordinal) < (excluded.epoch, excluded.position, excluded.ordinal)";

/// Lets records stand, each newer than what stood. One that is not was written by somebody else meanwhile: that shows as
/// contention, as does a new one that is there already. New ones go in by a plain insert, which costs the server a fifth less.
pub async fn put_latest(connection: &mut PgConnection, rows: &[LatestRow]) -> Result<(), StoreError> {
    let (new, known): (Vec<&LatestRow>, Vec<&LatestRow>) = rows.iter().partition(|row| row.is_new);
    write_latest(connection, INSERT_LATEST.to_owned(), &new).await.map_err(overtaken)?;
    write_latest(connection, format!("{INSERT_LATEST}{OR_REPLACE}"), &known).await
}

async fn write_latest(
    connection: &mut PgConnection,
    statement: String,
    rows: &[&LatestRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let versions: Vec<_> = rows.iter().map(|r| version_columns(r.version)).collect();
    // Made of constants of this file.
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(rows.iter().map(|r| &*r.record_key).collect::<Vec<_>>())
        .bind(versions.iter().map(|v| v.0).collect::<Vec<_>>())
        .bind(versions.iter().map(|v| v.1).collect::<Vec<_>>())
        .bind(versions.iter().map(|v| v.2).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| standing_code(r.standing)).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.content_hash.0.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.pin.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.source_key.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.relation_group.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.relation_to_head.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.attached.anchor.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.attached.rule).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.attached.contradicted).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    all(done.rows_affected(), rows.len(), "a record")
}

/// The version that stands of a record now says what the one before said.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Which record.
    pub record_key: Arc<str>,
    /// The newer version of the same content.
    pub version: Version,
}

/// Moves versions only: nothing else of the records is touched, nobody is disturbed.
pub async fn move_versions(connection: &mut PgConnection, moves: &[Moved]) -> Result<(), StoreError> {
    if moves.is_empty() {
        return Ok(());
    }
    let versions: Vec<_> = moves.iter().map(|m| version_columns(m.version)).collect();
    let done = sqlx::query(
        "update record_latest l set epoch = t.epoch, position = t.position, ordinal = t.ordinal
         from unnest($1::text[], $2::int[], $3::bigint[], $4::int[]) as t (record_key, epoch, position, ordinal)
         where l.record_key = t.record_key and (l.epoch, l.position, l.ordinal) < (t.epoch, t.position, t.ordinal)",
    )
    .bind(moves.iter().map(|m| &*m.record_key).collect::<Vec<_>>())
    .bind(versions.iter().map(|v| v.0).collect::<Vec<_>>())
    .bind(versions.iter().map(|v| v.1).collect::<Vec<_>>())
    .bind(versions.iter().map(|v| v.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all(done.rows_affected(), moves.len(), "a record")
}

/// Attaches records elsewhere whose keys mean something else now.
pub async fn reattach(connection: &mut PgConnection, rows: &[(String, Attached)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "update record_latest l set anchor = t.anchor, attach_rule = t.attach_rule, contradicted = t.contradicted
         from unnest($1::text[], $2::text[], $3::smallint[], $4::bool[]) as t (record_key, anchor, attach_rule, contradicted)
         where l.record_key = t.record_key",
    )
    .bind(rows.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, a)| a.anchor.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, a)| a.rule).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, a)| a.contradicted).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all(done.rows_affected(), rows.len(), "a record")
}

/// A guarded statement that reaches fewer rows than it was given met another writer.
pub(crate) fn all(affected: u64, expected: usize, what: &'static str) -> Result<(), StoreError> {
    if affected == expected as u64 { Ok(()) } else { Err(StoreError::Overtaken(what)) }
}
