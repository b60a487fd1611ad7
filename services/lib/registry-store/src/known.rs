//! What was known at a moment, read as far as it matters to some persons: the versions received by then, found by every
//! key that their records have ever offered.
//!
//! Closed under keys: whatever shares a number, a class of numbers or a source key with a record that was read, or was put
//! together with it or parted from it by a steward, or linked to it by score, is read too, so that attaching gives what it would
//! give among all. The records around are read one hop further.

use crate::{StoreError, resembling_at, scored_links_at, show};
use chrono::{DateTime, Utc};
use registry_rules::{Known, RecordKey, Resemblance, SourceRecord, offer, offered_keys};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Where to begin: keys as [`offered_keys`] gives them, and records.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    /// `pin:<number>` and source keys.
    pub keys: BTreeSet<String>,
    /// Record keys.
    pub records: BTreeSet<String>,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The records with where each belongs. Complete for whoever the seeds name; of others only what tells of them.
    pub known: Known,
    /// When the version that stands of each record was received.
    pub received: BTreeMap<RecordKey, DateTime<Utc>>,
}

/// Reads what had been received by a moment (all, without one) around the seeds; at most `limit` records.
pub async fn known_around(
    connection: &mut PgConnection,
    seeds: &Seeds,
    until: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Found, StoreError> {
    let mut search = Search {
        connection,
        until,
        limit,
        records: BTreeMap::new(),
        asked: BTreeSet::new(),
        ruled: BTreeSet::new(),
        scored: BTreeMap::new(),
        weighed: BTreeSet::new(),
        resembling: Vec::new(),
    };
    let mut keys = seeds.keys.clone();
    keys.extend(search.read(&seeds.records).await?);
    search.close(keys).await?;
    let keys = search.read_resembling().await?;
    search.close(keys).await?;
    let groups = search.groups();
    let members = search.having(&groups).await?;
    let keys = search.read(&members).await?;
    search.close(keys).await?;
    search.read_decisions().await?;
    let (mut received, mut records) = (BTreeMap::new(), Vec::new());
    for (record, at) in search.records.into_values().flatten() {
        received.insert(record.record_key.clone(), at);
        records.push(record);
    }
    Ok(Found { known: Known::linked(records, search.scored).asking(search.resembling), received })
}

/// What a decision about persons names; its own record first.
#[derive(sqlx::FromRow)]
struct NamedByRuling {
    record_key: String,
    subject: Option<String>,
    subject_anchor: Option<String>,
    other: Option<String>,
    other_anchor: Option<String>,
}

struct Search<'c> {
    connection: &'c mut PgConnection,
    until: Option<DateTime<Utc>>,
    limit: usize,
    /// By key; none: nothing of it had been received.
    records: BTreeMap<String, Option<(SourceRecord, DateTime<Utc>)>>,
    asked: BTreeSet<String>,
    /// Records and anchors whose decisions about persons were read.
    ruled: BTreeSet<String>,
    /// Links by score of that moment, by source key.
    scored: BTreeMap<String, String>,
    /// Source keys and anchors whose links by score were read.
    weighed: BTreeSet<String>,
    resembling: Vec<Resemblance>,
}

impl Search<'_> {
    /// Reads all records of the keys, and of the keys that these offer or that decisions name with them, until no new key
    /// comes up.
    async fn close(&mut self, keys: BTreeSet<String>) -> Result<(), StoreError> {
        let mut open: BTreeSet<String> = keys;
        loop {
            open.retain(|key| !key.starts_with("group:") && !self.asked.contains(key));
            if open.is_empty() {
                let ruled = self.read_rulings().await?;
                let scored = self.read_scored().await?;
                if ruled.is_none() && scored.is_none() {
                    return Ok(());
                }
                open = ruled.into_iter().chain(scored).flatten().collect();
                continue;
            }
            self.asked.extend(open.iter().cloned());
            let having = self.having(&open).await?;
            open = self.read(&having).await?;
        }
    }

    /// Reads the decisions about persons that name what was read, and the records that they name; answers with the keys
    /// that these offer, and the anchors named; none if nothing was read since it was last asked.
    async fn read_rulings(&mut self) -> Result<Option<BTreeSet<String>>, StoreError> {
        let new: Vec<String> = self
            .records
            .keys()
            .chain(&self.asked)
            .filter(|key| !self.ruled.contains(*key))
            .cloned()
            .collect();
        if new.is_empty() {
            return Ok(None);
        }
        let rows: Vec<NamedByRuling> = sqlx::query_as(
            "with recursive wanted (decision_id) as (
               select k.decision_id from unnest($1::text[]) as t (wanted) cross join lateral (
                 select decision_id from identity_decision_key where key = wanted offset 0) k
               union
               select d.decision_id from wanted w cross join lateral (
                 select decision_id from identity_decision d where d.reverses = w.decision_id offset 0) d)
             select d.record_key, d.subject, d.subject_anchor, d.other, d.other_anchor from wanted w cross join lateral (
               select * from identity_decision d where d.decision_id = w.decision_id offset 0) d limit $2",
        )
        .bind(&new)
        .bind(i64::try_from(self.limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.connection)
        .await?;
        self.ruled.extend(new);
        let (mut records, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for row in rows {
            records.extend([Some(row.record_key), row.subject, row.other].into_iter().flatten());
            for anchor in [row.subject_anchor, row.other_anchor].into_iter().flatten() {
                let alone = anchor.strip_prefix("record:").or_else(|| anchor.strip_prefix("apart:"));
                records.extend(alone.map(ToOwned::to_owned));
                keys.insert(anchor);
            }
        }
        keys.extend(self.read(&records).await?);
        Ok(Some(keys))
    }

    /// Reads the links by score of the source keys that were read, and those that lead to them; answers with the keys at their
    /// ends; none if nothing was read since it was last asked.
    async fn read_scored(&mut self) -> Result<Option<BTreeSet<String>>, StoreError> {
        let records = self.records.values().flatten();
        let offered = records.filter_map(|(record, _)| offer(record)).map(|offer| offer.source_key);
        let new: BTreeSet<String> =
            offered.chain(self.asked.iter().cloned()).filter(|key| !self.weighed.contains(key)).collect();
        if new.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = new.iter().map(String::as_str).collect();
        let (mut records, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (source_key, anchor) in scored_links_at(self.connection, &names, self.until).await? {
            for end in [&source_key, &anchor] {
                records.extend(end.strip_prefix("record:").map(ToOwned::to_owned));
                keys.insert(end.clone());
            }
            self.scored.insert(source_key, anchor);
        }
        self.weighed.extend(new);
        keys.extend(self.read(&records).await?);
        Ok(Some(keys))
    }

    /// Reads the pairs that a human must look at of the records that were read, with the other record of each, once: whom
    /// those resemble is not asked. Answers with the keys that they offer.
    async fn read_resembling(&mut self) -> Result<BTreeSet<String>, StoreError> {
        let names: Vec<&str> = self.records.keys().map(String::as_str).collect();
        let pairs = resembling_at(self.connection, &names, self.until).await?;
        let others = pairs.iter().flat_map(|pair| [&pair.record, &pair.other]);
        let others = others.map(|key| key.as_str().to_owned()).collect();
        self.resembling = pairs;
        self.read(&others).await
    }

    fn groups(&self) -> BTreeSet<String> {
        let records = self.records.values().flatten();
        records.flat_map(|(record, _)| offered_keys(record)).filter(|key| key.starts_with("group:")).collect()
    }

    /// The records that offer a key, or did.
    async fn having(&mut self, keys: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        let of = |kind: &str| {
            keys.iter().filter_map(|key| key.strip_prefix(kind)).map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let all: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found: Vec<String> = sqlx::query_scalar(
            "select r.record_key from unnest($1::text[]) as t (wanted)
               cross join lateral (select record_key from record_latest where pin = wanted offset 0) r
             union select r.record_key from unnest($2::text[]) as t (wanted)
               cross join lateral (select record_key from record_latest where relation_group = wanted offset 0) r
             union select r.record_key from unnest($3::text[]) as t (wanted)
               cross join lateral (select record_key from record_latest where source_key = wanted offset 0) r
             union select r.record_key from unnest($3::text[]) as t (wanted)
               cross join lateral (select record_key from record_former where key = wanted offset 0) r
             limit $4",
        )
        .bind(of("pin:"))
        .bind(of("group:"))
        .bind(all)
        .bind(i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(&mut *self.connection)
        .await?;
        if found.len() > self.limit {
            return Err(StoreError::TooMany { what: "records", limit: self.limit });
        }
        Ok(found.into_iter().collect())
    }

    /// Reads records not yet read, as they stood; answers with the keys that they offered.
    async fn read(&mut self, record_keys: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        let new: Vec<&str> =
            record_keys.iter().filter(|key| !self.records.contains_key(*key)).map(String::as_str).collect();
        if self.records.len() + new.len() > self.limit {
            return Err(StoreError::TooMany { what: "records", limit: self.limit });
        }
        let rows: Vec<(Vec<u8>, DateTime<Utc>)> = sqlx::query_as(
            // A decision is reversed, never withdrawn: what the console once recorded stays.
            "select v.payload, v.received_at from unnest($1::text[]) as t (wanted) cross join lateral (
               select payload, received_at from record_version
               where record_key = wanted and ($2::timestamptz is null or received_at <= $2)
                 and (standing <> 4 or wanted not like 'steward/%')
               order by epoch desc, position desc, ordinal desc limit 1) v",
        )
        .bind(&new)
        .bind(self.until)
        .fetch_all(&mut *self.connection)
        .await?;
        let mut keys = BTreeSet::new();
        for key in new {
            self.records.insert(key.to_owned(), None);
        }
        for (payload, received_at) in rows {
            let record = show::record(&payload)?;
            keys.extend(offered_keys(&record));
            self.records.insert(record.record_key.as_str().to_owned(), Some((record, received_at)));
        }
        Ok(keys)
    }

    /// Reads the decisions that name any of the records, and those that take these back.
    async fn read_decisions(&mut self) -> Result<(), StoreError> {
        let named: Vec<&str> = self.records.keys().map(String::as_str).collect();
        let decisions: Vec<String> = sqlx::query_scalar(
            "with recursive wanted (decision_id) as (
               select d.decision_id from unnest($1::text[]) as t (wanted) cross join lateral (
                 select decision_id from decision_record where record_key = wanted offset 0) d
               union
               select d.decision_id from wanted w join decision d on d.reverses = w.decision_id)
             select d.record_key from wanted w join decision d on d.decision_id = w.decision_id",
        )
        .bind(named)
        .fetch_all(&mut *self.connection)
        .await?;
        self.read(&decisions.into_iter().collect()).await?;
        Ok(())
    }
}
