//! The keys and records in question, and what is recorded about them: closed, so that each record placed is placed as it
//! would be among all.

use crate::attaching::{pin_of, shared};
use crate::gather::record_of;
use crate::keep::Kept;
use crate::links::Links;
use crate::membership::Membership;
use registry_rules::{Offer, Pin, RecordKey, offer, register_entry};
use registry_store::{
    JudgedAnew, RulingChange, Sibling, StoreError, anchor_of_key, key_of_anchor, lock_keys, offering,
    recorded_links, scored_around,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which links may bring further keys into question: links to links to links are no steward's work.
const LINK_ROUNDS: usize = 16;
/// Begins the source key of a record that shares it with no other.
const ALONE: &str = "record:";

/// The keys and records in question.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) source_keys: BTreeSet<String>,
    pub(crate) pins: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    /// Records to be read by their own key: changed ones with a past, and those that links or numbers lead to.
    pub(crate) records: BTreeSet<String>,
}

impl Named {
    /// What changed records name, before and after, and what decisions about persons do.
    pub(crate) fn of(kept: &Kept<'_>, offers: &BTreeMap<&str, Offer>, ruled: &RulingChange) -> Self {
        let mut keys = Self { records: ruled.records.clone(), ..Self::default() };
        for anchor in &ruled.anchors {
            keys.anchor(anchor);
        }
        for (key, change) in &kept.changes {
            if let Some(old) = &change.old {
                keys.source_keys.extend(old.source_key.clone());
                keys.pins.extend(old.pin.clone());
                keys.records.insert((*key).to_owned());
            }
            if let Some(offer) = offers.get(key) {
                keys.source_keys.extend(shared(&offer.source_key).map(ToOwned::to_owned));
                keys.pins.extend(offer.pin.as_ref().map(|pin| pin.as_str().to_owned()));
            }
            keys.groups.extend(Membership::before(change).moved(&Membership::after(&change.new.record)));
            if let Some(entry) = register_entry(&change.new.record) {
                keys.pins.extend(entry.replaces.map(|pin| pin.as_str().to_owned()));
            }
        }
        keys
    }

    /// The records that some of the source keys are the last resort of.
    pub(crate) fn records_of_keys(&self) -> impl Iterator<Item = &str> {
        self.source_keys.iter().filter_map(|key| key.strip_prefix(ALONE))
    }

    /// Puts an anchor's key in question.
    pub(crate) fn anchor(&mut self, anchor: &str) {
        self.records.extend(anchor.strip_prefix(ALONE).map(ToOwned::to_owned));
        match pin_of(anchor) {
            Some(pin) => self.pins.insert(pin.as_str().to_owned()),
            None => self.source_keys.insert(anchor.to_owned()),
        };
    }

    /// Locks all keys.
    pub(crate) async fn lock(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let all = [&self.source_keys, &self.pins, &self.groups];
        lock_keys(connection, all.into_iter().flatten().map(String::as_str)).await
    }

    /// Takes in what is not in question yet, and locks it. `false`: nothing is new.
    async fn extend(&mut self, connection: &mut PgConnection, more: Self) -> Result<bool, StoreError> {
        let new = |all: &BTreeSet<String>, more: BTreeSet<String>| -> BTreeSet<String> {
            more.into_iter().filter(|key| !all.contains(key)).collect()
        };
        let more = Self {
            source_keys: new(&self.source_keys, more.source_keys),
            pins: new(&self.pins, more.pins),
            groups: BTreeSet::new(),
            records: new(&self.records, more.records),
        };
        more.lock(connection).await?;
        let is_new = !(more.source_keys.is_empty() && more.pins.is_empty() && more.records.is_empty());
        self.source_keys.extend(more.source_keys);
        self.pins.extend(more.pins);
        self.records.extend(more.records);
        Ok(is_new)
    }
}

/// The records that offer the keys or are linked to them, each with what it offers, and all that is recorded about them
/// and about the changed records. `judged_anew`: numbers whose register entries changed.
pub(crate) async fn load_siblings(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
    keys: &mut Named,
    judged_anew: &BTreeSet<Pin>,
) -> Result<(Vec<(Sibling, Offer)>, Links), StoreError> {
    let numbers: Vec<&str> = judged_anew.iter().map(Pin::as_str).collect();
    let changed: BTreeSet<&str> = kept.changes.keys().copied().collect();
    for _ in 0..LINK_ROUNDS {
        let siblings = read(connection, keys, JudgedAnew::With(&numbers)).await?;
        let mut records = changed.clone();
        records.extend(siblings.iter().map(|(sibling, _)| sibling.record_key.as_str()));
        let (links, mut more) = read_links(connection, &records, &keys.source_keys).await?;
        for (sibling, offer) in &siblings {
            more.source_keys.extend(sibling.source_key.clone());
            let alone = offer.pin.as_ref().filter(|_| keys.records.contains(&sibling.record_key));
            more.pins.extend(alone.map(|pin| pin.as_str().to_owned()));
            let apart = sibling.attached.anchor.as_deref().filter(|anchor| anchor.starts_with("apart:"));
            more.source_keys.extend(apart.map(ToOwned::to_owned));
        }
        more.records.retain(|record| !records.contains(record.as_str()));
        if !keys.extend(connection, more).await? {
            return Ok((siblings, links));
        }
    }
    Err(StoreError::Overtaken("a chain of links"))
}

/// What is recorded about records and keys, and what else that puts in question.
pub(crate) async fn read_links(
    connection: &mut PgConnection,
    records: &BTreeSet<&str>,
    source_keys: &BTreeSet<String>,
) -> Result<(Links, Named), StoreError> {
    let own: Vec<String> = records.iter().map(|record| format!("{ALONE}{record}")).collect();
    let asked: Vec<&str> = source_keys.iter().chain(&own).map(String::as_str).collect();
    let found = recorded_links(connection, &records.iter().copied().collect::<Vec<_>>(), &asked).await?;
    let (mut links, mut more) = (Links::default(), Named::default());
    for (key, other) in found.joined {
        more.anchor(&anchor_of_key(&other));
        links.joined.insert(key);
    }
    more.records.extend(found.linked);
    for (record, on) in found.records {
        if let Some(anchor) = &on.steward {
            more.anchor(anchor);
            links.joined.insert(key_of_anchor(anchor).to_owned());
        }
        if !on.separated.is_empty() {
            more.source_keys.insert(format!("apart:{record}"));
            links.joined.extend(on.separated.iter().map(|anchor| key_of_anchor(anchor).to_owned()));
        }
        links.records.insert(record, on);
    }
    let (scored, linked) = scored_around(connection, &asked).await?;
    for source_key in linked {
        more.anchor(&source_key);
    }
    for (source_key, anchor) in scored {
        more.anchor(&anchor);
        links.joined.insert(key_of_anchor(&anchor).to_owned());
        links.scored.insert(source_key, anchor);
    }
    Ok((links, more))
}

async fn read(
    connection: &mut PgConnection,
    keys: &Named,
    judged_anew: JudgedAnew<'_>,
) -> Result<Vec<(Sibling, Offer)>, StoreError> {
    let source_keys: Vec<&str> = keys.source_keys.iter().map(String::as_str).collect();
    let records: Vec<&str> = keys.records.iter().map(String::as_str).collect();
    if source_keys.is_empty() && records.is_empty() {
        return Ok(Vec::new());
    }
    with_offers(offering(connection, &source_keys, &records, judged_anew).await?)
}

/// Each record with what it offers.
pub(crate) fn with_offers(siblings: Vec<Sibling>) -> Result<Vec<(Sibling, Offer)>, StoreError> {
    siblings
        .into_iter()
        .map(|sibling| {
            let offer = offer_of(&sibling)?;
            Ok((sibling, offer))
        })
        .collect()
}

/// Without a number, name and date of birth say nothing here; nor do they where the register is known to have nothing against the
/// number: an offer that says neither is not contradicted.
fn offer_of(sibling: &Sibling) -> Result<Offer, StoreError> {
    if let Some(payload) = &sibling.payload {
        return offer(&record_of(payload)?).ok_or(StoreError::Unreadable("record"));
    }
    let record_key =
        RecordKey::try_from(sibling.record_key.clone()).map_err(|_| StoreError::Unreadable("record key"))?;
    let source_key = sibling.source_key.clone().unwrap_or_else(|| format!("{ALONE}{record_key}"));
    let pin = sibling.pin.as_ref().and_then(|pin| pin.parse().ok());
    Ok(Offer { record_key, pin, name: None, birth: None, source_key })
}
