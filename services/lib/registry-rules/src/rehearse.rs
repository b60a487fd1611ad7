//! What other rules would make of a person, beside what the rules in force make: the difference, in numbers and names of
//! fields, never in values.

use crate::known::KnownPerson;
use crate::{Agreement, CaseFinding, CaseKind, CaseSubject, FieldName, RecordKey};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Examples kept of each field.
const EXAMPLES: usize = 5;
/// Decisions named at most; their number is counted on.
const DECISIONS: usize = 1_000;

/// What becomes of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// Persons for whom another value stands.
    pub changed: u64,
    /// Persons who have a value only by the new rules.
    pub gained: u64,
    /// Persons who have a value only by the rules in force.
    pub lost: u64,
    /// Persons for whom the same value stands in another state: agreed, disputed, decided.
    pub state: u64,
    /// Cases about it that open.
    pub cases_opened: u64,
    /// Cases about it that close.
    pub cases_closed: u64,
    /// A record each of some persons whose value differs.
    pub examples: Vec<RecordKey>,
}

/// What would become of all persons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// Persons compared.
    pub persons: u64,
    /// Persons of whom anything that agreements can name differs.
    pub persons_changed: u64,
    /// Pairs of records that come to stand together.
    pub pairs_joined: u64,
    /// Pairs of records that part.
    pub pairs_split: u64,
    /// Fields of whom anything differs.
    pub fields: BTreeMap<FieldName, FieldDifference>,
    /// Cases of all kinds that open.
    pub cases_opened: u64,
    /// Cases of all kinds that close.
    pub cases_closed: u64,
    /// Decisions whose value stands now and would not by the new rules.
    pub decisions_contradicted: u64,
    /// Some of them.
    pub decisions: BTreeSet<String>,
}

/// A question without the fingerprint: whether it is open at all.
type Question<'a> = (Option<&'a RecordKey>, CaseKind, Option<&'a FieldName>);

fn questions(cases: &[CaseFinding]) -> BTreeSet<Question<'_>> {
    cases
        .iter()
        .map(|case| {
            let record = match &case.subject {
                CaseSubject::Record(key) => Some(key),
                CaseSubject::Person(_) | CaseSubject::Pair(..) => None,
            };
            (record, case.kind, case.field.as_ref())
        })
        .collect()
}

impl Rehearsal {
    /// Adds what becomes of one person: by the rules in force, and by the new ones, on the same day from the same records.
    pub fn compare(&mut self, live: &KnownPerson, new: &KnownPerson) {
        self.persons += 1;
        let (before, after) = (&live.outcome.image, &new.outcome.image);
        let mut differs = before.lifecycle != after.lifecycle || before.countable != after.countable;
        let names: BTreeSet<&FieldName> = before.fields.keys().chain(after.fields.keys()).collect();
        for name in names {
            let (was, is) = (before.fields.get(name), after.fields.get(name));
            let count: fn(&mut FieldDifference) -> &mut u64 = match (was, is) {
                (Some(was), Some(is)) if was.value != is.value => |d| &mut d.changed,
                (Some(was), Some(is)) if was.state != is.state => |d| &mut d.state,
                (Some(_), Some(_)) | (None, None) => continue,
                (None, Some(_)) => |d| &mut d.gained,
                (Some(_), None) => |d| &mut d.lost,
            };
            let difference = self.fields.entry(name.clone()).or_default();
            *count(difference) += 1;
            if difference.examples.len() < EXAMPLES {
                difference.examples.extend(live.records.first().map(|r| r.record_key.clone()));
            }
            differs = true;
            self.decision(was.map(|f| f.rule.as_str()), is.map(|f| f.rule.as_str()));
        }
        self.persons_changed += u64::from(differs);
        self.cases(&questions(&live.cases), &questions(&new.cases));
    }

    fn decision(&mut self, was: Option<&str>, is: Option<&str>) {
        let Some(decision) = was.and_then(|rule| rule.strip_prefix("decision/")) else { return };
        if is != was {
            self.decisions_contradicted += 1;
            if self.decisions.len() < DECISIONS {
                self.decisions.insert(decision.to_owned());
            }
        }
    }

    fn cases(&mut self, live: &BTreeSet<Question<'_>>, new: &BTreeSet<Question<'_>>) {
        for (_, _, field) in new.difference(live) {
            self.cases_opened += 1;
            if let Some(field) = field {
                self.fields.entry((*field).clone()).or_default().cases_opened += 1;
            }
        }
        for (_, _, field) in live.difference(new) {
            self.cases_closed += 1;
            if let Some(field) = field {
                self.fields.entry((*field).clone()).or_default().cases_closed += 1;
            }
        }
    }

    /// The fields of an agreement whose values differ for anybody, by the names that it has for them.
    pub fn touched<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let values = |item: &str| {
            let name = item.parse::<FieldName>().ok();
            name.and_then(|name| self.fields.get(&name)).is_some_and(|d| d.changed + d.gained + d.lost > 0)
        };
        fields
            .into_iter()
            .filter(|field| {
                let mut parts = field.splitn(3, '.');
                let item = parts.next().zip(parts.next()).map(|(space, item)| format!("{space}.{item}"));
                item.is_some_and(|item| values(&item))
            })
            .collect()
    }

    /// As [`Self::touched`], for an agreement that was read.
    pub fn touched_of<'a>(&self, agreement: &'a Agreement) -> BTreeSet<&'a str> {
        self.touched(agreement.fields.iter().map(String::as_str))
    }
}
