//! A record as the desk shows it where the question is who it belongs to: what it says of who it is about, and where it
//! stands.

use crate::rules::Rules;
use chrono::{DateTime, Utc};
use registry_rules::{
    ActReference, Considered, FEEDBACK, FieldName, FieldValue, FingerprintKey, IdentifierKind, PartialDate,
    PersonId, RecordKey, Reported, SourceRecord, Standing,
};
use registry_store::{CaseFacts, RecordPlace};
use serde::Serialize;
use std::collections::BTreeMap;

/// Items by which people are told apart, in the order of the law. What else a record says is not needed for that question.
const ITEMS: [&str; 7] =
    ["birth_name", "date_of_birth", "sex", "place_of_birth", "native_place", "ethnicity", "nationality"];

/// More columns than this cannot be compared by eye.
const MOST_RECORDS: usize = 20;

/// One record.
#[derive(Clone, Serialize)]
pub struct ShownRecord {
    /// The record: source, entity, the source's own key, role.
    pub record_key: RecordKey,
    /// Where it stands now; none: the registry has attached it nowhere. An anchor may hold a whole number.
    #[serde(skip)]
    pub anchor: Option<String>,
    /// The person it belongs to.
    pub person_id: Option<PersonId>,
    /// What it says of who it is about.
    pub items: BTreeMap<FieldName, FieldValue>,
    /// The last digits of the number that it carries.
    pub pin_ending: Option<String>,
    /// How it stands in law.
    pub standing: Standing,
    /// The act it registers.
    pub act: Option<ActReference>,
    /// Legal time, first day.
    pub valid_from: Option<PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Whether the case itself names it.
    pub in_question: bool,
    /// What a decision keeps of it.
    #[serde(skip)]
    pub(crate) evidence: FieldValue,
}

impl std::fmt::Debug for ShownRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShownRecord({}, ***)", self.record_key)
    }
}

impl ShownRecord {
    /// The records of a case: those in question first, then by person; and whether there are more than are shown.
    pub(crate) fn all(facts: &CaseFacts, rules: &Rules) -> (Vec<Self>, bool) {
        let in_question = &facts.case.finding.records;
        // A report that is not looked into is nothing to decide by.
        let is_refused = |record: &SourceRecord| Reported::read(record).is_some_and(|r| r.refusal.is_some());
        let standing = facts
            .records
            .iter()
            .filter(|record| record.standing != Standing::Withdrawn && !is_refused(record));
        let mut shown: Vec<Self> = standing
            .map(|record| {
                let asked = in_question.contains(&record.record_key);
                Self::of(record, facts.places.get(&record.record_key), asked, rules)
            })
            .collect();
        // A report says nothing of who somebody is: it stands behind the records that do.
        let is_report = |one: &Self| one.record_key.source() == FEEDBACK;
        shown.sort_by_cached_key(|one| {
            (!one.in_question, is_report(one), one.person_id, one.record_key.clone())
        });
        let more = shown.len() > MOST_RECORDS;
        shown.truncate(MOST_RECORDS);
        (shown, more)
    }

    fn of(record: &SourceRecord, place: Option<&RecordPlace>, in_question: bool, rules: &Rules) -> Self {
        let known = ITEMS.iter().filter_map(|name| rules.catalogue.get(&name.parse().ok()?));
        let stated = known.filter_map(|field| {
            let value = record.fields.get(&field.name).filter(|value| !value.is_empty())?;
            Some((field.name.clone(), value.clone()))
        });
        Self {
            record_key: record.record_key.clone(),
            anchor: place.map(|place| place.anchor.clone()),
            person_id: place.and_then(|place| place.person_id),
            items: stated.collect(),
            pin_ending: record.identifier(IdentifierKind::Pin).map(super::sheet::ending),
            standing: record.standing,
            act: record.act.clone(),
            valid_from: record.valid_from,
            recorded_at: record.recorded_at,
            in_question,
            evidence: registry_rules::evidence(record),
        }
    }

    /// What the decision keeps of it.
    pub(crate) fn considered(&self, key: &FingerprintKey) -> Considered {
        Considered { record_key: self.record_key.clone(), value_hash: key.value(&self.evidence) }
    }

    /// All that a steward sees of it and decides by, as one value: what it says, and where it stands.
    pub(crate) fn seen(&self, key: &FingerprintKey) -> FieldValue {
        let mut parts: BTreeMap<String, String> =
            self.items.iter().map(|(name, value)| (name.to_string(), key.value(value))).collect();
        parts.insert("anchor".to_owned(), self.anchor.clone().unwrap_or_default());
        parts.insert("person".to_owned(), self.person_id.map(|id| id.to_string()).unwrap_or_default());
        parts.insert("evidence".to_owned(), key.value(&self.evidence));
        FieldValue::Parts(parts)
    }

    /// Whether its key and anchor survive the journey of a text.
    pub(crate) fn can_travel(&self) -> bool {
        let same = |text: &str| registry_rules::normalise_text(text) == text;
        same(self.record_key.as_str()) && self.anchor.as_deref().is_some_and(same)
    }
}
