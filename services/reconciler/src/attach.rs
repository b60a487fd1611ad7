//! Records to anchors: the changed ones, and all others whose keys mean something else now (design §3).
//!
//! Every key that is read here is locked before: a transaction that changes what a key means waits for those that rely
//! on it, and then sees their records.

use crate::attaching::{Attaching, Relocated, attached, pin_of, shared};
use crate::keep::{Change, Kept};
use crate::links::Links;
use crate::membership::Membership;
use crate::named::{Named, load_siblings, read_links, with_offers};
use crate::register::change_register;
use registry_rules::{Offer, Pin, PinRegister, RecordedLinks, STEWARD, StandsFor, apart, attach, offer};
use registry_store::{
    Attached, JudgedAnew, LatestRow, RulingChange, Sibling, StoreError, close_register, lock_keys, offering,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Attaches what a batch changes, and what decisions about persons put in question. Leaves the register's entries as the
/// batch wants them.
pub(crate) async fn attach_changes(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
    ruled: &RulingChange,
) -> Result<Attaching, StoreError> {
    let mut found = Attaching::default();
    if kept.changes.is_empty() && ruled.records.is_empty() {
        return Ok(found);
    }
    let offers: BTreeMap<&str, Offer> = kept
        .changes
        .iter()
        .filter(|(_, change)| change.new.record.record_key.source() != STEWARD)
        .filter_map(|(key, change)| Some((*key, offer(&change.new.record)?)))
        .collect();
    let mut keys = Named::of(kept, &offers, ruled);
    keys.lock(connection).await?;
    found.pins = change_register(connection, kept, ruled, &mut keys).await?;
    let (siblings, links) = load_siblings(connection, kept, &mut keys, &found.pins).await?;
    found.links = links;
    let mut all: BTreeMap<&str, Offer> = siblings
        .iter()
        .filter(|(sibling, _)| !kept.changes.contains_key(sibling.record_key.as_str()))
        .map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone()))
        .collect();
    all.extend(offers);
    let mut named = std::mem::take(&mut keys.source_keys);
    named.extend(kept.changes.keys().map(|key| format!("record:{key}")));
    found.keys = named.into_iter().map(|key| (key, BTreeSet::new())).collect();
    // Whoever leaves a class must not find it in pieces: its numbers stand together whether they are offered here or not.
    let left =
        siblings.iter().filter_map(|(sibling, _)| pin_of(sibling.attached.anchor.as_deref()?)).collect();
    let stands_for = found.settle(connection, &all, left).await?;
    place(&mut found, kept, &siblings, (&all, &stands_for));
    // Groups that a record turned out to come to or leave only now that it is placed.
    lock_keys(connection, found.groups.difference(&keys.groups).map(String::as_str)).await?;
    Ok(found)
}

/// Attaches anew what offers these source keys, and these records, though none of them changed: a link of theirs did.
pub(crate) async fn attach_again(
    connection: &mut PgConnection,
    anchors: BTreeSet<String>,
    records: BTreeSet<String>,
) -> Result<Attaching, StoreError> {
    attach_changes(connection, &Kept::default(), &RulingChange { records, anchors }).await
}

/// The rows of the first load's records, each attached to what it names itself: its number, else its source key.
pub(crate) fn unattached(kept: &Kept<'_>) -> Vec<LatestRow> {
    let (register, alone) = (PinRegister::default(), StandsFor::default());
    let row = |change: &Change<'_>| {
        let is_decision = change.new.record.record_key.source() == STEWARD;
        let offer = if is_decision { None } else { offer(&change.new.record) };
        let attachment = offer.as_ref().map(|o| attach(o, RecordedLinks::default(), &register, &alone));
        latest_row(change, offer.as_ref(), attachment.map(attached).unwrap_or_default())
    };
    kept.changes.values().map(row).collect()
}

/// Records of a slice of the first load that go elsewhere than where they put themselves, now that everything is there.
pub(crate) async fn attach_slice(
    connection: &mut PgConnection,
    siblings: Vec<Sibling>,
) -> Result<Vec<(String, Attached)>, StoreError> {
    let siblings = with_offers(siblings)?;
    let mut found = Attaching::default();
    let (beyond, links) = read_beyond(connection, &siblings).await?;
    found.links = links;
    let all = siblings.iter().chain(&beyond);
    let all: BTreeMap<&str, Offer> = all.map(|(s, offer)| (s.record_key.as_str(), offer.clone())).collect();
    let stands_for = found.settle(connection, &all, BTreeSet::new()).await?;
    place(&mut found, &Kept::default(), &siblings, (&all, &stands_for));
    Ok(found.others.into_iter().map(|one| (one.record_key, one.new)).collect())
}

/// What merges join to a slice's keys, and where its records are linked to, lies outside it.
async fn read_beyond(
    connection: &mut PgConnection,
    siblings: &[(Sibling, Offer)],
) -> Result<(Vec<(Sibling, Offer)>, Links), StoreError> {
    let mut keys: BTreeSet<String> = siblings.iter().filter_map(|(s, _)| s.source_key.clone()).collect();
    let mut beyond: Vec<(Sibling, Offer)> = Vec::new();
    loop {
        let all = siblings.iter().chain(&beyond).map(|(sibling, _)| sibling.record_key.as_str()).collect();
        let (links, more) = read_links(connection, &all, &keys).await?;
        let records: Vec<&str> = more.records_of_keys().filter(|record| !all.contains(record)).collect();
        let new: BTreeSet<String> = more.source_keys.difference(&keys).cloned().collect();
        if new.is_empty() {
            return Ok((beyond, links));
        }
        let named: Vec<&str> = new.iter().map(String::as_str).collect();
        let found = with_offers(offering(connection, &named, &records, JudgedAnew::All).await?)?;
        keys.extend(new);
        let found = found.into_iter().filter(|(sibling, _)| !all.contains(sibling.record_key.as_str()));
        let found: Vec<_> = found.collect();
        beyond.extend(found);
    }
}

/// Where the records on each source key go that records attached already offer, among all that offer it.
pub(crate) async fn settled(
    connection: &mut PgConnection,
    siblings: &[Sibling],
) -> Result<Attaching, StoreError> {
    let source_keys: BTreeSet<&str> = siblings.iter().filter_map(|s| s.source_key.as_deref()).collect();
    let alone = siblings.iter().filter(|s| s.source_key.is_none()).map(|s| s.record_key.as_str());
    let alone: Vec<&str> = alone.collect();
    let source_keys: Vec<&str> = source_keys.into_iter().collect();
    let all = offering(connection, &source_keys, &alone, JudgedAnew::All).await?;
    let mut found = Attaching::default();
    let all = with_offers(all)?;
    found.keys = all.iter().map(|(_, offer)| (offer.source_key.clone(), BTreeSet::new())).collect();
    for (sibling, offer) in &all {
        found.note_place(&offer.source_key, &sibling.attached);
    }
    for sibling in siblings {
        found.note_standing(&sibling.attached);
    }
    let left = siblings.iter().filter_map(|s| pin_of(s.attached.anchor.as_deref()?)).collect();
    let offers = all.iter().map(|(sibling, offer)| (sibling.record_key.as_str(), offer.clone())).collect();
    found.settle(connection, &offers, left).await?;
    Ok(found)
}

impl Attaching {
    /// Reads the register as far as it matters to the offers, to what is recorded about them and to numbers that records
    /// stood with; settles which classes stand for the source keys.
    async fn settle(
        &mut self,
        connection: &mut PgConnection,
        offers: &BTreeMap<&str, Offer>,
        left: BTreeSet<Pin>,
    ) -> Result<StandsFor, StoreError> {
        let pins = offers.values().filter_map(|o| o.pin.as_ref()).chain(&self.pins).chain(&left);
        let mut keys: BTreeSet<&str> = pins.map(Pin::as_str).collect();
        keys.extend(self.links.joined.iter().map(String::as_str));
        let together = close_register(connection, &keys.into_iter().collect::<Vec<_>>()).await?;
        self.register = together.register();
        let with_links = offers.iter().map(|(key, offer)| (offer, self.links.on(key)));
        Ok(StandsFor::of(with_links, &self.register))
    }

    /// Notes where a record on a source key is attached.
    fn note_place(&mut self, source_key: &str, attached: &Attached) {
        if let (Some(places), Some(anchor)) = (self.keys.get_mut(source_key), &attached.anchor) {
            places.insert(anchor.clone());
        }
    }

    /// Notes that a record is attached to an anchor: as a key, it stands by itself.
    fn note_standing(&mut self, attached: &Attached) {
        if let Some((anchor, places)) =
            attached.anchor.as_ref().and_then(|anchor| Some((anchor, self.keys.get_mut(anchor)?)))
        {
            places.insert(anchor.clone());
        }
    }
}

/// Places every record in question.
fn place(
    found: &mut Attaching,
    kept: &Kept<'_>,
    siblings: &[(Sibling, Offer)],
    (offers, stands_for): (&BTreeMap<&str, Offer>, &StandsFor),
) {
    let go = |offer: &Offer, found: &mut Attaching| {
        let links = found.links.of(offer);
        let new = attached(attach(offer, links, &found.register, stands_for));
        found.note_place(&offer.source_key, &new);
        found.note_place(&apart(&offer.record_key), &new);
        found.note_standing(&new);
        new
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
        is_new: change.old.is_none(),
    }
}
