//! What is derived, made anew from what is kept: record versions, links and published persons (design §2.3, §6 Restore).

use crate::latest::{Sibling, SiblingColumns};
use crate::persons::{PersonWrite, image_hash, put_persons};
use crate::{StoreError, history};
use chrono::{DateTime, Utc};
use registry_rules::{LinkEvent, PersonId, PersonImage};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Rows of one statement.
const PAGE: i64 = 2_000;

/// How many sessions of the same role are at work on this registry beside the caller's own.
pub async fn sessions_at_work(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let sessions = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
           and usename = current_user and application_name = current_setting('application_name')",
    )
    .fetch_one(connection)
    .await?;
    Ok(sessions)
}

/// Whether nothing was ever received, linked or published here.
pub async fn is_untouched(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let untouched = sqlx::query_scalar(
        "select not exists (select from record_version) and not exists (select from link)
           and not exists (select from person_version) and not exists (select from anchor)",
    )
    .fetch_one(connection)
    .await?;
    Ok(untouched)
}

/// Takes away all that follows from what is kept; the statements of a rebuild read whole tables. Cases stay with their
/// history: merging anew finds which of them are open.
pub async fn clear_derived(connection: &mut PgConnection) -> Result<(), StoreError> {
    for statement in [
        "select from load_state for update",
        "set local enable_seqscan = on",
        "set local enable_hashjoin = on",
        "set local enable_mergejoin = on",
        "delete from record_latest",
        "delete from register_entry",
        "delete from decision_record",
        "delete from decision",
        "delete from identity_decision_key",
        "delete from identity_decision",
        "delete from record_ruling",
        "delete from key_join",
        "delete from due",
        "delete from load_slice",
        "delete from anchor",
        "delete from person",
        "delete from match_state",
        "delete from match_pending",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct LinkColumns {
    key: String,
    payload: Vec<u8>,
    changes: i64,
    first_seen: DateTime<Utc>,
}

/// Gives every key the id that its entries of `link` have given it.
pub async fn recall_anchors(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<LinkColumns> = sqlx::query_as(
            "select k.key, l.payload, k.changes, k.first_seen from (
               select key, max(id) as changes, min(received_at) as first_seen from link
               where key > $1 group by key order by key limit $2) k
             cross join lateral (select payload from link where key = k.key and id = k.changes limit 1) l order by k.key",
        )
        .bind(&after)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.key);
        insert(connection, &rows).await?;
    }
    // A source key whose own id a number took over; and an id that stands was seen before those that lead to it, which only
    // the newest entries of a topic do not say. Of an id that was taken over it is the number that stands.
    for statement in [
        "update anchor k set yielded = true from anchor p
         where k.anchor not like 'pin:%' and p.anchor like 'pin:%' and p.person_id = k.person_id",
        "update anchor a set first_seen = r.first_seen + interval '1 microsecond' from anchor r
         where r.person_id = r.leads_to and not r.yielded and r.person_id = a.leads_to
           and a.person_id <> a.leads_to and a.first_seen <= r.first_seen",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert(connection: &mut PgConnection, rows: &[LinkColumns]) -> Result<(), StoreError> {
    let (mut own, mut leads_to) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let event = event_log::decode_link_event(&row.payload).map_err(|_| StoreError::Unreadable("link"))?;
        own.push(event.own_person_id);
        leads_to.push(event.person_id);
    }
    sqlx::query(
        "insert into anchor (anchor, person_id, leads_to, changes, first_seen)
         select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
    .bind(own)
    .bind(leads_to)
    .bind(rows.iter().map(|row| row.changes).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.first_seen).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives every person that was ever published the head of its newest version: an equal result publishes nothing.
pub async fn recall_persons(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
            "select k.key, k.id, v.payload from (
               select key, max(id) as id from person_version where key > $1 group by key order by key limit $2) k
             cross join lateral (select payload from person_version where key = k.key and id = k.id limit 1) v
             order by k.key",
        )
        .bind(&after)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after.clone_from(last);
        let mut writes = Vec::with_capacity(rows.len());
        for (_, version, payload) in &rows {
            let image = history::image(payload)?;
            writes.push(PersonWrite {
                person_id: image.person_id,
                version: *version,
                image_hash: Some(image_hash(&image)?),
                lifecycle: image.lifecycle,
                countable: image.countable,
                facts: None,
                next_due: None,
            });
        }
        put_persons(connection, &writes).await?;
    }
}

/// A kept version with its bytes.
#[derive(Clone, sqlx::FromRow)]
pub struct KeptVersion {
    /// Its Avro body. Personal.
    pub payload: Vec<u8>,
    /// Fingerprint of the schema it was written with.
    pub schema_fingerprint: String,
    /// When the log appended it.
    pub received_at: DateTime<Utc>,
}

impl std::fmt::Debug for KeptVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptVersion").field("payload_bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

/// All versions of the next records after a key, by record and version.
pub async fn versions_after(
    connection: &mut PgConnection,
    after: &str,
    records: i64,
) -> Result<Vec<KeptVersion>, StoreError> {
    let rows = sqlx::query_as(
        "select v.payload, v.schema_fingerprint, v.received_at from (
           select record_key from record_version where record_key > $1 group by record_key order by record_key limit $2) k
         cross join lateral (select * from record_version where record_key = k.record_key offset 0) v
         order by v.record_key, v.epoch, v.position, v.ordinal",
    )
    .bind(after)
    .bind(records)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Begins the first load again, with the ids that are recalled.
pub async fn begin_recall(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("update load_state set stage = 'keep', recalled = true, changed_at = now()")
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether ids are recalled in this first load.
pub async fn is_recalled(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select recalled from load_state").fetch_one(connection).await?)
}

/// The records attached to anchors, with where they are attached; without their bytes.
pub async fn siblings_at(
    connection: &mut PgConnection,
    anchors: &[String],
) -> Result<Vec<Sibling>, StoreError> {
    let rows: Vec<SiblingColumns> = sqlx::query_as(
        "select r.record_key, r.source_key, r.relation_group, null::text as pin, r.anchor, r.attach_rule,
           r.contradicted, null::bytea as payload
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from record_latest where anchor = wanted offset 0) r",
    )
    .bind(anchors)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Writes what others may hear of persons; whoever is not there yet comes to be.
pub async fn put_facts(
    connection: &mut PgConnection,
    facts: &[(PersonId, String)],
) -> Result<(), StoreError> {
    let (persons, facts): (Vec<PersonId>, Vec<&str>) =
        facts.iter().map(|(person, facts)| (*person, facts.as_str())).unzip();
    sqlx::query(
        "insert into person (person_id, version, facts)
         select person_id, 0, facts from unnest($1::uuid[], $2::text[]) as t (person_id, facts) order by person_id
         on conflict (person_id) do update set facts = excluded.facts",
    )
    .bind(persons)
    .bind(facts)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes over what `registry.link` says: messages in their order, each with the log's time. Repetitions of a key's last word
/// add nothing.
pub async fn take_over_links(
    connection: &mut PgConnection,
    topic: &str,
    events: &[(LinkEvent, DateTime<Utc>)],
) -> Result<(), StoreError> {
    let keys: Vec<&str> = events.iter().map(|(event, _)| event.anchor.as_str()).collect();
    let known: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
        "select l.* from (select distinct wanted from unnest($1::text[]) as t (wanted)) t cross join lateral (
           select key, id, payload from link where key = wanted order by id desc limit 1) l",
    )
    .bind(keys)
    .fetch_all(&mut *connection)
    .await?;
    let mut last: BTreeMap<String, (i64, Vec<u8>)> =
        known.into_iter().map(|(key, id, payload)| (key, (id, payload))).collect();
    let mut rows = Vec::with_capacity(events.len());
    for (event, at) in events {
        let mut payload = Vec::with_capacity(128);
        event_log::encode_link_event(event, &mut payload).map_err(|_| StoreError::Unwritable("a link"))?;
        let (id, before) = last.remove(&event.anchor).unwrap_or_default();
        let id = if before == payload { id } else { id + 1 };
        if before != payload {
            rows.push((event.anchor.clone(), id, payload.clone(), *at));
        }
        last.insert(event.anchor.clone(), (id, payload));
    }
    take_over(connection, LINK, (topic, "dansync.LinkEvent"), rows).await
}

/// Takes over what `registry.person` says: every version that the topic still has.
pub async fn take_over_persons(
    connection: &mut PgConnection,
    topic: &str,
    images: &[(PersonImage, DateTime<Utc>)],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(images.len());
    for (image, at) in images {
        let mut payload = Vec::with_capacity(2_048);
        event_log::encode_person_image(image, &mut payload)
            .map_err(|_| StoreError::Unwritable("a person image"))?;
        rows.push((image.person_id.to_string(), image.version.cast_signed(), payload, *at));
    }
    take_over(connection, PERSON, (topic, "dansync.PersonImage"), rows).await
}

const LINK: &str = "insert into link (key, id, topic, subject, payload, received_at)
   select key, id, $5, $6, payload, received_at from unnest($1::text[], $2::bigint[], $3::bytea[], $4::timestamptz[])
   as t (key, id, payload, received_at)";
const PERSON: &str = "insert into person_version (key, id, topic, subject, payload, received_at)
   select key, id, $5, $6, payload, received_at from unnest($1::text[], $2::bigint[], $3::bytea[], $4::timestamptz[])
   as t (key, id, payload, received_at) on conflict do nothing";

async fn take_over(
    connection: &mut PgConnection,
    statement: &'static str,
    (topic, subject): (&str, &str),
    rows: Vec<(String, i64, Vec<u8>, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    let (mut keys, mut ids, mut payloads, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (key, id, payload, at) in rows {
        keys.push(key);
        ids.push(id);
        payloads.push(payload);
        times.push(at);
    }
    sqlx::query(statement)
        .bind(keys)
        .bind(ids)
        .bind(payloads)
        .bind(times)
        .bind(topic)
        .bind(subject)
        .execute(connection)
        .await?;
    Ok(())
}
