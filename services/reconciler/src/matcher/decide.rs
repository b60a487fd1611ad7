//! One source key's link: a pure function of the records of its blocks, of where they belong without rule 4, and of the links
//! of lesser source keys.
//!
//! A link leads to a person known by number, else to the least source key of those that are one person: never to a key that
//! is itself linked. Two keys come to stand together only if they hold together themselves: A like B and B like C is not
//! enough.

use crate::matcher::MatchModel;
use crate::matcher::compared::is_once;
use crate::matcher::evidence::{evidence, kept_weight};
use record_linkage::{Band, Known, Placing, Reason, Scorer, place};
use registry_store::{LinkChange, MatchRecord, ReviewPair, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs that one source key gives a human at most: the best ones.
const REVIEWS: usize = 3;

/// What deciding reads beside the records.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Where each source key in question is linked to.
    pub(super) of: BTreeMap<String, String>,
    /// Which source keys are linked to each.
    pub(super) to: BTreeMap<String, BTreeSet<String>>,
}

impl Links {
    pub(super) fn add(&mut self, source_key: String, anchor: String) {
        self.to.entry(anchor.clone()).or_default().insert(source_key.clone());
        self.of.insert(source_key, anchor);
    }

    pub(super) fn remove(&mut self, source_key: &str) {
        if let Some(anchor) = self.of.remove(source_key)
            && let Some(others) = self.to.get_mut(&anchor)
        {
            others.remove(source_key);
        }
    }
}

/// What was decided about a source key.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    pub(super) link: Option<LinkChange>,
    pub(super) reviews: Vec<ReviewPair>,
}

/// A source key with its records and those beside them in its blocks.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) source_key: &'a str,
    pub(super) own: Vec<&'a MatchRecord>,
    pub(super) beside: Vec<&'a MatchRecord>,
    /// Anchors that decisions keep it apart from.
    pub(super) apart: &'a BTreeSet<String>,
}

/// The persons beside a source key.
struct Persons<'a> {
    places: Vec<&'a str>,
    known: Vec<Known>,
}

/// Decides.
pub(super) fn decide(
    scorer: &mut Scorer<'_>,
    model: &MatchModel,
    question: &Question<'_>,
    links: &Links,
) -> Result<Decision, StoreError> {
    let own = known(scorer, &question.own, false)?;
    let persons = persons(scorer, question)?;
    let found = place(scorer, &own, &persons.known);
    let chosen = choose(question.source_key, &found, &persons, links);
    let mut decision = Decision::default();
    let mut tell = |placing: &Placing| -> Result<_, StoreError> {
        let pair = (record(scorer, question, placing.pair.0)?, record(scorer, question, placing.pair.1)?);
        let among = (found.as_slice(), persons.places.as_slice(), persons.places.len());
        Ok((pair, evidence(scorer, model, placing, pair, among)))
    };
    let place_of = |placing: &Placing| persons.places.get(placing.person).copied().unwrap_or_default();
    if let Some(placing) = chosen {
        let (_, evidence) = tell(placing)?;
        decision.link = Some(LinkChange {
            source_key: question.source_key.to_owned(),
            anchor: place_of(placing).to_owned(),
            weights: model.version().to_owned(),
            evidence,
        });
        return Ok(decision);
    }
    for placing in found.iter().filter(|placing| asks(question.source_key, placing, &persons)).take(REVIEWS) {
        let ((own, other), evidence) = tell(placing)?;
        decision.reviews.push(ReviewPair {
            source_key: question.source_key.to_owned(),
            record_key: own.record_key.clone(),
            other_key: other.record_key.clone(),
            anchor: place_of(placing).to_owned(),
            twins: placing.reason == Reason::Twins,
            // Whoever reaches the band of links and is not chosen would join records that do not hold together.
            reason: if placing.band == Band::Link { Reason::Conflict } else { placing.reason }
                .as_str()
                .to_owned(),
            weight: kept_weight(placing),
            weights: model.version().to_owned(),
            evidence,
            since: chrono::DateTime::UNIX_EPOCH,
        });
    }
    Ok(decision)
}

/// A pair between two that are both unplaced is the greater key's question.
fn asks(source_key: &str, placing: &Placing, persons: &Persons<'_>) -> bool {
    let settled = persons.known.get(placing.person).is_some_and(|known| known.settled);
    let lesser = persons.places.get(placing.person).is_some_and(|place| *place < source_key);
    placing.band != Band::Separate && (settled || lesser)
}

/// The one that stands under a number; else the best of those lesser keys that lead nowhere else and whose others all hold
/// with this one.
fn choose<'f>(
    source_key: &str,
    found: &'f [Placing],
    persons: &Persons<'_>,
    links: &Links,
) -> Option<&'f Placing> {
    let linked = || found.iter().filter(|placing| placing.band == Band::Link);
    let settled = |placing: &&Placing| persons.known.get(placing.person).is_some_and(|known| known.settled);
    if let Some(placing) = linked().find(settled) {
        return Some(placing);
    }
    let holds: BTreeSet<&str> =
        linked().filter_map(|placing| persons.places.get(placing.person).copied()).collect();
    linked().find(|placing| {
        let Some(place) = persons.places.get(placing.person).copied() else { return false };
        let others = links.to.get(place).into_iter().flatten();
        let mut lesser = others.filter(|other| other.as_str() < source_key);
        place < source_key
            && !links.of.contains_key(place)
            && lesser.all(|other| holds.contains(other.as_str()))
    })
}

/// Records as one person; of those that say the same the first is enough.
fn known(scorer: &Scorer<'_>, records: &[&MatchRecord], settled: bool) -> Result<Known, StoreError> {
    let mut said: BTreeSet<&[String]> = BTreeSet::new();
    let mut found = Known { settled, ..Known::default() };
    for record in records {
        found.once |= is_once(&record.record_key);
        if said.insert(&record.compared) {
            let number = scorer.table().find(&record.record_key);
            found.records.push(number.ok_or(StoreError::Unreadable("what is compared of a record"))?);
        }
    }
    Ok(found)
}

fn persons<'a>(scorer: &Scorer<'_>, question: &Question<'a>) -> Result<Persons<'a>, StoreError> {
    let mut by_place: BTreeMap<&'a str, Vec<&'a MatchRecord>> = BTreeMap::new();
    for record in &question.beside {
        let record: &'a MatchRecord = record;
        if record.source_key != question.source_key && record.place != question.source_key {
            by_place.entry(&record.place).or_default().push(record);
        }
    }
    let mut persons = Persons { places: Vec::new(), known: Vec::new() };
    for (place, mut records) in by_place {
        records.sort_by(|a, b| a.record_key.cmp(&b.record_key));
        records.dedup_by(|a, b| a.record_key == b.record_key);
        let settled = records.iter().any(|record| !record.movable);
        let mut known = known(scorer, &records, settled)?;
        known.apart = question.apart.contains(place);
        persons.places.push(place);
        persons.known.push(known);
    }
    Ok(persons)
}

/// The record of a number in the table.
fn record<'a>(
    scorer: &Scorer<'_>,
    question: &Question<'a>,
    number: u32,
) -> Result<&'a MatchRecord, StoreError> {
    let key = scorer.table().id(number);
    let mut all = question.own.iter().chain(&question.beside);
    all.find(|record| record.record_key == key)
        .copied()
        .ok_or(StoreError::Unreadable("what is compared of a record"))
}
