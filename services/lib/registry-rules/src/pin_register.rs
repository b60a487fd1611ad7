//! The PIN register as attaching reads it: which numbers stand together, and which records they fit.

use crate::attach::offer;
use crate::{
    IdentifierKind, NameLevel, Offer, PartialDate, Pin, RecordKey, SourceRecord, Standing, compare_names,
};
use std::collections::{BTreeMap, BTreeSet};

/// The PIN register, the database that issues the numbers (Law on Identity art. 12): source and entity of its rows.
pub const PIN_REGISTER: (&str, &str) = ("identity", "pin");

/// An entry of the PIN register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterEntry {
    /// The register's record.
    pub record_key: RecordKey,
    /// The number.
    pub pin: Pin,
    /// The cancelled number that it takes the place of.
    pub replaces: Option<Pin>,
    /// Full name at issue.
    pub name: Option<String>,
    /// Date of birth at issue.
    pub birth: Option<PartialDate>,
    /// The number is no longer in force; it stays an alias.
    pub cancelled: bool,
}

/// The register entry that a record is, if it is one. An annulled or withdrawn entry never was.
pub fn register_entry(record: &SourceRecord) -> Option<RegisterEntry> {
    let place = (record.record_key.source(), record.record_key.entity());
    let gone = matches!(record.standing, Standing::Annulled | Standing::Withdrawn);
    if place != PIN_REGISTER || gone {
        return None;
    }
    let offer = offer(record)?;
    Some(RegisterEntry {
        record_key: offer.record_key,
        pin: offer.pin?,
        replaces: record.identifier(IdentifierKind::ReplacesPin).and_then(|pin| pin.parse().ok()),
        name: offer.name,
        birth: offer.birth,
        cancelled: record.standing == Standing::Ceased,
    })
}

/// The part of the PIN register that matters for some records: closed under re-issue.
#[derive(Clone, Debug, Default)]
pub struct PinRegister {
    entries: BTreeMap<Pin, Vec<RegisterEntry>>,
    neighbours: BTreeMap<Pin, BTreeSet<Pin>>,
    /// Anchors that merge decisions make one person's.
    joined: BTreeMap<String, BTreeSet<String>>,
}

impl PinRegister {
    /// Builds the view from entries.
    pub fn new(entries: impl IntoIterator<Item = RegisterEntry>) -> Self {
        let mut register = Self::default();
        for entry in entries {
            if let Some(old) = &entry.replaces {
                register.neighbours.entry(entry.pin.clone()).or_default().insert(old.clone());
                register.neighbours.entry(old.clone()).or_default().insert(entry.pin.clone());
            }
            register.entries.entry(entry.pin.clone()).or_default().push(entry);
        }
        register
    }

    /// The same register with anchors joined by merge decisions.
    #[must_use]
    pub fn joined<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (one, other) in pairs {
            self.joined.entry(one.to_owned()).or_default().insert(other.to_owned());
            self.joined.entry(other.to_owned()).or_default().insert(one.to_owned());
        }
        self
    }

    /// All numbers joined to this one by re-issue or by merge decisions, itself included.
    pub fn class(&self, pin: &Pin) -> BTreeSet<Pin> {
        if self.joined.is_empty() {
            return self.reissued(pin);
        }
        self.together(&pin_anchor(pin)).0
    }

    fn reissued(&self, pin: &Pin) -> BTreeSet<Pin> {
        let (mut class, mut open) = (BTreeSet::new(), vec![pin.clone()]);
        while let Some(next) = open.pop() {
            if class.insert(next.clone()) {
                open.extend(self.neighbours.get(&next).into_iter().flatten().cloned());
            }
        }
        class
    }

    /// The numbers and the source keys that stand together with an anchor.
    fn together(&self, anchor: &str) -> (BTreeSet<Pin>, BTreeSet<String>) {
        let (mut pins, mut keys, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![anchor.to_owned()]);
        while let Some(next) = open.pop() {
            let is_new = match pin_of(&next) {
                Some(pin) => {
                    let new = pins.insert(pin.clone());
                    let reissued = self.neighbours.get(&pin).into_iter().flatten();
                    open.extend(reissued.filter(|p| !pins.contains(p)).map(pin_anchor));
                    new
                }
                None => keys.insert(next.clone()),
            };
            if is_new {
                open.extend(self.joined.get(&next).into_iter().flatten().cloned());
            }
        }
        (pins, keys)
    }

    /// The anchor that this one stands for: that of its PIN class, or of what merge decisions join it to.
    pub fn resolve(&self, anchor: &str) -> String {
        if self.joined.is_empty() && pin_of(anchor).is_none() {
            return anchor.to_owned();
        }
        let (pins, keys) = self.together(anchor);
        anchor_of(&pins).or_else(|| keys.into_iter().next()).unwrap_or_else(|| anchor.to_owned())
    }

    /// One name for all source keys that merge decisions join without a number in between: the least of them.
    pub(crate) fn source_key(&self, source_key: &str) -> String {
        if self.joined.is_empty() {
            return source_key.to_owned();
        }
        let (mut keys, mut open) = (BTreeSet::new(), vec![source_key]);
        while let Some(next) = open.pop() {
            if pin_of(next).is_none() && keys.insert(next) {
                open.extend(self.joined.get(next).into_iter().flatten().map(String::as_str));
            }
        }
        keys.first().map_or(source_key, |first| *first).to_owned()
    }

    /// The anchor of the number's class.
    pub fn anchor(&self, pin: &Pin) -> String {
        anchor_of(&self.class(pin)).unwrap_or_else(|| pin_anchor(pin))
    }

    /// The entries of all numbers of a class.
    pub fn entries<'a>(&'a self, class: &'a BTreeSet<Pin>) -> impl Iterator<Item = &'a RegisterEntry> {
        class.iter().filter_map(|pin| self.entries.get(pin)).flatten()
    }

    /// Rule 2: whether the register has nothing against this record carrying this number.
    pub(crate) fn accepts(&self, offer: &Offer, class: &BTreeSet<Pin>) -> bool {
        let mut entries = self.entries(class).peekable();
        entries.peek().is_none() || entries.any(|entry| agrees(offer, entry))
    }
}

/// The anchor of a PIN class: its smallest number, so that it depends on the set alone.
pub fn anchor_of(class: &BTreeSet<Pin>) -> Option<String> {
    class.first().map(pin_anchor)
}

fn pin_anchor(pin: &Pin) -> String {
    format!("pin:{}", pin.as_str())
}

fn pin_of(anchor: &str) -> Option<Pin> {
    anchor.strip_prefix("pin:").and_then(|pin| pin.parse().ok())
}

/// Shared name at any level, or the full date of birth, or one side that has neither.
fn agrees(offer: &Offer, entry: &RegisterEntry) -> bool {
    if offer.record_key == entry.record_key {
        return true;
    }
    let mute = |name: &Option<String>, birth: &Option<PartialDate>| name.is_none() && birth.is_none();
    if mute(&offer.name, &offer.birth) || mute(&entry.name, &entry.birth) {
        return true;
    }
    let name = offer
        .name
        .as_ref()
        .zip(entry.name.as_ref())
        .is_some_and(|(a, b)| compare_names(a, b) != NameLevel::Different);
    let full = |birth: Option<PartialDate>| birth.and_then(PartialDate::full);
    let birth = full(offer.birth).zip(full(entry.birth)).is_some_and(|(a, b)| a == b);
    name || birth
}
