//! Deliveries: authorised content on its way, until its one outcome.
//!
//! Statements that change rows find them by `ref = any(…)`, not by a join with what they are given: a join may be planned the wrong
//! way round while the table is small, and the plan is kept. Those that look up by key ask for `outcome is null`, those that look for
//! work for `settled_at is null`: the same rows, but the first keep the planner from the index of open deliveries.

use crate::{AgreementRow, LaneKey, Lease, NewEntry, StoreError};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::PersonId;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// What a delivery tells the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A person becomes known.
    Entered,
    /// What is held changes.
    Changed,
    /// The person must be forgotten.
    Left,
}

impl Event {
    /// The word in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Changed => "changed",
            Self::Left => "left",
        }
    }

    fn read(word: &str) -> Result<Self, StoreError> {
        [Self::Entered, Self::Changed, Self::Left]
            .into_iter()
            .find(|event| event.as_str() == word)
            .ok_or(StoreError::Content { table: "delivery", column: "event" })
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The subscriber has it, or must be taken to have it.
    Delivered,
    /// A later release took its place before it was sent.
    Superseded,
    /// It may no longer be sent.
    Withdrawn,
}

impl Outcome {
    /// The word in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Content as authorised.
#[derive(Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The person towards the agreement.
    pub reference: String,
    /// How it gets out.
    pub mode: &'static str,
    /// Rises within (agreement, person).
    pub release_no: i64,
    /// The agreement.
    pub agreement: String,
    /// Who.
    pub person_id: PersonId,
    /// The ledger entry.
    pub entry_id: Uuid,
    /// The version that it is authorised under.
    pub agreement_version: i32,
    /// The topic's generation.
    pub generation: i32,
    /// What it tells.
    pub event: Event,
    /// Field names on the ledger.
    pub fields: Vec<String>,
    /// The outgoing record as canonical JSON.
    pub payload: Vec<u8>,
}

/// A delivery without outcome.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenDelivery {
    /// The person towards the agreement.
    pub reference: String,
    /// Rises within (agreement, person).
    pub release_no: i64,
    /// Who.
    pub person_id: PersonId,
    /// The version that it is authorised under.
    pub agreement_version: i32,
    /// The topic's generation.
    pub generation: i32,
    /// What it tells.
    pub event: Event,
    /// Field names on the ledger.
    pub fields: Vec<String>,
    /// The outgoing record.
    pub payload: Vec<u8>,
    /// Whether it may have been sent.
    pub attempted: bool,
    /// How often it was.
    pub attempts: i32,
    /// When it was authorised.
    pub authorised_at: DateTime<Utc>,
}

impl std::fmt::Debug for OpenDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenDelivery({} #{}, {:?})", self.reference, self.release_no, self.event)
    }
}

impl std::fmt::Debug for NewDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewDelivery({} #{} {}, {:?})", self.reference, self.release_no, self.mode, self.event)
    }
}

/// One delivery within a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryKey {
    /// The person towards the agreement.
    pub reference: String,
    /// The release.
    pub release_no: i64,
}

/// A delivery's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which.
    pub key: DeliveryKey,
    /// What became of it.
    pub outcome: Outcome,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pending {
    /// Deliveries without outcome.
    pub records: i64,
    /// Age of the oldest in seconds; 0 when none waits.
    pub oldest_seconds: f64,
}

/// Adds releases: each with its ledger entry and its delivery, which share reference, mode and release number. A second
/// entry for the same (release, mode) is an error.
pub async fn insert_releases(
    connection: &mut PgConnection,
    releases: &[(NewEntry, NewDelivery)],
) -> Result<(), StoreError> {
    fn column<'a, T>(releases: &'a [(NewEntry, NewDelivery)], of: impl Fn(&'a NewDelivery) -> T) -> Vec<T> {
        releases.iter().map(|(_, delivery)| of(delivery)).collect()
    }
    // Arrays of arrays do not exist in PostgreSQL: field names travel as one text each, split there.
    sqlx::query(
        "with r as (
             select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::uuid[],
                     $7::integer[], $8::integer[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[])
               as r (ref, mode, release_no, agreement, person_id, entry_id, agreement_version, generation, event, fields,
                     payload, bytes, salt)),
         entry as (
             insert into ledger_entry (ref, entry_id, agreement, mode, release_no, bytes, salt)
             select ref, entry_id, agreement, mode, release_no, bytes, salt from r)
         insert into delivery (ref, mode, release_no, agreement, person_id, entry_id, agreement_version, generation,
                               event, fields, payload)
         select ref, mode, release_no, agreement, person_id, entry_id, agreement_version, generation, event,
                string_to_array(fields, ' '), payload from r",
    )
    .bind(column(releases, |d| d.reference.as_str()))
    .bind(column(releases, |d| d.mode))
    .bind(column(releases, |d| d.release_no))
    .bind(column(releases, |d| d.agreement.as_str()))
    .bind(column(releases, |d| d.person_id))
    .bind(column(releases, |d| d.entry_id))
    .bind(column(releases, |d| d.agreement_version))
    .bind(column(releases, |d| d.generation))
    .bind(column(releases, |d| d.event.as_str()))
    .bind(column(releases, |d| d.fields.join(" ")))
    .bind(column(releases, |d| d.payload.as_slice()))
    .bind(releases.iter().map(|(entry, _)| entry.bytes.as_slice()).collect::<Vec<_>>())
    .bind(releases.iter().map(|(entry, _)| entry.salt.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    r#ref: String,
    release_no: i64,
    person_id: PersonId,
    agreement_version: i32,
    generation: i32,
    event: String,
    fields: Vec<String>,
    payload: Option<Vec<u8>>,
    attempted: bool,
    attempts: i32,
    authorised_at: DateTime<Utc>,
}

/// The oldest persons with something to send on a lane, at most about `limit`, and everything that is open for them;
/// by person, then release.
pub async fn open_deliveries(
    connection: &mut PgConnection,
    lane: &LaneKey,
    limit: i64,
) -> Result<Vec<OpenDelivery>, StoreError> {
    let rows: Vec<OpenRow> = sqlx::query_as(
        "with oldest as (
             select ref from delivery
             where agreement = $1 and mode = $2 and settled_at is null and retry_at <= clock_timestamp()
             order by authorised_at, ref limit $3)
         select d.ref, d.release_no, d.person_id, d.agreement_version, d.generation, d.event, d.fields, d.payload,
                d.attempted_at is not null as attempted, d.attempts, d.authorised_at
         from (select distinct ref from oldest) o
         cross join lateral (
             select * from delivery where ref = o.ref and mode = $2 and outcome is null) d
         order by d.ref, d.release_no",
    )
    .bind(&lane.agreement)
    .bind(&lane.mode)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(OpenDelivery {
                reference: row.r#ref,
                release_no: row.release_no,
                person_id: row.person_id,
                agreement_version: row.agreement_version,
                generation: row.generation,
                event: Event::read(&row.event)?,
                fields: row.fields,
                payload: row.payload.ok_or(StoreError::Content { table: "delivery", column: "payload" })?,
                attempted: row.attempted,
                attempts: row.attempts,
                authorised_at: row.authorised_at,
            })
        })
        .collect()
}

/// Whether a lane may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is ours, and what is in force is what was prepared.
    Ours,
    /// Another instance has the lane.
    Lost,
    /// Another version, generation or state is in force by now.
    Changed,
}

/// Notes that these are about to be sent: from here on each may have been received. Nothing is noted unless the lane is still
/// ours, which nobody takes until the end of the transaction, and the agreement stands as it was prepared: all in one statement,
/// because every pass of every lane asks it.
pub async fn mark_attempted(
    connection: &mut PgConnection,
    lease: &Lease,
    prepared: &AgreementRow,
    keys: &[DeliveryKey],
) -> Result<Standing, StoreError> {
    let (references, releases) = columns(keys);
    let (is_ours, is_unchanged): (bool, bool) = sqlx::query_as(
        "with ours as materialized (
             select from lane where agreement = $1 and mode = $2 and owner = $3 and epoch = $4 for share),
         unchanged as materialized (
             select from agreement_state where agreement = $1 and state = $5 and version = $6 and generation = $7),
         marked as (
             update delivery d set attempted_at = coalesce(d.attempted_at, clock_timestamp()), attempts = d.attempts + 1
             where d.ref = any($8) and d.mode = $2 and array_position($9::text[], d.release_no || '/' || d.ref) is not null
               and d.outcome is null and exists (select from ours) and exists (select from unchanged))
         select exists (select from ours), exists (select from unchanged)",
    )
    .bind(&lease.lane.agreement)
    .bind(&lease.lane.mode)
    .bind(lease.owner)
    .bind(lease.epoch)
    .bind(prepared.state.as_str())
    .bind(prepared.version)
    .bind(prepared.generation)
    .bind(references)
    .bind(releases)
    .fetch_one(connection)
    .await?;
    Ok(match (is_ours, is_unchanged) {
        (true, true) => Standing::Ours,
        (true, false) => Standing::Changed,
        (false, _) => Standing::Lost,
    })
}

/// Gives outcomes and erases the payloads. What has an outcome already keeps it.
pub async fn settle(
    connection: &mut PgConnection,
    lane: &LaneKey,
    settlements: &[Settlement],
) -> Result<(), StoreError> {
    let (references, releases) = columns(settlements.iter().map(|s| &s.key));
    sqlx::query(
        "update delivery d
         set outcome = ($4::text[])[array_position($3::text[], d.release_no || '/' || d.ref)],
             settled_at = clock_timestamp(), payload = null, parked = null
         where d.ref = any($2) and d.mode = $1 and array_position($3, d.release_no || '/' || d.ref) is not null
           and d.outcome is null",
    )
    .bind(&lane.mode)
    .bind(references)
    .bind(releases)
    .bind(settlements.iter().map(|s| s.outcome.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what a subscriber holds of these persons, whose content was withdrawn, unless a later release is under way;
/// they are due for review on `day`.
pub async fn erase_content_of(
    connection: &mut PgConnection,
    agreement: &str,
    withdrawn: &[(PersonId, i64)],
    day: NaiveDate,
) -> Result<(), StoreError> {
    let (persons, numbers): (Vec<PersonId>, Vec<i64>) = withdrawn.iter().copied().unzip();
    sqlx::query(
        "update holding h set content_hash = null, next_review_on = least(h.next_review_on, $4)
         where h.person_id = any($2) and h.agreement = $1 and h.member
           and h.release_no = ($3::bigint[])[array_position($2::uuid[], h.person_id)]",
    )
    .bind(agreement)
    .bind(persons)
    .bind(numbers)
    .bind(day)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets one person wait, with a reason code; the rest of the lane goes on.
pub async fn park(
    connection: &mut PgConnection,
    lane: &LaneKey,
    key: &DeliveryKey,
    wait: Duration,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "update delivery set retry_at = clock_timestamp() + $4 * interval '1 millisecond', parked = $5
         where ref = $1 and mode = $2 and release_no = $3 and outcome is null",
    )
    .bind(&key.reference)
    .bind(&lane.mode)
    .bind(key.release_no)
    .bind(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether anything of a generation waits on a lane.
pub async fn has_open(
    connection: &mut PgConnection,
    lane: &LaneKey,
    generation: i32,
) -> Result<bool, StoreError> {
    let open = sqlx::query_scalar(
        "select exists (select from delivery
                        where agreement = $1 and mode = $2 and generation <= $3 and settled_at is null)",
    )
    .bind(&lane.agreement)
    .bind(&lane.mode)
    .bind(generation)
    .fetch_one(connection)
    .await?;
    Ok(open)
}

/// How much of an agreement waits, by all its modes.
pub async fn pending(connection: &mut PgConnection, agreement: &str) -> Result<Pending, StoreError> {
    let (records, oldest_seconds): (i64, Option<f64>) = sqlx::query_as(
        "select count(*), extract(epoch from clock_timestamp() - min(authorised_at))::float8
         from delivery where agreement = $1 and settled_at is null",
    )
    .bind(agreement)
    .fetch_one(connection)
    .await?;
    Ok(Pending { records, oldest_seconds: oldest_seconds.unwrap_or(0.0) })
}

/// Those of the references with a delivery without outcome.
pub async fn references_open(
    connection: &mut PgConnection,
    mode: &str,
    references: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    let open: Vec<String> = sqlx::query_scalar(
        "select r from unnest($2::text[]) as r
         cross join lateral (select from delivery d where d.ref = r and d.mode = $1 and d.outcome is null limit 1) one",
    )
    .bind(mode)
    .bind(references)
    .fetch_all(connection)
    .await?;
    Ok(open.into_iter().collect())
}

/// References, and releases as statements write them.
fn columns<'a>(keys: impl IntoIterator<Item = &'a DeliveryKey>) -> (Vec<&'a str>, Vec<String>) {
    keys.into_iter().map(|k| (k.reference.as_str(), format!("{}/{}", k.release_no, k.reference))).unzip()
}
