//! Which person a record belongs to: record → anchor (design §3, rules 1 to 5).
//!
//! An anchor is a *PIN class* (numbers joined by official re-issue) or a *source key*. Attaching reads the record's own
//! identifiers, the links on its key and the PIN register; never where another record stands. So it has two layers that
//! cannot chase each other: which numbers are accepted on a source key, then where each record goes.

use crate::{IdentifierKind, NameLevel, PartialDate, Pin, RecordKey, SourceRecord, Standing, compare_names};
use std::collections::{BTreeMap, BTreeSet};

/// The PIN register, the database that issues the numbers (Law on Identity art. 12): source and entity of its rows.
pub const PIN_REGISTER: (&str, &str) = ("identity", "pin");

/// What attaching reads of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which record.
    pub record_key: RecordKey,
    /// The number it carries, if it has twelve digits.
    pub pin: Option<Pin>,
    /// Full name.
    pub name: Option<String>,
    /// Date of birth.
    pub birth: Option<PartialDate>,
    /// What stands for the person where no number does.
    pub source_key: String,
}

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

/// Why a record is attached where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttachRule {
    /// 1: a steward's link in force.
    Steward,
    /// 2: its number.
    Pin,
    /// 3: its source key, for which one PIN class stands.
    SourceKey,
    /// 4: a recorded probabilistic link of its source key.
    Scored,
    /// 5: nothing but its source key: a provisional person.
    Provisional,
}

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// `pin:<smallest number of the class>` or the source key.
    pub anchor: String,
    /// By which rule.
    pub rule: AttachRule,
    /// The record's number names somebody whose register entry shares neither name nor date of birth: a case opens.
    pub contradicted: bool,
}

/// Recorded links on a record's key, inputs like decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordedLinks<'a> {
    /// Anchor named by a steward's decision in force.
    pub steward: Option<&'a str>,
    /// Anchors that this record may not go to, by decisions in force.
    pub separated: &'a [String],
    /// Anchor of a probabilistic link.
    pub scored: Option<&'a str>,
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
        let (pins, keys) = self.together(anchor);
        anchor_of(&pins).or_else(|| keys.into_iter().next()).unwrap_or_else(|| anchor.to_owned())
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
    fn accepts(&self, offer: &Offer, class: &BTreeSet<Pin>) -> bool {
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

/// What a record offers; none if it is withdrawn.
pub fn offer(record: &SourceRecord) -> Option<Offer> {
    if record.standing == Standing::Withdrawn {
        return None;
    }
    Some(Offer {
        record_key: record.record_key.clone(),
        pin: record.identifier(IdentifierKind::Pin).and_then(|pin| pin.parse().ok()),
        name: field(record, "npd.birth_name", "full").map(ToOwned::to_owned),
        birth: field(record, "npd.date_of_birth", "").and_then(|date| date.parse().ok()),
        source_key: source_key(record),
    })
}

fn field<'a>(record: &'a SourceRecord, name: &str, part: &str) -> Option<&'a str> {
    record.fields.iter().find(|(field, _)| field.as_str() == name).and_then(|(_, value)| value.part(part))
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

/// What stands for the person where no number does: the source's own person id, else the act with the role (what it
/// refers to counts as the act), else the record itself.
pub fn source_key(record: &SourceRecord) -> String {
    let key = &record.record_key;
    if let Some(id) = record.identifier(IdentifierKind::SourcePerson) {
        return format!("person:{}/{id}", key.source());
    }
    match record.refers_to.as_ref().or(record.act.as_ref()) {
        Some(act) => {
            format!("act:{}/{}/{}", act.source, act.act, act.role.as_deref().unwrap_or_else(|| key.role()))
        }
        None => format!("record:{key}"),
    }
}

/// The number that a record brings to its source key under rule 2 where no decision names it, as the anchor of its class.
pub fn accepted_anchor(offer: &Offer, register: &PinRegister) -> Option<String> {
    let class = register.class(offer.pin.as_ref()?);
    if register.accepts(offer, &class) { anchor_of(&class) } else { None }
}

/// As [`accepted_anchor`], with decisions: a record that a steward put elsewhere or parted from that class does not speak
/// for the others of its source key.
pub fn accepted_with_links(
    offer: &Offer,
    links: RecordedLinks<'_>,
    register: &PinRegister,
) -> Option<String> {
    if links.steward.is_some() {
        return None;
    }
    accepted_anchor(offer, register).filter(|anchor| !links.bar(anchor, register))
}

impl RecordedLinks<'_> {
    /// Whether the record may not go to this (resolved) anchor.
    fn bar(&self, anchor: &str, register: &PinRegister) -> bool {
        self.separated.iter().any(|separated| register.resolve(separated) == anchor)
    }
}

/// Where a record goes. `stands_for` are the PIN classes accepted on its source key, by whichever record offers it.
pub fn attach(
    offer: &Offer,
    links: RecordedLinks<'_>,
    register: &PinRegister,
    stands_for: &BTreeSet<String>,
) -> Attachment {
    if let Some(anchor) = links.steward {
        let anchor = register.resolve(anchor);
        return Attachment { anchor, rule: AttachRule::Steward, contradicted: false };
    }
    let accepted = accepted_anchor(offer, register);
    let contradicted = offer.pin.is_some() && accepted.is_none();
    let to = |anchor: String, rule| Attachment { anchor, rule, contradicted };
    let open = |anchor: &String| !links.bar(anchor, register);
    if let Some(anchor) = accepted.filter(open) {
        return to(anchor, AttachRule::Pin);
    }
    let mut classes = stands_for.iter().filter(|class| open(class));
    if let (Some(only), None) = (classes.next(), classes.next()) {
        return to(only.clone(), AttachRule::SourceKey);
    }
    if let Some(anchor) = links.scored.map(|anchor| register.resolve(anchor)).filter(open) {
        return to(anchor, AttachRule::Scored);
    }
    let own = register.resolve(&offer.source_key);
    if open(&own) {
        to(own, AttachRule::Provisional)
    } else {
        to(apart(&offer.record_key), AttachRule::Steward)
    }
}

/// The anchor of a record that a steward parted from everything it offers.
fn apart(record_key: &RecordKey) -> String {
    format!("apart:{record_key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Pin {
        text.parse().unwrap()
    }

    fn offer_of(record: &str, number: Option<&str>, name: &str, birth: &str, source_key: &str) -> Offer {
        Offer {
            record_key: RecordKey::try_from(record.to_owned()).unwrap(),
            pin: number.map(pin),
            name: (!name.is_empty()).then(|| name.to_owned()),
            birth: birth.parse().ok(),
            source_key: source_key.to_owned(),
        }
    }

    fn entry(record: &str, number: &str, replaces: Option<&str>, name: &str, birth: &str) -> RegisterEntry {
        RegisterEntry {
            record_key: RecordKey::try_from(record.to_owned()).unwrap(),
            pin: pin(number),
            replaces: replaces.map(pin),
            name: Some(name.to_owned()),
            birth: birth.parse().ok(),
            cancelled: false,
        }
    }

    const A: &str = "001090000001";
    const B: &str = "001190000002";

    #[test]
    fn rule_2_wants_the_register_to_share_something() {
        let register =
            PinRegister::new([entry("identity/pin/1/holder", A, None, "Lê Văn Hòa", "1990-05-01")]);
        for (name, birth, goes_by_pin) in [
            ("Lê Văn Hoà", "1991", true),
            ("LE VAN HOA", "", true),
            ("Trần Thị Mơ", "1990-05-01", true),
            ("", "", true),
            ("Trần Thị Mơ", "1990", false),
            ("Trần Thị Mơ", "1990-05-02", false),
        ] {
            let offer = offer_of("residence/person/9/resident", Some(A), name, birth, "person:residence/9");
            let attachment = attach(&offer, RecordedLinks::default(), &register, &BTreeSet::new());
            assert_eq!(attachment.rule == AttachRule::Pin, goes_by_pin, "{name} {birth}");
            assert_eq!(attachment.contradicted, !goes_by_pin);
        }
    }

    #[test]
    fn a_number_the_register_does_not_know_yet_is_taken() {
        let offer =
            offer_of("residence/person/9/resident", Some(B), "Trần Thị Mơ", "1990", "person:residence/9");
        let attachment = attach(&offer, RecordedLinks::default(), &PinRegister::default(), &BTreeSet::new());
        assert_eq!((attachment.anchor.as_str(), attachment.rule), ("pin:001190000002", AttachRule::Pin));
    }

    #[test]
    fn reissue_joins_numbers_into_one_class() {
        let register = PinRegister::new([
            entry("identity/pin/1/holder", A, None, "Lê Hòa", "1990-05-01"),
            entry("identity/pin/2/holder", B, Some(A), "Lê Hòa", "1990-05-01"),
        ]);
        assert_eq!(register.anchor(&pin(A)), register.anchor(&pin(B)));
        let late = offer_of(
            "medical/blood_test/7/patient",
            Some(A),
            "Lê Hòa",
            "",
            "record:medical/blood_test/7/patient",
        );
        assert_eq!(
            attach(&late, RecordedLinks::default(), &register, &BTreeSet::new()).anchor,
            "pin:001090000001"
        );
    }

    #[test]
    fn one_class_on_a_source_key_draws_the_others_two_do_not() {
        let offer =
            offer_of("civil_status/birth/5/child", None, "Lê Na", "2024-02-03", "act:civil_status/x/child");
        let register = PinRegister::default();
        let one: BTreeSet<_> = ["pin:001124000001".to_owned()].into();
        let two: BTreeSet<_> = ["pin:001124000001".to_owned(), "pin:001124000002".to_owned()].into();
        assert_eq!(attach(&offer, RecordedLinks::default(), &register, &one).rule, AttachRule::SourceKey);
        assert_eq!(attach(&offer, RecordedLinks::default(), &register, &two).rule, AttachRule::Provisional);
        let links = RecordedLinks { scored: Some("pin:001124000009"), ..RecordedLinks::default() };
        assert_eq!(attach(&offer, links, &register, &two).rule, AttachRule::Scored);
        let links = RecordedLinks { steward: Some("pin:001124000008"), ..RecordedLinks::default() };
        assert_eq!(attach(&offer, links, &register, &one).anchor, "pin:001124000008");
    }
}
