//! A registry as simple as it can be: the whole history in a list, sorted; every question answered by looking through all
//! of it. Nothing is indexed, kept or updated, so there is nothing to get out of step.
//!
//! It shares with the registry only the laws themselves: what a record offers, how an offer is placed among what stands
//! for its key, how a person's records are merged.

use chrono::NaiveDate;
use registry_rules::{
    Attachment, CaseFinding, Decision, FieldCatalogue, FingerprintKey, IdentityDecision, MergeInput, Offer,
    PersonFacts, PersonId, Pin, PinRegister, RecordKey, RegisterEntry, Rulings, SourceRecord, Standing,
    StandsFor, StateHash, Tie, TieKind, attach, contradiction, facts, merge, offer, person_hash,
    register_entry,
};
use std::collections::BTreeSet;

/// Members of a group that one person hears of, as the registry's own limit.
const MEMBERS: usize = 64;

/// The simplest registry.
#[derive(Debug)]
pub struct Reference {
    records: Vec<SourceRecord>,
    decisions: Vec<Decision>,
    rulings: Rulings,
    register: PinRegister,
    catalogue: FieldCatalogue,
    key: FingerprintKey,
    today: NaiveDate,
}

/// Everything that is said of one person.
#[derive(Debug)]
pub struct Person {
    /// Where its records are attached.
    pub anchor: String,
    /// Its records.
    pub records: Vec<SourceRecord>,
    /// What is merged of them.
    pub outcome: registry_rules::MergeOutcome,
    /// Open questions.
    pub cases: Vec<CaseFinding>,
}

impl Reference {
    /// Sorts a history of record versions, in any order and with repetitions, and keeps the last word of each record.
    pub fn new(
        mut history: Vec<SourceRecord>,
        catalogue: FieldCatalogue,
        key: FingerprintKey,
        today: NaiveDate,
    ) -> Self {
        history.sort_by(|a, b| (&a.record_key, a.version).cmp(&(&b.record_key, b.version)));
        let mut records: Vec<SourceRecord> = Vec::new();
        for record in history {
            if records.last().is_some_and(|last| last.record_key == record.record_key) {
                records.pop();
            }
            records.push(record);
        }
        records.retain(|record| record.standing != Standing::Withdrawn);
        let of_steward = |record: &&SourceRecord| record.record_key.source() == "steward";
        let decisions =
            records.iter().filter(of_steward).filter(|r| !IdentityDecision::is_one(&r.record_key));
        let decisions = decisions.filter_map(|r| Decision::from_record(r).ok().flatten()).collect();
        let rulings = records.iter().filter(|r| IdentityDecision::is_one(&r.record_key));
        let rulings: Vec<_> =
            rulings.filter_map(|r| IdentityDecision::from_record(r).ok().flatten()).collect();
        let rulings = Rulings::of(&rulings);
        records.retain(|record| !of_steward(&record));
        let register = PinRegister::new(records.iter().filter_map(register_entry)).joined(rulings.joined());
        Self { records, decisions, rulings, register, catalogue, key, today }
    }

    /// All persons, by where their records stand.
    pub fn persons(&self) -> Vec<Person> {
        let offers: Vec<Offer> = self.records.iter().filter_map(offer).collect();
        let with_links = offers.iter().map(|offer| (offer, self.rulings.on(&offer.record_key)));
        let stands_for = StandsFor::of(with_links, &self.register);
        let place =
            |offer: &Offer| attach(offer, self.rulings.on(&offer.record_key), &self.register, &stands_for);
        let placed: Vec<(&SourceRecord, Attachment)> =
            self.records.iter().zip(offers.iter().map(place)).collect();
        let anchors: BTreeSet<&str> = placed.iter().map(|(_, to)| to.anchor.as_str()).collect();
        anchors.into_iter().map(|anchor| self.person(anchor, &placed)).collect()
    }

    /// The state hash over all persons.
    pub fn state_hash(&self) -> StateHash {
        let mut hash = StateHash::default();
        for person in self.persons() {
            hash.add(&person_hash(&person.records, &person.outcome.image, &person.cases));
        }
        hash
    }

    fn person(&self, anchor: &str, placed: &[(&SourceRecord, Attachment)]) -> Person {
        let records = own(anchor, placed);
        let (register, decisions) = (self.entries(anchor), self.decisions(&records));
        let ties = self.ties(anchor, &records, placed);
        let input = self.input(&records, &register, &decisions);
        let outcome = merge(&MergeInput { ties: &ties, ..input });
        let mut cases = outcome.cases.clone();
        for (record, to) in placed {
            if to.anchor == anchor && to.contradicted {
                cases.extend(offer(record).and_then(|offer| contradiction(offer, &self.register, &self.key)));
            }
        }
        Person { anchor: anchor.to_owned(), records, outcome, cases }
    }

    fn input<'a>(
        &'a self,
        records: &'a [SourceRecord],
        register: &'a [RegisterEntry],
        decisions: &'a [Decision],
    ) -> MergeInput<'a> {
        MergeInput {
            person_id: PersonId::nil(),
            absorbed: &[],
            records,
            register,
            ties: &[],
            decisions,
            catalogue: &self.catalogue,
            key: &self.key,
            business_date: self.today,
        }
    }

    /// The register's entries of the numbers that stand together at an anchor: whatever is joined to one by re-issue or by
    /// a merge decision.
    fn entries(&self, anchor: &str) -> Vec<RegisterEntry> {
        let mut own: Vec<_> = self.records.iter().filter_map(register_entry).collect();
        let mut together = BTreeSet::from([anchor.to_owned()]);
        let mut before = 0;
        while before < together.len() {
            before = together.len();
            let reissued =
                own.iter().filter_map(|entry| Some((at(&entry.pin), at(entry.replaces.as_ref()?))));
            let merged = self.rulings.joined().map(|(one, other)| (one.to_owned(), other.to_owned()));
            for (one, other) in reissued.chain(merged) {
                if together.contains(&one) || together.contains(&other) {
                    together.extend([one, other]);
                }
            }
        }
        own.retain(|entry| anchor.starts_with("pin:") && together.contains(&at(&entry.pin)));
        own.sort_by(|a, b| (&a.pin, &a.record_key).cmp(&(&b.pin, &b.record_key)));
        own
    }

    /// The decisions that name one of the records, and those that take these back, and so on.
    fn decisions(&self, records: &[SourceRecord]) -> Vec<Decision> {
        let has = |key: &RecordKey| records.iter().any(|record| record.record_key == *key);
        let mut about: Vec<Decision> = Vec::new();
        for _ in 0..=self.decisions.len() {
            for decision in &self.decisions {
                let names = has(&decision.takes) || decision.considered.iter().any(|c| has(&c.record_key));
                let reverses = about.iter().any(|other| decision.reverses.as_ref() == Some(&other.id));
                if (names || reverses) && !about.contains(decision) {
                    about.push(decision.clone());
                }
            }
        }
        about
    }

    fn ties(
        &self,
        anchor: &str,
        records: &[SourceRecord],
        placed: &[(&SourceRecord, Attachment)],
    ) -> Vec<Tie> {
        let mut ties = Vec::new();
        for record in records.iter().filter(|record| tying(record)) {
            let members = placed
                .iter()
                .filter(|(other, _)| tying(other) && other.relation_group == record.relation_group);
            for (other, to) in members.take(MEMBERS) {
                if to.anchor == anchor {
                    continue;
                }
                let relation = other.fields.iter().find(|(name, _)| name.as_str() == "npd.relation_to_head");
                ties.push(Tie {
                    own: record.record_key.clone(),
                    other: other.record_key.clone(),
                    relation_to_head: relation.and_then(|(_, v)| v.text()).map(ToOwned::to_owned),
                    facts: self.facts(&to.anchor, placed),
                });
            }
        }
        ties.sort_by(|a, b| (&a.own, &a.other).cmp(&(&b.own, &b.other)));
        ties
    }

    fn facts(&self, anchor: &str, placed: &[(&SourceRecord, Attachment)]) -> PersonFacts {
        let records = own(anchor, placed);
        let (register, decisions) = (self.entries(anchor), self.decisions(&records));
        facts(&self.input(&records, &register, &decisions))
    }

    /// The person whose record this is.
    pub fn person_of(&self, key: &RecordKey) -> Option<Person> {
        self.persons().into_iter().find(|person| person.records.iter().any(|r| r.record_key == *key))
    }
}

fn at(pin: &Pin) -> String {
    format!("pin:{}", pin.as_str())
}

fn own(anchor: &str, placed: &[(&SourceRecord, Attachment)]) -> Vec<SourceRecord> {
    placed.iter().filter(|(_, to)| to.anchor == anchor).map(|(record, _)| (*record).clone()).collect()
}

fn tying(record: &SourceRecord) -> bool {
    record.relation_group.is_some() && record.standing.counts() && TieKind::possible(&record.record_key)
}
