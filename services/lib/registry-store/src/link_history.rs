//! What became of the keys of a person: of their ids, and of the links that nothing but evidence speaks for.

use crate::history_page::{HistoryPage, Listed, visible};
use crate::{FamilySecrets, StoreError};
use chrono::{DateTime, Utc};
use registry_rules::{LinkEvent, PersonId};
use serde::Serialize;
use sqlx::PgPool;

/// When an entry was written, its key, and its number there.
pub type EntryPlace = (DateTime<Utc>, String, i64);

/// What became of a key's id.
#[derive(Clone, Debug, Serialize)]
pub struct LinkHistory {
    /// When the registry wrote it.
    pub received_at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub event: LinkEvent,
}

/// A link by score, from when to when it stood.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct ScoredHistory {
    /// The source key that was placed.
    pub source_key: String,
    /// Where it was linked to.
    pub anchor: String,
    /// When the registry wrote it.
    pub since: DateTime<Utc>,
    /// When it ended; none: it stood then.
    pub until: Option<DateTime<Utc>>,
    /// The weights' version.
    pub weights: String,
    /// What spoke for it, in bits.
    pub weight: Option<f64>,
    /// By how much it weighed more than the next other person, in bits; none: there was no other.
    pub margin: Option<f64>,
    #[serde(skip)]
    n: i64,
}

/// What became of the ids of the keys that lead to a person now, but for keys that a secret hides.
pub async fn link_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
    secrets: &FamilySecrets,
) -> Result<Listed<LinkHistory, EntryPlace>, StoreError> {
    let fetch = async |after: Option<EntryPlace>, limit: i64| {
        let (at, key, id) = unzip(after);
        let rows: Vec<(DateTime<Utc>, String, i64, Vec<u8>)> = sqlx::query_as(
            "select l.received_at, l.key, l.id, l.payload from anchor a cross join lateral (
               select * from link where key = a.anchor and ($2::timestamptz is null or received_at <= $2) offset 0) l
             where a.leads_to = $1
               and ($4::timestamptz is null or (l.received_at, l.key, l.id) > ($4, $5::text collate \"C\", $6))
             order by l.received_at, l.key, l.id limit $3",
        )
        .bind(person)
        .bind(page.known)
        .bind(limit)
        .bind(at)
        .bind(key)
        .bind(id)
        .fetch_all(pool)
        .await?;
        let entry = |(received_at, key, id, payload): (DateTime<Utc>, String, i64, Vec<u8>)| {
            let event = event_log::decode_link_event(&payload).map_err(|_| StoreError::Unreadable("link"))?;
            Ok(((received_at, key, id), LinkHistory { received_at, event }))
        };
        rows.into_iter().map(entry).collect()
    };
    visible(page.limit, page.after.link.clone(), fetch, |entry: &LinkHistory| {
        secrets.hides_anchor(&entry.event.anchor)
    })
    .await
}

/// The links by score of the keys that lead to a person now, and those that led there, but for what a secret hides.
pub async fn scored_link_history(
    pool: &PgPool,
    person: PersonId,
    page: &HistoryPage,
    secrets: &FamilySecrets,
) -> Result<Listed<ScoredHistory, EntryPlace>, StoreError> {
    let fetch = async |after: Option<EntryPlace>, limit: i64| {
        let (at, key, n) = unzip(after);
        let rows: Vec<ScoredHistory> = sqlx::query_as(
            "with key (anchor) as (select anchor from anchor where leads_to = $1)
             select l.source_key, l.anchor, l.since, l.weights, l.n,
               case when $2::timestamptz is null or l.until <= $2 then l.until end as until,
               (l.evidence ->> 'weight')::float8 as weight, (l.evidence ->> 'margin')::float8 as margin
             from (
               select s.* from key cross join lateral (
                 select * from scored_link where source_key = key.anchor offset 0) s
               union
               select s.* from key cross join lateral (
                 select * from scored_link where anchor = key.anchor offset 0) s) l
             where ($2::timestamptz is null or l.since <= $2)
               and ($4::timestamptz is null or (l.since, l.source_key, l.n) > ($4, $5::text collate \"C\", $6))
             order by l.since, l.source_key, l.n limit $3",
        )
        .bind(person)
        .bind(page.known)
        .bind(limit)
        .bind(at)
        .bind(key)
        .bind(n)
        .fetch_all(pool)
        .await?;
        Ok(rows.into_iter().map(|link| ((link.since, link.source_key.clone(), link.n), link)).collect())
    };
    visible(page.limit, page.after.scored.clone(), fetch, |link: &ScoredHistory| {
        secrets.hides_anchor(&link.source_key) || secrets.hides_anchor(&link.anchor)
    })
    .await
}

fn unzip(place: Option<EntryPlace>) -> (Option<DateTime<Utc>>, Option<String>, Option<i64>) {
    place.map_or((None, None, None), |(at, key, n)| (Some(at), Some(key), Some(n)))
}
