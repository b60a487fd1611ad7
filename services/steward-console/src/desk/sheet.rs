//! One case as a sheet: the competing values side by side, where each comes from, which stands and by which rule.

use super::action::kinds_for;
use super::claim::Claim;
use super::held::HeldDecision;
use super::proposal::Proposal;
use super::shown_record::ShownRecord;
use crate::difference::{self, Difference};
use crate::rules::Rules;
use crate::vocabulary;
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{
    ActReference, CaseClock, CaseKind, CaseSubject, Comparison, Fault, FieldDefinition, FieldName,
    FieldState, FieldValue, FingerprintKey, PartialDate, PersonId, PersonImage, PinStanding, RecordKey,
    Reported, SourceRecord, Standing, severity,
};
use registry_store::{CaseFacts, CaseStanding};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use uuid::Uuid;

/// More columns than this cannot be compared by eye; those of the highest authority are shown.
const MOST_STATEMENTS: usize = 20;

/// Digits of a number that are shown: enough to tell two numbers of one person apart.
const SHOWN_DIGITS: usize = 4;

/// A case, its values and what was decided about it.
#[derive(Clone, Debug, Serialize)]
pub struct CaseSheet {
    /// Version of this form.
    pub version: u32,
    /// The case.
    pub case_id: String,
    /// What kind of question.
    pub kind: CaseKind,
    /// The harm of its item, 1 to 5.
    pub severity: u8,
    /// Agreements that hold the item of these persons; none where the desk has no sight of disclosure.
    pub affected: Option<u32>,
    /// The severity by which cases are in order: harm for each of these agreements.
    pub weight: u32,
    /// Its state, whom it waits for, until when.
    pub standing: CaseStanding,
    /// The clock that it runs by.
    pub clock: Option<CaseClock>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The item in question.
    pub field: Option<FieldName>,
    /// About whom or what.
    pub subject: CaseSubject,
    /// The person, as far as the registry knows them.
    pub person: Option<PersonLine>,
    /// How the value that stands does so.
    pub state: Option<FieldState>,
    /// The rule or decision by which it stands.
    pub rule: Option<String>,
    /// What the sources say: what stands first, then by authority.
    pub statements: Vec<Statement>,
    /// The records, where the question is who they belong to: those in question first.
    pub records: Vec<ShownRecord>,
    /// What can be decided beside taking a value.
    pub rulings: Vec<&'static str>,
    /// Whether there are more than are shown.
    pub truncated: bool,
    /// Keyed hash over all values and places shown: a decision names it, so that nobody decides about values they did not see.
    pub seen: String,
    /// The last decision about this case.
    pub last_decision: Option<RecordedDecision>,
    /// The decision that can still be undone.
    pub held: Option<HeldDecision>,
    /// What waits for a second steward.
    pub proposals: Vec<Proposal>,
    /// Who has it on the desk.
    pub claim: Option<Claim>,
}

/// A person in one line; the number masked.
#[derive(Clone, Serialize)]
pub struct PersonLine {
    /// Id within the registry.
    pub person_id: PersonId,
    /// Full name.
    pub name: Option<String>,
    /// Date of birth, ISO.
    pub born: Option<String>,
    /// The last digits of the number in force.
    pub pin_ending: Option<String>,
}

impl std::fmt::Debug for PersonLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonLine({}, ***)", self.person_id)
    }
}

/// What one record says.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// The record: source, entity, the source's own key, role.
    pub record_key: RecordKey,
    /// What it says.
    pub value: FieldValue,
    /// Where it is no statement of a source but a report that the item is wrong.
    pub report: Option<ReportLine>,
    /// How that differs from what stands, by part (`""` for a scalar).
    pub differences: BTreeMap<String, Vec<Difference>>,
    /// Whether this is the value that stands.
    pub stands: bool,
    /// Rank of authority over the item, 0 the highest; none: evidence only.
    pub rank: Option<usize>,
    /// Why it cannot be taken, if so.
    pub not_takeable: Option<NotTakeable>,
    /// How the record stands in law.
    pub standing: Standing,
    /// The act it registers.
    pub act: Option<ActReference>,
    /// Legal time, first day.
    pub valid_from: Option<PartialDate>,
    /// Legal time, last day.
    pub valid_to: Option<PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
}

/// A report that an item is wrong.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ReportLine {
    /// The agreement under which the reporter holds the item, or `citizen`.
    pub reporter: String,
    /// What is wrong.
    pub fault: Fault,
    /// Whether the reporter says what is right: the value then, else the fault once more.
    pub proposes: bool,
    /// Why, in the reporter's words.
    pub explanation: Option<String>,
}

impl std::fmt::Debug for ReportLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportLine({}, {}, ***)", self.reporter, self.fault.as_str())
    }
}

impl ReportLine {
    fn of(report: &Reported<'_>) -> Self {
        Self {
            reporter: report.reporter.to_owned(),
            fault: report.fault,
            proposes: report.proposed.is_some(),
            explanation: report.explanation.map(ToOwned::to_owned),
        }
    }
}

/// Why a decision for a statement would have no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotTakeable {
    /// The source has no authority over the item.
    NoAuthority,
    /// Annulled, ended or withdrawn.
    NotInEffect,
    /// Its legal time has not begun.
    NotYet,
    /// Its key would not survive the journey of a text (white space, letters composed in another way).
    Key,
}

/// A decision, as the console recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RecordedDecision {
    /// Its id.
    pub decision_id: Uuid,
    /// `take_value`, `take_back` or the name of a ruling.
    pub kind: String,
    /// The record whose value it takes, or that it is about; empty for one that only takes another back.
    pub takes: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// Keyed hash over the values shown then.
    pub seen: String,
}

impl CaseSheet {
    /// Makes the sheet; what the console's own database says of the case is filled in by who reads it.
    pub(crate) fn of(facts: &CaseFacts, rules: &Rules, key: &FingerprintKey, today: NaiveDate) -> Self {
        let finding = &facts.case.finding;
        let definition = finding.field.as_ref().and_then(|field| rules.catalogue.get(field));
        let standing = finding.field.as_ref().and_then(|field| facts.image.as_ref()?.fields.get(field));
        let mut statements = definition.map_or_else(Vec::new, |definition| {
            let of = |record| {
                Statement::of(record, definition, standing.and_then(|s| s.record_key.as_ref()), today)
            };
            facts.records.iter().filter_map(of).collect()
        });
        statements.sort_by_cached_key(Statement::order);
        let (records, more) = ShownRecord::all(facts, rules);
        let truncated = facts.truncated || more || statements.len() > MOST_STATEMENTS;
        statements.truncate(MOST_STATEMENTS);
        if let Some(definition) = definition {
            compare(&mut statements, standing.map(|s| &s.value), definition.comparison);
        }
        Self {
            version: 1,
            case_id: facts.case.case_id.clone(),
            kind: finding.kind,
            severity: finding.severity,
            affected: None,
            weight: severity(finding.severity, 0),
            standing: facts.case.standing.clone(),
            clock: rules.clocks.of(finding.kind, finding.field.as_ref()).cloned(),
            opened_at: facts.case.opened_at,
            field: finding.field.clone(),
            subject: finding.subject.clone(),
            person: facts.image.as_ref().map(PersonLine::of),
            state: standing.map(|s| s.state),
            rule: standing.map(|s| s.rule.clone()),
            seen: seen(&statements, &records, key),
            statements,
            records,
            rulings: kinds_for(finding.kind).iter().map(|kind| kind.as_str()).collect(),
            truncated,
            last_decision: None,
            held: None,
            proposals: Vec::new(),
            claim: None,
        }
    }

    /// Whether the last decision was made about exactly what is shown and the registry has yet to follow it.
    pub fn is_on_its_way(&self) -> bool {
        self.last_decision.as_ref().is_some_and(|last| last.seen == self.seen)
    }

    /// The statement of a record.
    pub(crate) fn statement(&self, record_key: &RecordKey) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.record_key == *record_key)
    }
}

/// Keyed hash over all that is shown.
fn seen(statements: &[Statement], records: &[ShownRecord], key: &FingerprintKey) -> String {
    let places: Vec<_> = records.iter().map(|record| (&record.record_key, record.seen(key))).collect();
    let values = statements.iter().map(|statement| (&statement.record_key, &statement.value));
    key.claims(values.chain(places.iter().map(|(record, seen)| (*record, seen))))
}

impl PersonLine {
    fn of(image: &PersonImage) -> Self {
        let value = |name: &str, part: &str| {
            image.value(name).and_then(|value| value.part(part)).map(ToOwned::to_owned)
        };
        let pin = image.pins.iter().find(|pin| pin.state == PinStanding::Current);
        Self {
            person_id: image.person_id,
            name: value("birth_name", "full"),
            born: value("date_of_birth", ""),
            pin_ending: pin.map(|pin| ending(&pin.value)),
        }
    }
}

pub(super) fn ending(number: &str) -> String {
    let hidden = number.chars().count().saturating_sub(SHOWN_DIGITS);
    number.chars().skip(hidden).collect()
}

impl Statement {
    fn of(
        record: &SourceRecord,
        field: &FieldDefinition,
        standing: Option<&RecordKey>,
        today: NaiveDate,
    ) -> Option<Self> {
        let report = Reported::read(record)
            .filter(|report| report.field == field.name.as_str() && report.refusal.is_none());
        let value = match &report {
            Some(report) => report.value(field),
            None => record.fields.get(&field.name).filter(|value| !value.is_empty())?.clone(),
        };
        if record.standing == Standing::Withdrawn {
            return None;
        }
        let key = &record.record_key;
        let rank = field.rank(key.source(), key.entity(), key.role());
        Some(Self {
            record_key: key.clone(),
            value,
            report: report.as_ref().map(ReportLine::of),
            differences: BTreeMap::new(),
            stands: standing == Some(key),
            rank,
            not_takeable: not_takeable(record, rank, today),
            standing: record.standing,
            act: record.act.clone(),
            valid_from: record.valid_from,
            valid_to: record.valid_to,
            recorded_at: record.recorded_at,
        })
    }

    /// What stands, what is reported against it, then what may stand by authority and legal date, then evidence.
    fn order(&self) -> impl Ord + use<> {
        (
            !self.stands,
            self.report.is_none(),
            self.not_takeable.is_some(),
            self.rank.unwrap_or(usize::MAX),
            Reverse(self.valid_from.map(PartialDate::latest)),
            self.record_key.clone(),
        )
    }
}

fn not_takeable(record: &SourceRecord, rank: Option<usize>, today: NaiveDate) -> Option<NotTakeable> {
    let key = record.record_key.as_str();
    if rank.is_none() {
        Some(NotTakeable::NoAuthority)
    } else if !record.standing.counts() {
        Some(NotTakeable::NotInEffect)
    } else if record.valid_from.and_then(PartialDate::full).is_some_and(|from| from > today) {
        Some(NotTakeable::NotYet)
    } else if registry_rules::normalise_text(key) != key {
        Some(NotTakeable::Key)
    } else {
        None
    }
}

/// Says of each statement how it differs from what stands (where nothing does: from the first).
fn compare(statements: &mut [Statement], standing: Option<&FieldValue>, comparison: Comparison) {
    let Some(base) = standing.cloned().or_else(|| statements.first().map(|first| first.value.clone())) else {
        return;
    };
    for statement in statements {
        statement.differences = differences(&statement.value, &base, comparison);
    }
}

fn differences(
    value: &FieldValue,
    base: &FieldValue,
    comparison: Comparison,
) -> BTreeMap<String, Vec<Difference>> {
    let of_part = |part: &str, text: &str, base: &str| match comparison {
        Comparison::Name => difference::of_names(text, base),
        Comparison::Date if part.is_empty() => difference::of_dates(text, base),
        Comparison::Date | Comparison::Address | Comparison::Exact | Comparison::Text
            if vocabulary::is_date_part(part) =>
        {
            difference::of_dates(text, base)
        }
        Comparison::Exact | Comparison::Date | Comparison::Text | Comparison::Address => {
            difference::of_texts(text, base)
        }
    };
    let found = match (value, base) {
        (FieldValue::Text(text), FieldValue::Text(base)) => vec![(String::new(), of_part("", text, base))],
        (FieldValue::Parts(parts), FieldValue::Parts(others)) => {
            let of = |(part, text): (&String, &String)| {
                let found = others
                    .get(part)
                    .map_or_else(|| vec![Difference::Other], |other| of_part(part, text, other));
                (part.clone(), found)
            };
            parts.iter().map(of).collect()
        }
        _ if value == base => Vec::new(),
        _ => vec![(String::new(), vec![Difference::Other])],
    };
    found.into_iter().filter(|(_, differences)| !differences.is_empty()).collect()
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
