//! A registry as simple as it can be, to hold the real one against: one thread, the whole history in a list, nothing stored,
//! indexed or updated. It shares with the real one the laws only: what a record offers, how an offer is placed, how a
//! person's records are merged.

use chrono::NaiveDate;
use registry_rules::{
    Attachment, CaseFinding, CaseKind, CaseSubject, Decision, FieldCatalogue, FieldValue, FingerprintKey,
    MergeInput, MergeOutcome, Offer, PersonFacts, PersonId, Pin, PinRegister, RecordKey, RecordedLinks,
    RegisterEntry, SourceRecord, Standing, StateHash, Tie, TieKind, accepted_anchor, attach, facts, merge,
    offer, person_hash, register_entry,
};
use std::collections::{BTreeMap, BTreeSet};

/// The source whose records are decisions, attached to nobody.
const STEWARD: &str = "steward";
/// Members of a group that one person hears of: the first by record key, as in the registry.
const MEMBERS: usize = 64;
/// Severity of a number that names somebody else.
const CONTRADICTED: u8 = 5;

/// By what it is merged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The rules.
    pub catalogue: &'a FieldCatalogue,
    /// For fingerprints of cases.
    pub key: &'a FingerprintKey,
    /// The business date.
    pub today: NaiveDate,
}

/// The simplest registry: what it holds is worked out anew with every question.
#[derive(Debug)]
pub struct NaiveRegistry {
    records: Vec<SourceRecord>,
    decisions: Vec<Decision>,
    register: PinRegister,
    entries: Vec<RegisterEntry>,
}

/// One person.
#[derive(Debug)]
pub struct NaivePerson {
    /// Where the records are attached.
    pub anchor: String,
    /// The records, in the order in which they came.
    pub records: Vec<SourceRecord>,
    /// What is merged of them.
    pub outcome: MergeOutcome,
    /// All open questions: about fields, and about records whose number names somebody else.
    pub cases: Vec<CaseFinding>,
}

/// A person's own side.
struct Own {
    records: Vec<SourceRecord>,
    register: Vec<RegisterEntry>,
    decisions: Vec<Decision>,
    contradicted: Vec<Offer>,
}

impl NaiveRegistry {
    /// Takes a history of record versions, in any order and with repetitions; of each record the latest version stands. A
    /// decision that cannot be read decides nothing.
    pub fn of(history: &[SourceRecord]) -> Self {
        let mut records: Vec<SourceRecord> = Vec::new();
        for version in history {
            match records.iter_mut().find(|r| r.record_key == version.record_key) {
                Some(known) if known.version < version.version => *known = version.clone(),
                Some(_) => {}
                None => records.push(version.clone()),
            }
        }
        records.retain(|record| record.standing != Standing::Withdrawn);
        let is_decision = |record: &SourceRecord| record.record_key.source() == STEWARD;
        let decisions = records.iter().filter(|r| is_decision(r));
        let decisions = decisions.filter_map(|r| Decision::from_record(r).ok().flatten()).collect();
        records.retain(|record| !is_decision(record));
        let entries: Vec<_> = records.iter().filter_map(register_entry).collect();
        Self { decisions, register: PinRegister::new(entries.clone()), entries, records }
    }

    /// Everybody, by anchor.
    pub fn persons(&self, terms: Terms<'_>) -> Vec<NaivePerson> {
        let own = self.own();
        let ids: BTreeMap<&str, PersonId> =
            own.keys().zip(1_u128..).map(|(anchor, n)| (anchor.as_str(), PersonId::from_u128(n))).collect();
        let told: BTreeMap<&str, PersonFacts> = own
            .iter()
            .filter_map(|(anchor, own)| {
                Some((anchor.as_str(), facts(&own.input(*ids.get(anchor.as_str())?, &[], terms))))
            })
            .collect();
        own.iter()
            .filter_map(|(anchor, person)| {
                let ties = ties(anchor, &own, &told);
                let outcome = merge(&person.input(*ids.get(anchor.as_str())?, &ties, terms));
                let mut cases = outcome.cases.clone();
                cases.extend(person.contradicted.iter().filter_map(|o| self.contradiction(o, terms.key)));
                Some(NaivePerson { anchor: anchor.clone(), records: person.records.clone(), outcome, cases })
            })
            .collect()
    }

    /// The state hash, comparable with that of a registry that has read the same history.
    pub fn state_hash(persons: &[NaivePerson]) -> StateHash {
        let mut hash = StateHash::default();
        for person in persons {
            hash.add(&person_hash(&person.records, &person.outcome.image, &person.cases));
        }
        hash
    }

    /// Where each record goes, looking at all others that offer its source key.
    fn attachment(&self, offered: &Offer) -> Attachment {
        let others = self.records.iter().filter_map(offer).filter(|o| o.source_key == offered.source_key);
        let classes: BTreeSet<String> =
            others.filter_map(|other| accepted_anchor(&other, &self.register)).collect();
        attach(offered, RecordedLinks::default(), &self.register, &classes)
    }

    fn own(&self) -> BTreeMap<String, Own> {
        let mut own: BTreeMap<String, Own> = BTreeMap::new();
        for record in &self.records {
            let Some(offered) = offer(record) else { continue };
            let to = self.attachment(&offered);
            let person = own.entry(to.anchor.clone()).or_insert_with(|| Own {
                records: Vec::new(),
                register: self.entries(&to.anchor),
                decisions: Vec::new(),
                contradicted: Vec::new(),
            });
            person.records.push(record.clone());
            if to.contradicted {
                person.contradicted.push(offered);
            }
        }
        for person in own.values_mut() {
            person.decisions = self.about(&person.records);
        }
        own
    }

    /// The register's entries of all numbers that stand together at an anchor.
    fn entries(&self, anchor: &str) -> Vec<RegisterEntry> {
        let Some(pin) = anchor.strip_prefix("pin:").and_then(|pin| pin.parse::<Pin>().ok()) else {
            return Vec::new();
        };
        let class = self.register.class(&pin);
        self.entries.iter().filter(|entry| class.contains(&entry.pin)).cloned().collect()
    }

    /// The decisions that name one of the records, and those that take these back, and so on.
    fn about(&self, records: &[SourceRecord]) -> Vec<Decision> {
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

    /// The question about a record whose number names somebody else, with all that the register says of the number.
    fn contradiction(&self, offered: &Offer, key: &FingerprintKey) -> Option<CaseFinding> {
        let pin = offered.pin.as_ref()?;
        let class = self.register.class(pin);
        let says = |pin: &Pin, name: Option<&String>, birth: Option<String>| {
            FieldValue::parts([
                ("pin", pin.as_str().to_owned()),
                ("name", name.cloned().unwrap_or_default()),
                ("birth", birth.unwrap_or_default()),
            ])
        };
        let birth = offered.birth.map(|b| b.to_string());
        let mut said = vec![(offered.record_key.clone(), says(pin, offered.name.as_ref(), birth))];
        for entry in self.register.entries(&class) {
            let birth = entry.birth.map(|b| b.to_string());
            said.push((entry.record_key.clone(), says(&entry.pin, entry.name.as_ref(), birth)));
        }
        Some(CaseFinding {
            subject: CaseSubject::Record(offered.record_key.clone()),
            kind: CaseKind::IdentifierConflict,
            field: None,
            fingerprint: key.claims(said.iter().map(|(key, value)| (key, value))),
            records: said.into_iter().map(|(key, _)| key).collect(),
            severity: CONTRADICTED,
        })
    }
}

impl Own {
    fn input<'a>(&'a self, person_id: PersonId, ties: &'a [Tie], terms: Terms<'a>) -> MergeInput<'a> {
        MergeInput {
            person_id,
            absorbed: &[],
            records: &self.records,
            register: &self.register,
            ties,
            decisions: &self.decisions,
            catalogue: terms.catalogue,
            key: terms.key,
            business_date: terms.today,
        }
    }
}

/// The others in the groups of a person's records.
fn ties(anchor: &str, own: &BTreeMap<String, Own>, told: &BTreeMap<&str, PersonFacts>) -> Vec<Tie> {
    let mut all: Vec<(&str, &SourceRecord)> = own
        .iter()
        .flat_map(|(anchor, own)| own.records.iter().map(move |record| (anchor.as_str(), record)))
        .filter(|(_, record)| is_tying(record))
        .collect();
    all.sort_by(|a, b| a.1.record_key.cmp(&b.1.record_key));
    let mut ties = Vec::new();
    for (_, record) in all.iter().filter(|(at, _)| *at == anchor) {
        let members = all.iter().filter(|(_, other)| other.relation_group == record.relation_group);
        for (at, other) in members.take(MEMBERS).filter(|(at, _)| *at != anchor) {
            let Some(facts) = told.get(at) else { continue };
            let relation = other.fields.iter().find(|(name, _)| name.as_str() == "npd.relation_to_head");
            ties.push(Tie {
                own: record.record_key.clone(),
                other: other.record_key.clone(),
                relation_to_head: relation.and_then(|(_, value)| value.text()).map(ToOwned::to_owned),
                facts: facts.clone(),
            });
        }
    }
    ties
}

fn is_tying(record: &SourceRecord) -> bool {
    record.relation_group.is_some() && record.standing.counts() && TieKind::possible(&record.record_key)
}
