//! Which person a record belongs to: record → anchor (design §3, rules 1 to 5).
//!
//! An anchor is a *PIN class* (numbers joined by official re-issue) or a *source key*. Attaching reads the record's own
//! identifiers, the links on its key and the PIN register; never where another record stands. So it has two layers that
//! cannot chase each other: which numbers are accepted on a source key, then where each record goes.

use crate::{
    IdentifierKind, PartialDate, Pin, PinRegister, RecordKey, SourceRecord, Standing, StandsFor, anchor_of,
};

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

/// The number that a record carries, as the anchor of its class, where the register accepts it.
fn accepted(offer: &Offer, register: &PinRegister) -> Option<String> {
    let class = register.class(offer.pin.as_ref()?);
    if register.accepts(offer, &class) { anchor_of(&class) } else { None }
}

/// The class that a record brings to its source key under rule 2. One that a steward put elsewhere, or parted from that
/// class, does not speak for the others of its source key.
pub(crate) fn brings(offer: &Offer, links: RecordedLinks<'_>, register: &PinRegister) -> Option<String> {
    if links.steward.is_some() {
        return None;
    }
    accepted(offer, register).filter(|anchor| !links.bar(anchor, register))
}

impl RecordedLinks<'_> {
    /// Whether the record may not go to this (resolved) anchor.
    fn bar(&self, anchor: &str, register: &PinRegister) -> bool {
        self.separated.iter().any(|separated| register.resolve(separated) == anchor)
    }
}

/// Where a record goes.
pub fn attach(
    offer: &Offer,
    links: RecordedLinks<'_>,
    register: &PinRegister,
    stands_for: &StandsFor,
) -> Attachment {
    if let Some(anchor) = links.steward {
        let anchor = target(anchor, register, stands_for);
        return Attachment { anchor, rule: AttachRule::Steward, contradicted: false };
    }
    let accepted = accepted(offer, register);
    let contradicted = offer.pin.is_some() && accepted.is_none();
    let to = |anchor: String, rule| Attachment { anchor, rule, contradicted };
    let open = |anchor: &String| !links.bar(anchor, register);
    if let Some(anchor) = accepted.filter(open) {
        return to(anchor, AttachRule::Pin);
    }
    let mut classes = stands_for.classes(&offer.source_key, register).into_iter().filter(open);
    if let (Some(only), None) = (classes.next(), classes.next()) {
        return to(only, AttachRule::SourceKey);
    }
    if let Some(anchor) = links.scored.map(|anchor| target(anchor, register, stands_for)).filter(open) {
        return to(anchor, AttachRule::Scored);
    }
    let own = register.resolve(&offer.source_key);
    if open(&own) {
        to(own, AttachRule::Provisional)
    } else {
        let apart = apart(&offer.record_key);
        let joined = register.resolve(&apart);
        to(if open(&joined) { joined } else { apart }, AttachRule::Steward)
    }
}

/// Where a link to an anchor leads: with a source key, to the only PIN class that stands for it, as its own records go.
fn target(anchor: &str, register: &PinRegister, stands_for: &StandsFor) -> String {
    let resolved = register.resolve(anchor);
    if resolved.starts_with("pin:") {
        return resolved;
    }
    let mut classes = stands_for.classes(anchor, register).into_iter();
    match (classes.next(), classes.next()) {
        (Some(only), None) => only,
        (_, _) => resolved,
    }
}

/// The anchor of a record that a steward parted from everything it offers.
pub fn apart(record_key: &RecordKey) -> String {
    format!("apart:{record_key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RegisterEntry;

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
            let attachment = attach(&offer, RecordedLinks::default(), &register, &StandsFor::default());
            assert_eq!(attachment.rule == AttachRule::Pin, goes_by_pin, "{name} {birth}");
            assert_eq!(attachment.contradicted, !goes_by_pin);
        }
    }

    #[test]
    fn a_number_the_register_does_not_know_yet_is_taken() {
        let offer =
            offer_of("residence/person/9/resident", Some(B), "Trần Thị Mơ", "1990", "person:residence/9");
        let attachment =
            attach(&offer, RecordedLinks::default(), &PinRegister::default(), &StandsFor::default());
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
            attach(&late, RecordedLinks::default(), &register, &StandsFor::default()).anchor,
            "pin:001090000001"
        );
    }

    #[test]
    fn one_class_on_a_source_key_draws_the_others_two_do_not() {
        const SOURCE_KEY: &str = "act:civil_status/x/child";
        let bare = offer_of("civil_status/birth/5/child", None, "Lê Na", "2024-02-03", SOURCE_KEY);
        let register = PinRegister::default();
        let with = |n: u8| {
            let (record, number) = (format!("civil_status/change/{n}/child"), format!("00112400000{n}"));
            offer_of(&record, Some(&number), "Lê Na", "2024-02-03", SOURCE_KEY)
        };
        let among = |others: &[Offer]| {
            StandsFor::of(others.iter().map(|offer| (offer, RecordedLinks::default())), &register)
        };
        let (one, two) = (among(&[with(1)]), among(&[with(1), with(2)]));
        assert_eq!(attach(&bare, RecordedLinks::default(), &register, &one).rule, AttachRule::SourceKey);
        assert_eq!(attach(&bare, RecordedLinks::default(), &register, &two).rule, AttachRule::Provisional);
        let links = RecordedLinks { scored: Some("pin:001124000009"), ..RecordedLinks::default() };
        assert_eq!(attach(&bare, links, &register, &two).rule, AttachRule::Scored);
        let links = RecordedLinks { steward: Some("pin:001124000008"), ..RecordedLinks::default() };
        assert_eq!(attach(&bare, links, &register, &one).anchor, "pin:001124000008");
        // A link to a source key leads where its own records go.
        let links = RecordedLinks { scored: Some(SOURCE_KEY), ..RecordedLinks::default() };
        let other = offer_of("medical/birth_notice/3/child", None, "", "2024-02-03", "record:medical/3");
        assert_eq!(attach(&other, links, &register, &one).anchor, "pin:001124000001");
        assert_eq!(attach(&other, links, &register, &two).anchor, SOURCE_KEY);
    }
}
