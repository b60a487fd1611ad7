//! Records to anchors: the changed ones, and all others whose keys mean something else now (design §3).
//!
//! Every key that is read here is locked before: a transaction that changes what a key means waits for those that rely
//! on it, and then sees their records.

use crate::attaching::{Attaching, Relocated, attached, pin_of, shared};
use crate::gather::record_of;
use crate::keep::{Change, Kept};
use registry_rules::{
    Offer, Pin, PinRegister, RecordKey, RecordedLinks, STEWARD, SourceRecord, Standing, accepted_anchor,
    attach, offer, register_entry, relation_group,
};
use registry_store::{
    Attached, LatestRow, Sibling, StoreError, close_register, lock_keys, offering, replace_entries,
    source_keys_of_pins,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which the classes of changed register entries may grow under other transactions' hands.
const CLASS_ROUNDS: usize = 8;

/// The keys that a batch names.
#[derive(Debug, Default)]
struct Named {
    source_keys: BTreeSet<String>,
    pins: BTreeSet<String>,
    groups: BTreeSet<String>,
    /// Records to be read by their own key: changed ones with a past, and those nobody shares a source key with.
    records: BTreeSet<String>,
}

/// Attaches what a batch changes. Leaves the register's entries as the batch wants them.
pub(crate) async fn attach_changes(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
) -> Result<Attaching, StoreError> {
    let mut found = Attaching::default();
    if kept.changes.is_empty() {
        return Ok(found);
    }
    let offers: BTreeMap<&str, Offer> = kept
        .changes
        .iter()
        .filter(|(_, change)| change.new.record.record_key.source() != STEWARD)
        .filter_map(|(key, change)| Some((*key, offer(&change.new.record)?)))
        .collect();
    let mut keys = named(kept, &offers);
    let all = [&keys.source_keys, &keys.pins, &keys.groups];
    lock_keys(connection, all.into_iter().flatten().map(String::as_str)).await?;
    found.pins = change_register(connection, kept).await?;
    if !found.pins.is_empty() {
        follow_pins(connection, &found.pins, &mut keys).await?;
    }
    let siblings = load_siblings(connection, &keys).await?;
    let mut all: BTreeMap<&str, Offer> = siblings
        .iter()
        .filter(|(sibling, _)| !kept.changes.contains_key(sibling.record_key.as_str()))
        .map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone()))
        .collect();
    all.extend(offers);
    let mut named = std::mem::take(&mut keys.source_keys);
    named.extend(kept.changes.keys().map(|key| format!("record:{key}")));
    // Whoever leaves a class must not find it in pieces: its numbers stand together whether they are offered here or not.
    let left =
        siblings.iter().filter_map(|(sibling, _)| pin_of(sibling.attached.anchor.as_deref()?)).collect();
    found.settle(connection, &all, named, left).await?;
    place(&mut found, kept, &siblings, &all);
    // Groups that a record turned out to come to or leave only now that it is placed.
    lock_keys(connection, found.groups.difference(&keys.groups).map(String::as_str)).await?;
    Ok(found)
}

/// Attaches anew what offers these source keys, and these records, though none of them changed: a link of theirs did.
pub(crate) async fn attach_again(
    connection: &mut PgConnection,
    source_keys: BTreeSet<String>,
    records: BTreeSet<String>,
) -> Result<Attaching, StoreError> {
    let mut found = Attaching::default();
    lock_keys(connection, source_keys.iter().map(String::as_str)).await?;
    let keys = Named { source_keys, records, ..Named::default() };
    let siblings = load_siblings(connection, &keys).await?;
    let offers: BTreeMap<&str, Offer> =
        siblings.iter().map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone())).collect();
    let left =
        siblings.iter().filter_map(|(sibling, _)| pin_of(sibling.attached.anchor.as_deref()?)).collect();
    found.settle(connection, &offers, keys.source_keys, left).await?;
    place(&mut found, &Kept::default(), &siblings, &offers);
    lock_keys(connection, found.groups.iter().map(String::as_str)).await?;
    Ok(found)
}

/// The rows of the first load's records, each attached to what it names itself: its number, else its source key.
pub(crate) fn unattached(kept: &Kept<'_>) -> Vec<LatestRow> {
    let (register, alone) = (PinRegister::default(), BTreeSet::new());
    let row = |change: &Change<'_>| {
        let is_decision = change.new.record.record_key.source() == STEWARD;
        let offer = if is_decision { None } else { offer(&change.new.record) };
        let attachment = offer.as_ref().map(|o| attach(o, RecordedLinks::default(), &register, &alone));
        latest_row(change, offer.as_ref(), attachment.map(attached).unwrap_or_default())
    };
    kept.changes.values().map(row).collect()
}

/// The first load's part of the PIN register. Each entry has one writer, as its record has; nobody reads it yet.
pub(crate) async fn keep_register(connection: &mut PgConnection, kept: &Kept<'_>) -> Result<(), StoreError> {
    let changes: Vec<_> = kept.changes.iter().filter(|(_, change)| is_register(change)).collect();
    let entries: Vec<_> =
        changes.iter().filter_map(|(_, change)| register_entry(&change.new.record)).collect();
    replace_entries(connection, &former_pins(&changes), &entries).await
}

/// Records of a slice of the first load that go elsewhere than where they put themselves, now that everything is there.
pub(crate) async fn attach_slice(
    connection: &mut PgConnection,
    siblings: Vec<Sibling>,
) -> Result<Vec<(String, Attached)>, StoreError> {
    let siblings = with_offers(siblings)?;
    let all: BTreeMap<&str, Offer> =
        siblings.iter().map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone())).collect();
    let mut found = Attaching::default();
    found.settle(connection, &all, BTreeSet::new(), BTreeSet::new()).await?;
    place(&mut found, &Kept::default(), &siblings, &all);
    Ok(found.others.into_iter().map(|one| (one.record_key, one.new)).collect())
}

/// What stands for the source keys of records that are attached already, among all that offer them.
pub(crate) async fn settled(
    connection: &mut PgConnection,
    siblings: &[Sibling],
) -> Result<Attaching, StoreError> {
    let source_keys: BTreeSet<&str> = siblings.iter().filter_map(|s| s.source_key.as_deref()).collect();
    let alone = siblings.iter().filter(|s| s.source_key.is_none()).map(|s| s.record_key.as_str());
    let alone: Vec<&str> = alone.collect();
    let all = offering(connection, &source_keys.into_iter().collect::<Vec<_>>(), &alone).await?;
    let all = with_offers(all)?;
    let offers = all.iter().map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone())).collect();
    let left = siblings.iter().filter_map(|s| pin_of(s.attached.anchor.as_deref()?)).collect();
    let mut found = Attaching::default();
    found.settle(connection, &offers, BTreeSet::new(), left).await?;
    Ok(found)
}

/// The keys of changed records, before and after.
fn named(kept: &Kept<'_>, offers: &BTreeMap<&str, Offer>) -> Named {
    let mut keys = Named::default();
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

/// What the others of a group see of a record: whoever is in it need not be told, or locked, while this stays.
#[derive(Debug, Default, PartialEq, Eq)]
struct Membership {
    group: Option<String>,
    relation_to_head: Option<String>,
}

impl Membership {
    fn before(change: &Change<'_>) -> Self {
        change.old.as_ref().map_or_else(Self::default, |old| Self {
            group: old.relation_group.clone(),
            relation_to_head: old.relation_to_head.clone(),
        })
    }

    fn after(record: &SourceRecord) -> Self {
        let group = relation_group(record);
        let relation = record.fields.iter().find(|(name, _)| name.as_str() == "npd.relation_to_head");
        let relation_to_head = relation
            .filter(|_| group.is_some() && record.standing != Standing::Withdrawn)
            .and_then(|(_, value)| value.text())
            .map(ToOwned::to_owned);
        Self { group, relation_to_head }
    }

    /// The groups that see something else now.
    fn moved(self, after: &Self) -> impl Iterator<Item = String> + use<> {
        let both = if self == *after { [None, None] } else { [self.group, after.group.clone()] };
        both.into_iter().flatten()
    }
}

fn is_register(change: &Change<'_>) -> bool {
    let key = &change.new.record.record_key;
    (key.source(), key.entity()) == registry_rules::PIN_REGISTER
}

/// The numbers under which records stood in the register.
fn former_pins<'a>(changes: &[(&&'a str, &'a Change<'_>)]) -> Vec<(&'a str, &'a str)> {
    changes.iter().filter_map(|(key, change)| Some((change.old.as_ref()?.pin.as_deref()?, **key))).collect()
}

/// Brings the register's entries up to date; gives the numbers of all classes that this changes, before and after, all of
/// them locked.
async fn change_register(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
) -> Result<BTreeSet<Pin>, StoreError> {
    let changes: Vec<_> = kept.changes.iter().filter(|(_, change)| is_register(change)).collect();
    if changes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let entries: Vec<_> =
        changes.iter().filter_map(|(_, change)| register_entry(&change.new.record)).collect();
    let old = former_pins(&changes);
    let mut pins: BTreeSet<String> = old.iter().map(|(pin, _)| (*pin).to_owned()).collect();
    for entry in &entries {
        pins.insert(entry.pin.as_str().to_owned());
        pins.extend(entry.replaces.as_ref().map(|pin| pin.as_str().to_owned()));
    }
    for _ in 0..CLASS_ROUNDS {
        lock_keys(connection, pins.iter().map(String::as_str)).await?;
        let known = close_register(connection, &pins.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let before = pins.len();
        for entry in known {
            pins.insert(entry.pin.as_str().to_owned());
            pins.extend(entry.replaces.map(|pin| pin.as_str().to_owned()));
        }
        if pins.len() == before {
            replace_entries(connection, &old, &entries).await?;
            return Ok(pins.iter().filter_map(|pin| pin.parse().ok()).collect());
        }
    }
    Err(StoreError::Overtaken("a class of numbers"))
}

/// All records that carry one of the numbers are to be attached anew, with those that share their source keys.
async fn follow_pins(
    connection: &mut PgConnection,
    pins: &BTreeSet<Pin>,
    keys: &mut Named,
) -> Result<(), StoreError> {
    let numbers: Vec<&str> = pins.iter().map(Pin::as_str).collect();
    let mut further = BTreeSet::new();
    for (record_key, source_key) in source_keys_of_pins(connection, &numbers).await? {
        match source_key {
            Some(source_key) => further.insert(source_key),
            None => keys.records.insert(record_key),
        };
    }
    lock_keys(connection, further.difference(&keys.source_keys).map(String::as_str)).await?;
    keys.source_keys.extend(further);
    Ok(())
}

/// The records offering the keys, as they stand, each with what it offers.
async fn load_siblings(
    connection: &mut PgConnection,
    keys: &Named,
) -> Result<Vec<(Sibling, Offer)>, StoreError> {
    let source_keys: Vec<&str> = keys.source_keys.iter().map(String::as_str).collect();
    let records: Vec<&str> = keys.records.iter().map(String::as_str).collect();
    if source_keys.is_empty() && records.is_empty() {
        return Ok(Vec::new());
    }
    with_offers(offering(connection, &source_keys, &records).await?)
}

fn with_offers(siblings: Vec<Sibling>) -> Result<Vec<(Sibling, Offer)>, StoreError> {
    siblings
        .into_iter()
        .map(|sibling| {
            let offer = offer_of(&sibling)?;
            Ok((sibling, offer))
        })
        .collect()
}

/// Without a number, name and date of birth say nothing here.
fn offer_of(sibling: &Sibling) -> Result<Offer, StoreError> {
    if let Some(payload) = &sibling.payload {
        return offer(&record_of(payload)?).ok_or(StoreError::Unreadable("record"));
    }
    let record_key =
        RecordKey::try_from(sibling.record_key.clone()).map_err(|_| StoreError::Unreadable("record key"))?;
    let source_key = sibling.source_key.clone().unwrap_or_else(|| format!("record:{record_key}"));
    Ok(Offer { record_key, pin: None, name: None, birth: None, source_key })
}

impl Attaching {
    /// Reads the register as far as it matters to the offers and to numbers that records stood with, and settles which
    /// classes stand for the source keys.
    async fn settle(
        &mut self,
        connection: &mut PgConnection,
        offers: &BTreeMap<&str, Offer>,
        source_keys: BTreeSet<String>,
        left: BTreeSet<Pin>,
    ) -> Result<(), StoreError> {
        let keys: Vec<&str> = offers.values().map(|o| o.source_key.as_str()).collect();
        self.scored = registry_store::scored_anchors(connection, &keys).await?;
        let scored: Vec<Pin> = self.scored.values().filter_map(|anchor| pin_of(anchor)).collect();
        let pins = offers.values().filter_map(|o| o.pin.as_ref()).chain(&self.pins).chain(&left).chain(&scored);
        let pins: BTreeSet<&str> = pins.map(Pin::as_str).collect();
        let entries = close_register(connection, &pins.into_iter().collect::<Vec<_>>()).await?;
        self.register = PinRegister::new(entries);
        self.stands_for = source_keys.into_iter().map(|key| (key, BTreeSet::new())).collect();
        for offer in offers.values() {
            let classes = self.stands_for.entry(offer.source_key.clone()).or_default();
            classes.extend(accepted_anchor(offer, &self.register));
        }
        Ok(())
    }
}

/// Places every record in question.
fn place(
    found: &mut Attaching,
    kept: &Kept<'_>,
    siblings: &[(Sibling, Offer)],
    offers: &BTreeMap<&str, Offer>,
) {
    let none = BTreeSet::new();
    let go = |offer: &Offer, found: &Attaching| {
        let classes = found.stands_for.get(&offer.source_key).unwrap_or(&none);
        let scored = found.scored.get(&offer.source_key).map(String::as_str);
        attached(attach(offer, RecordedLinks { scored, ..RecordedLinks::default() }, &found.register, classes))
    };
    let mut stood: BTreeMap<&str, &Attached> = BTreeMap::new();
    for (sibling, offer) in siblings {
        let key = sibling.record_key.as_str();
        stood.insert(key, &sibling.attached);
        if kept.changes.contains_key(key) {
            continue;
        }
        let new = go(offer, found);
        let moves = new != sibling.attached;
        if moves {
            found.groups.extend(sibling.relation_group.clone());
        }
        // What speaks against its number says something else now: it stays where it is, and the question changes.
        let asks_anew = new.contradicted && offer.pin.as_ref().is_some_and(|pin| found.pins.contains(pin));
        if moves || asks_anew {
            found.others.push(Relocated {
                record_key: sibling.record_key.clone(),
                old: sibling.attached.clone(),
                new,
            });
        }
    }
    for (key, change) in &kept.changes {
        let new = offers.get(key).map(|offer| go(offer, found)).unwrap_or_default();
        let old = stood.get(key).map(|a| (*a).clone()).unwrap_or_default();
        let (before, after) = (Membership::before(change), Membership::after(&change.new.record));
        let row = latest_row(change, offers.get(key), new.clone());
        if old.anchor == new.anchor {
            found.groups.extend(before.moved(&after));
        } else {
            found.groups.extend([before.group, after.group].into_iter().flatten());
        }
        found.rows.push(row);
        found.changed.push(Relocated { record_key: (*key).to_owned(), old, new });
    }
}

fn latest_row(change: &Change<'_>, offer: Option<&Offer>, attached: Attached) -> LatestRow {
    let record = &change.new.record;
    let Membership { group, relation_to_head } = Membership::after(record);
    LatestRow {
        record_key: record.record_key.as_str().into(),
        version: record.version,
        standing: record.standing,
        content_hash: change.new.content_hash,
        pin: offer.and_then(|o| o.pin.as_ref()).map(|pin| pin.as_str().to_owned()),
        source_key: offer.and_then(|o| shared(&o.source_key)).map(ToOwned::to_owned),
        relation_to_head,
        relation_group: group,
        attached,
    }
}
