//! From stewards' decisions to what rule 1 of attaching reads: where a record is put, where it may not be, and which
//! anchors are one person's (design §3).
//!
//! A function of the *set* of decisions: those taken back do not count; of two about the same thing the later stands, then
//! the greater id.

use crate::{IdentityDecision, NamedRecord, RecordKey, RecordedLinks, RulingKind};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

type Moment<'a> = (DateTime<Utc>, &'a str);

/// What the decisions in force say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    links: BTreeMap<RecordKey, String>,
    separations: BTreeMap<RecordKey, Vec<String>>,
    /// By pair of records, the lesser key first.
    joined: BTreeMap<(RecordKey, RecordKey), (String, String)>,
}

/// What stands about a record and an anchor, or about a pair of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Together,
    Apart,
}

impl Rulings {
    /// Works out what the decisions say together.
    pub fn of<'a>(decisions: impl IntoIterator<Item = &'a IdentityDecision>) -> Self {
        let mut read = Reading::default();
        for decision in in_force(decisions) {
            read.take(decision);
        }
        read.settle()
    }

    /// The records that links and separations are about.
    pub fn records(&self) -> BTreeSet<&RecordKey> {
        self.links.keys().chain(self.separations.keys()).collect()
    }

    /// What they say of one record.
    pub fn on(&self, record_key: &RecordKey) -> RecordedLinks<'_> {
        RecordedLinks {
            steward: self.links.get(record_key).map(String::as_str),
            separated: self.separations.get(record_key).map(Vec::as_slice).unwrap_or_default(),
            scored: None,
        }
    }

    /// The pairs of anchors that a merge makes one person's.
    pub fn joined(&self) -> impl Iterator<Item = (&str, &str)> {
        self.joined.values().map(|(a, b)| (a.as_str(), b.as_str()))
    }

    /// The merges that hold, by the pair of records that each names, the lesser key first.
    pub fn merges(&self) -> impl Iterator<Item = (&(RecordKey, RecordKey), (&str, &str))> {
        self.joined.iter().map(|(pair, (a, b))| (pair, (a.as_str(), b.as_str())))
    }
}

/// The decisions that no other one in force takes back. Only an earlier decision can be taken back, so that no circle
/// arises.
fn in_force<'a>(decisions: impl IntoIterator<Item = &'a IdentityDecision>) -> Vec<&'a IdentityDecision> {
    let sorted: BTreeMap<Moment<'a>, &IdentityDecision> =
        decisions.into_iter().map(|d| ((d.decided_at, d.id.as_str()), d)).collect();
    let (mut taken_back, mut standing) = (BTreeSet::new(), Vec::new());
    for decision in sorted.into_values().rev() {
        if !taken_back.contains(decision.id.as_str()) {
            taken_back.extend(decision.reverses.as_deref());
            standing.push(decision);
        }
    }
    standing.reverse();
    standing
}

/// What stands so far; decisions are taken from the earliest to the latest, so a later one takes an earlier one's place.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// By record and anchor.
    places: BTreeMap<(&'a RecordKey, &'a str), (Says, usize)>,
    /// By pair of records, the lesser key first.
    pairs: BTreeMap<(&'a RecordKey, &'a RecordKey), (Says, &'a str, &'a str)>,
    taken: usize,
}

impl<'a> Reading<'a> {
    fn take(&mut self, decision: &'a IdentityDecision) {
        let Some(ruling) = &decision.ruling else { return };
        let subject = &ruling.subject;
        self.taken += 1;
        match (ruling.kind, &ruling.other) {
            (RulingKind::Link, Some(other)) => self.place(&subject.record_key, &other.anchor, Says::Together),
            (RulingKind::Split, _) => self.place(&subject.record_key, &subject.anchor, Says::Apart),
            (RulingKind::Merge, Some(other)) => self.pair(subject, other, Says::Together),
            (RulingKind::KeepSeparate | RulingKind::ConfirmTwins, Some(other)) => {
                self.pair(subject, other, Says::Apart);
            }
            (
                RulingKind::MarkConfusion
                | RulingKind::SendBack
                | RulingKind::UnderInvestigation
                | RulingKind::Link
                | RulingKind::Merge
                | RulingKind::KeepSeparate
                | RulingKind::ConfirmTwins,
                _,
            ) => {}
        }
    }

    fn place(&mut self, record: &'a RecordKey, anchor: &'a str, says: Says) {
        self.places.insert((record, anchor), (says, self.taken));
    }

    fn pair(&mut self, one: &'a NamedRecord, two: &'a NamedRecord, says: Says) {
        let (less, more) = if one.record_key <= two.record_key { (one, two) } else { (two, one) };
        self.pairs.insert((&less.record_key, &more.record_key), (says, &less.anchor, &more.anchor));
    }

    fn settle(self) -> Rulings {
        let mut rulings = Rulings::default();
        let mut newest: BTreeMap<&RecordKey, usize> = BTreeMap::new();
        for ((record, anchor), (says, at)) in self.places {
            match says {
                Says::Apart => rulings.separate(record, anchor),
                Says::Together => {
                    let place = newest.entry(record).or_default();
                    if at > *place {
                        *place = at;
                        rulings.links.insert(record.clone(), anchor.to_owned());
                    }
                }
            }
        }
        for ((less, more), (says, anchor, other)) in self.pairs {
            match says {
                Says::Together if anchor != other => {
                    let anchors = (anchor.to_owned(), other.to_owned());
                    rulings.joined.insert((less.clone(), more.clone()), anchors);
                }
                Says::Together => {}
                // Two that stood at one place cannot both leave it: the later key in order does.
                Says::Apart if anchor == other => rulings.separate(more, anchor),
                Says::Apart => {
                    rulings.separate(less, other);
                    rulings.separate(more, anchor);
                }
            }
        }
        for list in rulings.separations.values_mut() {
            list.sort();
            list.dedup();
        }
        rulings
    }
}

impl Rulings {
    fn separate(&mut self, record: &RecordKey, anchor: &str) {
        self.separations.entry(record.clone()).or_default().push(anchor.to_owned());
    }
}
