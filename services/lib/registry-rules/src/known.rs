//! All that is known at a moment, taken together: which records stand together, and what follows of each person.
//!
//! The registry comes to the same from one change to the next. Here it follows from the whole set at once, for any set:
//! what had been received by a moment, what other rules would make of it, what a rebuilt registry must hold.

use crate::contradiction::contradiction;
use crate::decision::Decision;
use crate::facts::{PersonFacts, Tie, TieKind};
use crate::on_day::on_day;
use crate::{
    Attachment, CaseFinding, FieldCatalogue, FingerprintKey, IdentifierKind, IdentityDecision, Lifecycle,
    MergeInput, MergeOutcome, Offer, PersonId, Pin, PinRegister, RecordKey, RecordedLinks, RegisterEntry,
    Resemblance, Rulings, SourceRecord, Standing, StandsFor, StateHash, attach, evidence, facts, in_force,
    merge, offer, person_hash, questions_of_rulings, register_entry, resemblances,
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The source whose records are stewards' decisions, attached to nobody.
pub const STEWARD: &str = "steward";
/// Related persons that one relation group gives a person: a household; beyond it (a barracks, a dormitory) the first by
/// record key.
pub const MAX_TIES: usize = 64;

/// The group through which a record ties its person to others, while it counts.
pub fn relation_group(record: &SourceRecord) -> Option<String> {
    let ties = record.standing.counts() && TieKind::possible(&record.record_key);
    record.relation_group.clone().filter(|_| ties)
}

/// The keys by which a record is found, each with its kind in front: the number it carries (`pin:`), the number it takes
/// the place of, its source key where another record may have it too, its relation group (`group:`).
pub fn offered_keys(record: &SourceRecord) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    if record.record_key.source() == STEWARD {
        return keys;
    }
    if let Some(offer) = offer(record) {
        keys.extend(offer.pin.map(|pin| format!("pin:{}", pin.as_str())));
        keys.extend(Some(offer.source_key).filter(|key| !key.starts_with("record:")));
    }
    let replaced = register_entry(record).and_then(|entry| entry.replaces);
    keys.extend(replaced.map(|pin| format!("pin:{}", pin.as_str())));
    keys.extend(relation_group(record).map(|group| format!("group:{group}")));
    keys
}

/// By what the known is merged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The rules.
    pub catalogue: &'a FieldCatalogue,
    /// For fingerprints of cases.
    pub key: &'a FingerprintKey,
    /// The business date (`Asia/Ho_Chi_Minh`).
    pub today: NaiveDate,
    /// The legal day asked about; before `today`, what ended since then still holds, and what began since then does not.
    pub day: NaiveDate,
}

/// The records of a moment with where each belongs.
#[derive(Debug, Default)]
pub struct Known {
    records: BTreeMap<RecordKey, SourceRecord>,
    decisions: Vec<Decision>,
    about_persons: Vec<IdentityDecision>,
    rulings: Rulings,
    resembling: Vec<Resemblance>,
    /// Recorded links by score, by source key.
    scored: BTreeMap<String, String>,
    register: PinRegister,
    attached: BTreeMap<RecordKey, Attachment>,
    at: BTreeMap<String, BTreeSet<RecordKey>>,
    groups: BTreeMap<String, BTreeSet<RecordKey>>,
    offered: BTreeMap<String, BTreeSet<RecordKey>>,
}

/// One person as the known gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPerson {
    /// Where the person's records are attached.
    pub anchor: String,
    /// The records as they held on the day asked about, by key.
    pub records: Vec<SourceRecord>,
    /// Decisions that name any of them, and those that take these back.
    pub decisions: Vec<Decision>,
    /// Register entries of the person's numbers.
    pub register: Vec<RegisterEntry>,
    /// Related persons.
    pub ties: Vec<Tie>,
    /// The golden record with the open questions about its fields.
    pub outcome: MergeOutcome,
    /// All open questions: those of the outcome and those about the person's records.
    pub cases: Vec<CaseFinding>,
}

/// What a person's own side consists of.
struct Own {
    records: Vec<SourceRecord>,
    register: Vec<RegisterEntry>,
    decisions: Vec<Decision>,
}

impl Own {
    fn input<'a>(&'a self, person_id: PersonId, terms: &Terms<'a>) -> MergeInput<'a> {
        MergeInput {
            person_id,
            absorbed: &[],
            records: &self.records,
            register: &self.register,
            ties: &[],
            decisions: &self.decisions,
            catalogue: terms.catalogue,
            key: terms.key,
            business_date: terms.day,
        }
    }
}

impl Known {
    /// Takes the version that stands of each record, and attaches all. A decision that cannot be read decides nothing.
    pub fn of(records: impl IntoIterator<Item = SourceRecord>) -> Self {
        Self::linked(records, BTreeMap::new())
    }

    /// The same with recorded links by score: from source keys to anchors.
    pub fn linked(records: impl IntoIterator<Item = SourceRecord>, scored: BTreeMap<String, String>) -> Self {
        let mut known = Self { scored, ..Self::default() };
        for record in records.into_iter().filter(|record| record.standing != Standing::Withdrawn) {
            if IdentityDecision::is_one(&record.record_key) {
                known.about_persons.extend(IdentityDecision::from_record(&record).ok().flatten());
            } else if record.record_key.source() == STEWARD {
                known.decisions.extend(Decision::from_record(&record).ok().flatten());
            } else {
                known.records.insert(record.record_key.clone(), record);
            }
        }
        known.decisions.sort_by(|a, b| a.id.cmp(&b.id));
        known.rulings = Rulings::of(&known.about_persons);
        known.register = PinRegister::new(known.records.values().filter_map(register_entry))
            .joined(known.rulings.joined());
        known.attach_all();
        known
    }

    /// The same with pairs of records that a human must look at: an input, as links are.
    #[must_use]
    pub fn asking(self, resembling: Vec<Resemblance>) -> Self {
        Self { resembling, ..self }
    }

    fn attach_all(&mut self) {
        let offers: Vec<Offer> = self.records.values().filter_map(offer).collect();
        let with_links = offers.iter().map(|offer| (offer, self.rulings.on(&offer.record_key)));
        let stands_for = StandsFor::of(with_links, &self.register);
        for offer in offers {
            let key = &offer.record_key;
            let scored = self.scored.get(&offer.source_key).map(String::as_str);
            let links = RecordedLinks { scored, ..self.rulings.on(key) };
            let attachment = attach(&offer, links, &self.register, &stands_for);
            self.at.entry(attachment.anchor.clone()).or_default().insert(key.clone());
            self.offered.entry(offer.source_key.clone()).or_default().insert(key.clone());
            self.attached.insert(key.clone(), attachment);
            if let Some(group) = self.records.get(key).and_then(relation_group) {
                self.groups.entry(group).or_default().insert(key.clone());
            }
        }
    }

    /// The records, by key.
    pub fn records(&self) -> impl Iterator<Item = &SourceRecord> {
        self.records.values()
    }

    /// Where a record is attached.
    pub fn attachment(&self, record: &RecordKey) -> Option<&Attachment> {
        self.attached.get(record)
    }

    /// The anchors that records are attached to: one for each person.
    pub fn anchors(&self) -> impl Iterator<Item = &str> {
        self.at.keys().map(String::as_str)
    }

    /// The records attached to an anchor.
    pub fn records_at(&self, anchor: &str) -> impl Iterator<Item = &RecordKey> {
        self.at.get(anchor).into_iter().flatten()
    }

    /// The anchor of a number's class, where somebody has it.
    pub fn anchor_of_pin(&self, pin: &Pin) -> Option<&str> {
        let anchor = self.register.anchor(pin);
        self.at.get_key_value(&anchor).map(|(anchor, _)| anchor.as_str())
    }

    /// All keys that lead to the person at an anchor: the numbers of its class, and the source keys that stand with it.
    pub fn keys_of(&self, anchor: &str) -> BTreeSet<String> {
        let class = self.class(anchor);
        let mut keys: BTreeSet<String> = class.iter().map(|pin| format!("pin:{}", pin.as_str())).collect();
        keys.insert(anchor.to_owned());
        let together = |records: &BTreeSet<RecordKey>| {
            records.iter().all(|key| self.attached.get(key).is_some_and(|to| to.anchor == anchor))
        };
        keys.extend(self.offered.iter().filter(|(_, records)| together(records)).map(|(key, _)| key.clone()));
        keys
    }

    fn class(&self, anchor: &str) -> BTreeSet<Pin> {
        let pin = anchor.strip_prefix("pin:").and_then(|pin| pin.parse().ok());
        pin.map(|pin| self.register.class(&pin)).unwrap_or_default()
    }

    /// The person at an anchor; `person_id` is the name that it goes by.
    pub fn person(&self, anchor: &str, person_id: PersonId, terms: &Terms<'_>) -> Option<KnownPerson> {
        self.person_without(anchor, person_id, terms, &|_| false)
    }

    /// The person at an anchor as it would be if some of its records, and the decisions for them, were not there: for whoever
    /// may not learn that they are. Where records stand and what the register says stay as they are.
    pub fn person_without(
        &self,
        anchor: &str,
        person_id: PersonId,
        terms: &Terms<'_>,
        hides: &dyn Fn(&RecordKey) -> bool,
    ) -> Option<KnownPerson> {
        let mut own = self.own(anchor, terms)?;
        own.records.retain(|record| !hides(&record.record_key));
        own.decisions.retain(|decision| !hides(&decision.takes));
        let ties = self.ties(anchor, &own.records, terms);
        let outcome = merge(&MergeInput { ties: &ties, ..own.input(person_id, terms) });
        let mut cases = outcome.cases.clone();
        let contradicted = own
            .records
            .iter()
            .filter(|record| self.attached.get(&record.record_key).is_some_and(|to| to.contradicted));
        cases.extend(
            contradicted
                .filter_map(offer)
                .filter_map(|offer| contradiction(offer, &self.register, terms.key)),
        );
        cases.extend(self.questions_of_rulings(&own.records, terms));
        if outcome.image.lifecycle != Lifecycle::Deceased {
            cases.extend(self.questions_of_pairs(anchor, person_id, terms));
        }
        let Own { records, register, decisions } = own;
        Some(KnownPerson { anchor: anchor.to_owned(), records, decisions, register, ties, outcome, cases })
    }

    fn questions_of_rulings(&self, own: &[SourceRecord], terms: &Terms<'_>) -> Vec<CaseFinding> {
        let is_own = |key: &RecordKey| own.iter().any(|record| record.record_key == *key);
        let about = |d: &&IdentityDecision| d.named().any(|named| is_own(&named.record_key));
        let decisions: Vec<_> = self.about_persons.iter().filter(about).collect();
        if decisions.is_empty() {
            return Vec::new();
        }
        let named = decisions.iter().flat_map(|d| d.named()).map(|named| &named.record_key);
        let now = named.filter_map(|key| Some((key.clone(), self.then(key, terms)?))).collect();
        questions_of_rulings(own, &self.about_persons, &now, terms.key)
    }

    /// The questions about pairs that the person at an anchor is of. The others go by names of this view.
    fn questions_of_pairs(&self, anchor: &str, person_id: PersonId, terms: &Terms<'_>) -> Vec<CaseFinding> {
        let at = |key: &RecordKey| self.attached.get(key).map(|to| to.anchor.as_str());
        let is_own = |key: &RecordKey| at(key) == Some(anchor);
        let own: Vec<Resemblance> =
            self.resembling.iter().filter(|one| is_own(&one.record) || is_own(&one.other)).cloned().collect();
        if own.is_empty() {
            return Vec::new();
        }
        let person_of = |key: &RecordKey| {
            if is_own(key) {
                return Some(person_id);
            }
            let other = at(key)?;
            let place = self.at.keys().position(|known| known == other)?;
            self.facts(other, terms).filter(|facts| facts.alive)?;
            Some(PersonId::from_u128(1 + place as u128))
        };
        let says = |key: &RecordKey| self.then(key, terms).map(|record| evidence(&record));
        resemblances(own, &in_force(&self.about_persons), person_of, says, terms.key)
    }

    /// The state hash of all persons.
    pub fn state_hash(&self, terms: &Terms<'_>) -> StateHash {
        let mut hash = StateHash::default();
        for anchor in self.at.keys() {
            if let Some(person) = self.person(anchor, PersonId::nil(), terms) {
                hash.add(&person_hash(&person.records, &person.outcome.image, &person.cases));
            }
        }
        hash
    }

    fn own(&self, anchor: &str, terms: &Terms<'_>) -> Option<Own> {
        let keys = self.at.get(anchor)?;
        let mut records: Vec<SourceRecord> = keys.iter().filter_map(|key| self.then(key, terms)).collect();
        let class = self.class(anchor);
        let mut register = Vec::new();
        let mut unissued = BTreeSet::new();
        for entry in self.register.entries(&class) {
            match self.then(&entry.record_key, terms).as_ref().and_then(register_entry) {
                Some(entry) => register.push(entry),
                None => {
                    unissued.insert(entry.pin.as_str().to_owned());
                }
            }
        }
        for entry in &register {
            unissued.remove(entry.pin.as_str());
        }
        for record in &mut records {
            record.identifiers.retain(|i| i.kind != IdentifierKind::Pin || !unissued.contains(&i.value));
        }
        let named: BTreeSet<&RecordKey> = keys.iter().collect();
        Some(Own { decisions: decisions_about(&self.decisions, &named), records, register })
    }

    /// A record as it held on the day asked about.
    fn then(&self, key: &RecordKey, terms: &Terms<'_>) -> Option<SourceRecord> {
        let record = self.records.get(key)?;
        if terms.day < terms.today { on_day(record, terms.day) } else { Some(record.clone()) }
    }

    fn ties(&self, anchor: &str, own: &[SourceRecord], terms: &Terms<'_>) -> Vec<Tie> {
        let mut ties = Vec::new();
        let mut heard: BTreeMap<&str, Option<PersonFacts>> = BTreeMap::new();
        for record in own {
            let Some(group) = relation_group(record) else { continue };
            let members = self.groups.get(&group).into_iter().flatten();
            let members =
                members.filter_map(|key| self.then(key, terms)).filter(|r| relation_group(r).is_some());
            for other in members.take(MAX_TIES) {
                let Some(to) = self.attached.get(&other.record_key) else { continue };
                if to.anchor == anchor {
                    continue;
                }
                let facts = heard.entry(&to.anchor).or_insert_with(|| self.facts(&to.anchor, terms));
                let Some(facts) = facts.clone() else { continue };
                let relation = other.fields.iter().find(|(name, _)| name.as_str() == "npd.relation_to_head");
                let relation_to_head = relation.and_then(|(_, value)| value.text()).map(ToOwned::to_owned);
                ties.push(Tie {
                    own: record.record_key.clone(),
                    other: other.record_key,
                    relation_to_head,
                    facts,
                });
            }
        }
        ties.sort_by(|a, b| (&a.own, &a.other).cmp(&(&b.own, &b.other)));
        ties
    }

    fn facts(&self, anchor: &str, terms: &Terms<'_>) -> Option<PersonFacts> {
        Some(facts(&self.own(anchor, terms)?.input(PersonId::nil(), terms)))
    }
}

/// The decisions that name any of the records, and those that take these back.
pub fn decisions_about(decisions: &[Decision], records: &BTreeSet<&RecordKey>) -> Vec<Decision> {
    let names = |d: &Decision| {
        records.contains(&d.takes) || d.considered.iter().any(|c| records.contains(&c.record_key))
    };
    let mut about: BTreeSet<&str> = decisions.iter().filter(|d| names(d)).map(|d| d.id.as_str()).collect();
    loop {
        let reverses = |d: &&Decision| d.reverses.as_deref().is_some_and(|id| about.contains(id));
        let more: Vec<&str> = decisions.iter().filter(reverses).map(|d| d.id.as_str()).collect();
        let before = about.len();
        about.extend(more);
        if about.len() == before {
            break;
        }
    }
    decisions.iter().filter(|d| about.contains(d.id.as_str())).cloned().collect()
}
