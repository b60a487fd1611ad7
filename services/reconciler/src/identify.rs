//! Anchors to persons: who gets an id, whose id stands, who comes back under an own one (design §3).
//!
//! A number, once seen, keeps an id for good. Where anchors stand together, the id of the number first seen stands. A
//! number first seen for a provisional person takes that person's id over: nobody has to be told of a merge.

use crate::attaching::{Attaching, pin_of};
use event_log::Topics;
use registry_rules::{LinkEvent, LinkKind, PersonId, Pin};
use registry_store::{
    Anchor, AnchorChange, OutboxRow, OutboxTable, StoreError, change_anchors, insert_anchors, load_anchors,
    put_outbox,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Subject of link events.
const SUBJECT: &str = "dansync.LinkEvent";

/// Whom attaching touches.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    /// Persons to be merged anew.
    pub(crate) persons: BTreeSet<PersonId>,
    /// Ids that lead to another one now.
    pub(crate) merged: BTreeMap<PersonId, PersonId>,
    /// Persons who got or lost records of an anchor as a whole: those around these records see somebody else.
    pub(crate) regrouped: BTreeSet<PersonId>,
}

/// The anchors in question and what becomes of them.
#[derive(Debug, Default)]
struct Anchors {
    rows: BTreeMap<String, Anchor>,
    inserts: BTreeMap<String, (PersonId, PersonId)>,
    changes: BTreeMap<String, AnchorChange>,
    events: Vec<(LinkEvent, i64)>,
    touched: BTreeSet<PersonId>,
    regrouped: BTreeSet<PersonId>,
}

/// Gives anchors their persons and publishes what changed.
pub(crate) async fn identify(
    connection: &mut PgConnection,
    attaching: &Attaching,
    topics: &Topics,
) -> Result<Identified, StoreError> {
    let relocated = || attaching.changed.iter().chain(&attaching.others);
    let named: BTreeSet<&str> = relocated()
        .flat_map(|r| [&r.old.anchor, &r.new.anchor])
        .flatten()
        .chain(attaching.keys.values().flatten())
        .map(String::as_str)
        .collect();
    let classes = classes(&named, attaching);
    let mut wanted: BTreeSet<String> = classes.values().flatten().map(pin_anchor).collect();
    wanted.extend(named.iter().map(|anchor| (*anchor).to_owned()));
    wanted.extend(attaching.keys.keys().cloned());
    let rows = load_anchors(connection, &wanted.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let rows = rows.into_iter().map(|row| (row.anchor.clone(), row)).collect();
    let mut anchors = Anchors { rows, ..Anchors::default() };
    for relocated in relocated() {
        let before = relocated.old.anchor.as_deref().and_then(|anchor| anchors.leads_to(anchor));
        anchors.touched.extend(before);
    }
    let mut ids: BTreeMap<&str, PersonId> = BTreeMap::new();
    for (class, members) in &classes {
        if let Some(id) = anchors.class(members, named.contains(class.as_str()), &attaching.keys) {
            ids.insert(class, id);
            if !members.is_disjoint(&attaching.pins) {
                anchors.touched.insert(id);
            }
        }
    }
    let used: BTreeSet<&str> = relocated().filter_map(|r| r.new.anchor.as_deref()).collect();
    anchors.source_keys(&attaching.keys, &ids, &used);
    for anchor in used {
        let after = anchors.leads_to(anchor);
        anchors.touched.extend(after);
    }
    anchors.publish(connection, topics).await?;
    Ok(anchors.identified())
}

/// The anchor of one number.
pub(crate) fn pin_anchor(pin: &Pin) -> String {
    format!("pin:{}", pin.as_str())
}

/// The classes in question by their anchors: those named, and those of numbers whose entries changed.
fn classes(named: &BTreeSet<&str>, attaching: &Attaching) -> BTreeMap<String, BTreeSet<Pin>> {
    let pins = named.iter().filter_map(|anchor| pin_of(anchor));
    let mut open: BTreeSet<Pin> = pins.chain(attaching.pins.iter().cloned()).collect();
    let mut classes = BTreeMap::new();
    while let Some(pin) = open.pop_first() {
        let class = attaching.register.class(&pin);
        open.retain(|other| !class.contains(other));
        if let Some(first) = class.first() {
            classes.insert(pin_anchor(first), class);
        }
    }
    classes
}

impl Anchors {
    /// Where an anchor leads after all changes so far.
    fn leads_to(&self, anchor: &str) -> Option<PersonId> {
        let inserted = self.inserts.get(anchor).map(|(_, leads_to)| *leads_to);
        let changed = self.changes.get(anchor).map(|change| change.leads_to);
        inserted.or(changed).or_else(|| self.rows.get(anchor).map(|row| row.leads_to))
    }

    /// The id of a class: of its number first seen, else taken over from the provisional person that it stands for, else a
    /// new one. A class that nobody is attached to and that was never seen needs none.
    fn class(
        &mut self,
        members: &BTreeSet<Pin>,
        is_named: bool,
        keys: &BTreeMap<String, BTreeSet<String>>,
    ) -> Option<PersonId> {
        let names: Vec<String> = members.iter().map(pin_anchor).collect();
        let known = names.iter().filter_map(|name| self.rows.get(name));
        let first = known.min_by_key(|row| (row.first_seen, &row.anchor)).map(|row| row.person_id);
        let id = match first {
            Some(id) => id,
            None if is_named => self.take_over(names.first()?, keys).unwrap_or_else(PersonId::new_v4),
            None => return None,
        };
        let mut own = if first.is_none() { Some(id) } else { None };
        for name in names {
            if let Some(row) = self.rows.get(&name).cloned() {
                self.lead(&row, row.person_id, id);
            } else {
                let own_id = own.take().unwrap_or_else(PersonId::new_v4);
                self.insert(name, own_id, id);
            }
        }
        Some(id)
    }

    /// The id of the provisional person first seen for whom exactly this class stands now. Its key yields the id.
    fn take_over(&mut self, class: &str, keys: &BTreeMap<String, BTreeSet<String>>) -> Option<PersonId> {
        let alone = keys.iter().filter(|(_, places)| places.len() == 1 && places.contains(class));
        let provisional = alone
            .filter_map(|(source_key, _)| self.rows.get(source_key))
            .filter(|row| !row.yielded && row.leads_to == row.person_id);
        let row = provisional.min_by_key(|row| (row.first_seen, &row.anchor))?.clone();
        let change = AnchorChange {
            anchor: row.anchor.clone(),
            person_id: row.person_id,
            leads_to: row.leads_to,
            yielded: true,
            changes: row.changes,
        };
        self.touched.insert(row.person_id);
        if let Some(stored) = self.rows.get_mut(&row.anchor) {
            stored.yielded = true;
        }
        self.changes.insert(row.anchor, change);
        Some(row.person_id)
    }

    /// A source key whose records all go to one anchor stands with it, any other by itself.
    fn source_keys(
        &mut self,
        keys: &BTreeMap<String, BTreeSet<String>>,
        ids: &BTreeMap<&str, PersonId>,
        used: &BTreeSet<&str>,
    ) {
        let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (source_key, places) in keys {
            let only = if places.len() == 1 { places.first() } else { None };
            if let Some(class) = only.and_then(|place| ids.get(place.as_str())) {
                self.source_key(source_key, Some(*class), false);
            } else {
                let place = only.map_or(source_key.as_str(), String::as_str);
                groups.entry(place).or_default().insert(source_key);
            }
        }
        for (place, mut keys) in groups {
            if used.contains(place) {
                keys.insert(place);
            }
            if keys.iter().eq([&place]) {
                self.source_key(place, None, used.contains(place));
            } else {
                self.group(place, &keys);
            }
        }
    }

    /// Source keys that stand together without a number: the id of the key first seen stands.
    fn group(&mut self, place: &str, keys: &BTreeSet<&str>) {
        let rows = keys.iter().filter_map(|key| self.rows.get(*key));
        let first = rows.filter(|row| !row.yielded).min_by_key(|row| (row.first_seen, &row.anchor));
        let first = first.map(|row| row.person_id);
        let id = first.unwrap_or_else(PersonId::new_v4);
        let own_of = |key: &str, given: Option<PersonId>| match given {
            _ if first.is_none() && key == place => id,
            Some(own) => own,
            None => PersonId::new_v4(),
        };
        for key in keys {
            if let Some(row) = self.rows.get(*key).cloned() {
                self.lead(&row, own_of(key, Some(row.person_id)), id);
            } else if *key == place {
                self.insert(place.to_owned(), own_of(place, None), id);
            }
        }
    }

    /// A source key stands with a class, else by itself.
    fn source_key(&mut self, source_key: &str, class: Option<PersonId>, is_used: bool) {
        if let Some(row) = self.rows.get(source_key).cloned() {
            let own = if class.is_none() && row.yielded { PersonId::new_v4() } else { row.person_id };
            self.lead(&row, own, class.unwrap_or(own));
        } else if is_used {
            let own = PersonId::new_v4();
            self.insert(source_key.to_owned(), own, own);
        }
    }

    fn insert(&mut self, anchor: String, person_id: PersonId, leads_to: PersonId) {
        self.touched.insert(leads_to);
        let event = LinkEvent {
            anchor: anchor.clone(),
            own_person_id: person_id,
            person_id: leads_to,
            event: LinkKind::FirstSeen,
        };
        self.events.push((event, 1));
        self.inserts.insert(anchor, (person_id, leads_to));
    }

    fn lead(&mut self, row: &Anchor, person_id: PersonId, leads_to: PersonId) {
        if row.leads_to == leads_to && row.person_id == person_id {
            return;
        }
        let kind = if leads_to == person_id { LinkKind::Split } else { LinkKind::Merged };
        let changes = row.changes + 1;
        let concerned = [row.person_id, row.leads_to, person_id, leads_to];
        self.touched.extend(concerned);
        self.regrouped.extend(concerned);
        let event = LinkEvent {
            anchor: row.anchor.clone(),
            own_person_id: person_id,
            person_id: leads_to,
            event: kind,
        };
        self.events.push((event, changes));
        let change = AnchorChange {
            anchor: row.anchor.clone(),
            person_id,
            leads_to,
            yielded: row.yielded && person_id == row.person_id,
            changes,
        };
        self.changes.insert(row.anchor.clone(), change);
    }

    async fn publish(&self, connection: &mut PgConnection, topics: &Topics) -> Result<(), StoreError> {
        let inserts: Vec<_> =
            self.inserts.iter().map(|(anchor, (own, leads_to))| (anchor.as_str(), *own, *leads_to)).collect();
        insert_anchors(connection, &inserts).await?;
        let changes: Vec<_> = self.changes.values().cloned().collect();
        change_anchors(connection, &changes).await?;
        put_links(connection, &self.events, topics).await
    }

    /// Ids whose anchors all lead elsewhere now are merged away.
    fn identified(self) -> Identified {
        let standing: BTreeSet<PersonId> =
            self.rows.keys().chain(self.inserts.keys()).filter_map(|anchor| self.leads_to(anchor)).collect();
        let merged = self
            .changes
            .values()
            .filter(|change| change.leads_to != change.person_id && !standing.contains(&change.person_id))
            .map(|change| (change.person_id, change.leads_to))
            .collect();
        Identified { persons: self.touched, merged, regrouped: self.regrouped }
    }
}

/// Publishes link events; `id` counts an anchor's events.
pub(crate) async fn put_links(
    connection: &mut PgConnection,
    events: &[(LinkEvent, i64)],
    topics: &Topics,
) -> Result<(), StoreError> {
    let topic = topics.registry_link();
    let mut rows = Vec::with_capacity(events.len());
    for (event, id) in events {
        let mut payload = Vec::with_capacity(128);
        event_log::encode_link_event(event, &mut payload).map_err(|_| StoreError::Unwritable("a link"))?;
        rows.push(OutboxRow {
            key: event.anchor.clone(),
            id: *id,
            topic: std::sync::Arc::clone(&topic),
            payload,
        });
    }
    put_outbox(connection, OutboxTable::Link, SUBJECT, &rows).await
}
