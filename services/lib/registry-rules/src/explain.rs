//! Why a value stands: by which rule, against which other records' values, who decided.

use crate::catalogue::{Cardinality, ConflictRule, FieldDefinition};
use crate::claims::compatible;
use crate::decision::{Decision, in_force};
use crate::known::{KnownPerson, Terms};
use crate::{FieldName, FieldValue, PartialDate, RecordKey, SourceRecord, Standing, StandingField, TieKind};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What became of one record's statement of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the value that stands, or an element of it.
    Stands,
    /// It says the same, or the same less precisely.
    Agrees,
    /// It cannot be true together with what stands.
    Contradicts,
    /// It differs, and the item changes in the course of life: an earlier or later time.
    Differs,
    /// Another record of the same source comes first.
    SourceSaysOther,
    /// Its legal time has not begun.
    NotYet,
    /// Its legal time is over.
    Ended,
    /// The record is annulled or ended.
    NotCounting,
    /// Its source has no authority over the item: evidence only.
    NoAuthority,
}

/// One record's statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Which record.
    pub record_key: RecordKey,
    /// What it says.
    pub value: FieldValue,
    /// Rank of its authority, 0 the highest.
    pub rank: Option<usize>,
    /// How the record stands in law.
    pub standing: Standing,
    /// Legal time, first day.
    pub valid_from: Option<PartialDate>,
    /// Legal time, last day.
    pub valid_to: Option<PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
    /// What became of it.
    pub verdict: Verdict,
}

/// A decision about the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedDecision {
    /// Its id.
    pub decision_id: String,
    /// The record whose value it takes.
    pub takes: RecordKey,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// The decision that it takes back.
    pub reverses: Option<String>,
    /// Not taken back, and the newest of those.
    pub in_force: bool,
    /// The record still says what was decided for, so that its value stands.
    pub followed: bool,
}

/// Why a field of a person has its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The field.
    pub field: FieldName,
    /// The item of Law on Identity 26/2023/QH15.
    pub article: String,
    /// What stands; none where no statement counts.
    pub stands: Option<StandingField>,
    /// The law that the rule by which it stands rests on; none where the item's own article is all there is to say.
    pub ground: Option<String>,
    /// Whether a question about it is open.
    pub open_case: bool,
    /// All statements, the first in authority first.
    pub statements: Vec<Explained>,
    /// Decisions about it, the oldest first.
    pub decisions: Vec<ExplainedDecision>,
}

/// Explains a field of a person; `terms` are those that the person was merged by.
pub fn explain(person: &KnownPerson, field: &FieldDefinition, terms: &Terms<'_>) -> Explanation {
    let stands = person.outcome.image.fields.get(&field.name).cloned();
    let statements = match field.cardinality {
        Cardinality::One | Cardinality::Collected => statements(person, field, stands.as_ref(), terms),
        Cardinality::Identifier => numbers(person, field),
        Cardinality::Relation => relations(person, field),
    };
    let rule = stands.as_ref().map(|s| s.rule.clone());
    let ground = rule.as_deref().and_then(|rule| terms.catalogue.ground_of(rule));
    Explanation {
        field: field.name.clone(),
        article: field.article.clone(),
        ground: ground.map(|ground| ground.article.clone()),
        open_case: person.cases.iter().any(|case| case.field.as_ref() == Some(&field.name)),
        decisions: decided(&person.decisions, &field.name, rule.as_deref()),
        stands,
        statements,
    }
}

fn explained(record: &SourceRecord, value: FieldValue, rank: Option<usize>, verdict: Verdict) -> Explained {
    Explained {
        record_key: record.record_key.clone(),
        value,
        rank,
        standing: record.standing,
        valid_from: record.valid_from,
        valid_to: record.valid_to,
        recorded_at: record.recorded_at,
        verdict,
    }
}

/// What every record says of the item: the one that stands, then by rank of authority.
fn statements(
    person: &KnownPerson,
    field: &FieldDefinition,
    stands: Option<&StandingField>,
    terms: &Terms<'_>,
) -> Vec<Explained> {
    let mut stated = Vec::new();
    for record in &person.records {
        let Some(value) = record.fields.get(&field.name).filter(|value| !value.is_empty()) else { continue };
        let key = &record.record_key;
        let rank = field.rank(key.source(), key.entity(), key.role());
        stated.push((record, value, rank, out_of_account(field, record, rank, terms)));
    }
    stated.sort_by_key(|(record, _, rank, out)| {
        let is_it = stands.is_some_and(|s| s.record_key.as_ref() == Some(&record.record_key));
        (!is_it, out.is_some(), rank.is_none(), *rank, latest_first(record), &record.record_key)
    });
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    let mut told = Vec::with_capacity(stated.len());
    for (record, value, rank, out) in stated {
        let verdict = out.unwrap_or_else(|| {
            let is_first = heard.insert(record.record_key.source());
            verdict(field, stands, (&record.record_key, value), is_first)
        });
        told.push(explained(record, value.clone(), rank, verdict));
    }
    told
}

/// Among those of one rank a correction comes first, then the latest legal date, then what was recorded last.
fn latest_first(record: &SourceRecord) -> impl Ord + use<> {
    let from = record.valid_from.map(PartialDate::latest);
    (record.standing != Standing::Corrected, Reverse(from), Reverse(record.recorded_at))
}

/// Why a statement does not count on the day asked about.
fn out_of_account(
    field: &FieldDefinition,
    record: &SourceRecord,
    rank: Option<usize>,
    terms: &Terms<'_>,
) -> Option<Verdict> {
    let begins_later = record.valid_from.and_then(PartialDate::full).is_some_and(|from| from > terms.day);
    let has_ended = record.valid_to.map(PartialDate::latest).is_some_and(|end| end < terms.day);
    if rank.is_none() {
        Some(Verdict::NoAuthority)
    } else if !record.standing.counts() {
        Some(Verdict::NotCounting)
    } else if begins_later {
        Some(Verdict::NotYet)
    } else if field.conflict == ConflictRule::Latest && has_ended {
        Some(Verdict::Ended)
    } else {
        None
    }
}

fn verdict(
    field: &FieldDefinition,
    stands: Option<&StandingField>,
    (key, value): (&RecordKey, &FieldValue),
    is_first: bool,
) -> Verdict {
    let Some(stands) = stands else { return Verdict::Differs };
    if field.cardinality == Cardinality::Collected || stands.record_key.as_ref() == Some(key) {
        return Verdict::Stands;
    }
    if compatible(field.comparison, &stands.value, value) {
        Verdict::Agrees
    } else if !is_first {
        Verdict::SourceSaysOther
    } else if field.conflict == ConflictRule::Latest {
        Verdict::Differs
    } else {
        Verdict::Contradicts
    }
}

/// Numbers: the register's entries, and the records that carry one.
fn numbers(person: &KnownPerson, field: &FieldDefinition) -> Vec<Explained> {
    let kind = match field.name.as_str() {
        "npd.pin" => crate::IdentifierKind::Pin,
        "npd.cmnd9" => crate::IdentifierKind::Cmnd9,
        _ => return Vec::new(),
    };
    let stands = person.outcome.image.fields.get(&field.name);
    let carried = person.records.iter().flat_map(|r| r.identifiers.iter().map(move |i| (r, i)));
    carried
        .filter(|(_, identifier)| identifier.kind == kind)
        .map(|(record, identifier)| {
            let value = FieldValue::Text(identifier.value.clone());
            let is_entry = person.register.iter().any(|entry| entry.record_key == record.record_key);
            let verdict = match stands.map(|s| &s.value) {
                Some(FieldValue::List(items)) if items.contains(&value) => Verdict::Stands,
                Some(standing) if *standing == value && is_entry => Verdict::Stands,
                Some(standing) if *standing == value => Verdict::Agrees,
                _ if record.standing.counts() => Verdict::Differs,
                _ => Verdict::NotCounting,
            };
            explained(record, value, is_entry.then_some(0), verdict)
        })
        .collect()
}

/// Related persons: the own record that ties, with what the other's facts say.
fn relations(person: &KnownPerson, field: &FieldDefinition) -> Vec<Explained> {
    let stands = person.outcome.image.fields.get(&field.name);
    let wanted = |kind: TieKind| (kind == TieKind::Household) == (field.name.as_str() == "npd.household");
    let ties =
        person.ties.iter().filter_map(|tie| tie.kind().filter(|kind| wanted(*kind)).map(|kind| (tie, kind)));
    ties.filter_map(|(tie, kind)| {
        let record = person.records.iter().find(|record| record.record_key == tie.own)?;
        let relation = match kind {
            TieKind::Household => tie.relation_to_head.as_deref().unwrap_or(""),
            TieKind::Mother | TieKind::Father | TieKind::Child | TieKind::Spouse => kind.as_str(),
        };
        let value = tie.element(relation);
        let listed =
            stands.is_some_and(|s| matches!(&s.value, FieldValue::List(all) if all.contains(&value)));
        let verdict = if listed { Verdict::Stands } else { Verdict::Ended };
        Some(Explained { record_key: tie.other.clone(), ..explained(record, value, None, verdict) })
    })
    .collect()
}

fn decided(decisions: &[Decision], field: &FieldName, rule: Option<&str>) -> Vec<ExplainedDecision> {
    let about: BTreeSet<&str> =
        decisions.iter().filter(|d| d.field == *field).map(|d| d.id.as_str()).collect();
    let force = in_force(decisions, field).map(|d| d.id.as_str());
    let mut told: Vec<ExplainedDecision> = decisions
        .iter()
        .filter(|d| {
            about.contains(d.id.as_str()) || d.reverses.as_deref().is_some_and(|id| about.contains(id))
        })
        .map(|d| ExplainedDecision {
            decision_id: d.id.clone(),
            takes: d.takes.clone(),
            decided_at: d.decided_at,
            reverses: d.reverses.clone(),
            in_force: force == Some(d.id.as_str()),
            followed: rule.and_then(|rule| rule.strip_prefix("decision/")) == Some(d.id.as_str()),
        })
        .collect();
    told.sort_by(|a, b| (a.decided_at, &a.decision_id).cmp(&(b.decided_at, &b.decision_id)));
    told
}
