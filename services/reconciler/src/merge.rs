//! Persons to golden records: the pure merge over all that stands of each, and the difference to what was published.

use crate::gather::{Around, Own, around, cases_about, gather, speaking_against};
use crate::resembling::resembling;
use crate::ruled::found_on_records;
use crate::rules::Rules;
use crate::settle::settle;
use chrono::NaiveDate;
use event_log::Topics;
use registry_rules::{
    CaseClocks, CaseFinding, FieldValue, FingerprintKey, IdentifierKind, Lifecycle, MergeInput, MergeOutcome,
    PersonFacts, PersonId, PersonImage, PinRegister, Prepared, RecordKey, SourceRecord, contradiction, offer,
};
use registry_store::{CaseRow, OutboxRow, PersonWrite, StoreError, image_hash, lock_keys};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// What every merge of a transaction is done by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) key: &'a FingerprintKey,
    pub(crate) topics: &'a Topics,
    pub(crate) clocks: &'a CaseClocks,
    pub(crate) date: NaiveDate,
}

/// Whom to merge, and why.
#[derive(Debug, Default)]
pub(crate) struct MergeRequest {
    /// Persons to be merged anew.
    pub(crate) persons: BTreeSet<PersonId>,
    /// Ids that lead to another one now.
    pub(crate) merged: BTreeMap<PersonId, PersonId>,
    /// Persons who got or lost records of an anchor as a whole.
    pub(crate) regrouped: BTreeSet<PersonId>,
    /// Groups that somebody came to or left: their members are due.
    pub(crate) groups: BTreeSet<String>,
    /// Records that were contradicted before this transaction, or that it took away: a case about them may be over.
    pub(crate) contradicted: BTreeSet<RecordKey>,
    /// Records that this transaction brings something new of.
    pub(crate) changed: BTreeSet<RecordKey>,
}

/// What merging gives, still to be written.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) persons: Vec<PersonWrite>,
    pub(crate) versions: Vec<OutboxRow>,
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) dates: Vec<(PersonId, Option<NaiveDate>)>,
    /// Others whose golden records may read differently now.
    pub(crate) neighbours: BTreeSet<PersonId>,
    /// Records that an open case is about, each with the case that is to be decided first.
    pub(crate) held: BTreeMap<RecordKey, Held>,
    /// Reports that a case which goes on does not ask about any more, each with the item.
    pub(crate) left: Vec<(RecordKey, String)>,
    /// The number in force of each record's person, for records that carry none.
    pub(crate) pins: BTreeMap<RecordKey, String>,
    /// Persons who are dead now.
    pub(crate) dead: BTreeSet<PersonId>,
    /// The decisions that values stand by, by person and field.
    pub(crate) decided: BTreeMap<(PersonId, String), String>,
}

/// An open case as the sources of its records hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) case_id: String,
    /// The last day of its clock; none where the calendar does not reach so far.
    pub(crate) due: Option<NaiveDate>,
}

impl Held {
    fn order(&self) -> (bool, Option<NaiveDate>, &str) {
        (self.due.is_none(), self.due, &self.case_id)
    }
}

/// Merges persons. They are locked until the end of the transaction.
pub(crate) async fn merge(
    connection: &mut PgConnection,
    ground: &Ground<'_>,
    request: &MergeRequest,
) -> Result<Merged, StoreError> {
    let mut merged = Merged::default();
    if request.persons.is_empty() {
        return Ok(merged);
    }
    let own = gather(connection, &request.persons).await?;
    let mut prepared = prepare(&own, ground);
    let facts: BTreeMap<PersonId, PersonFacts> = prepared
        .iter()
        .filter_map(|(person, prepared)| {
            Some((*person, prepared.facts(&input(*person, own.get(person)?, ground))))
        })
        .collect();
    let news: BTreeSet<String> = own
        .iter()
        .filter(|(person, own)| {
            own.stands() && (request.regrouped.contains(*person) || has_news(own, facts.get(*person)))
        })
        .flat_map(|(_, own)| own.groups().map(|(group, _)| group))
        .collect();
    // Whoever comes to one of these groups meanwhile waits, and then reads the new facts.
    lock_keys(connection, news.difference(&request.groups).map(String::as_str)).await?;
    let mut groups: BTreeSet<String> =
        own.values().flat_map(|o| o.groups().map(|(group, _)| group)).collect();
    groups.extend(request.groups.iter().cloned());
    let around = around(connection, &groups, &own, &facts).await?;
    let concerned = news.iter().chain(&request.groups);
    let concerned = concerned.flat_map(|group| around.persons(group));
    merged.neighbours = concerned.filter(|person| !own.contains_key(person)).collect();
    let stored = cases_about(connection, &own, &request.contradicted).await?;
    let against = if own.values().all(|o| o.contradicted.is_empty()) {
        PinRegister::default()
    } else {
        speaking_against(connection, &own).await?
    };
    let mut findings = Vec::new();
    for (person, own) in &own {
        let outcome = outcome(*person, own, prepared.remove(person), (&around, ground, request));
        let Some(outcome) = outcome else { continue };
        merged.note_pins(&own.records, &outcome.image);
        merged.note_outcome(*person, &outcome.image);
        merged.difference(*person, own, facts.get(person), (outcome.image, outcome.next_date), ground)?;
        findings.extend(outcome.cases);
        findings.extend(contradictions(own, &against, ground.key));
    }
    findings.extend(found_on_records(connection, &own, ground.key).await?);
    findings.extend(resembling(connection, &own, &merged.dead, ground.key).await?);
    settle(connection, (&mut merged, ground, request), &own, findings, stored).await?;
    Ok(merged)
}

fn input<'a>(person: PersonId, own: &'a Own, ground: &Ground<'a>) -> MergeInput<'a> {
    MergeInput {
        person_id: person,
        absorbed: &own.absorbed,
        records: &own.records,
        register: &own.register,
        ties: &[],
        decisions: &own.decisions,
        catalogue: &ground.rules.catalogue,
        key: ground.key,
        business_date: ground.date,
    }
}

fn prepare(own: &BTreeMap<PersonId, Own>, ground: &Ground<'_>) -> BTreeMap<PersonId, Prepared> {
    own.iter()
        .filter(|(_, own)| own.stands())
        .map(|(person, own)| (*person, Prepared::of(&input(*person, own, ground))))
        .collect()
}

/// What others may hear of each person, from own records and decisions only.
pub(crate) fn facts_of(
    own: &BTreeMap<PersonId, Own>,
    ground: &Ground<'_>,
) -> BTreeMap<PersonId, PersonFacts> {
    own.iter()
        .filter(|(_, own)| own.stands())
        .map(|(person, own)| (*person, registry_rules::facts(&input(*person, own, ground))))
        .collect()
}

/// The golden record of a person; none of an id that nobody was ever told of, or that was merged away before.
fn outcome(
    person: PersonId,
    own: &Own,
    prepared: Option<Prepared>,
    (around, ground, request): (&Around, &Ground<'_>, &MergeRequest),
) -> Option<MergeOutcome> {
    if own.row.is_none() && own.records.is_empty() {
        return None;
    }
    if let Some(prepared) = prepared {
        let ties = around.ties(person, own);
        return Some(prepared.merge(&MergeInput { ties: &ties, ..input(person, own, ground) }));
    }
    own.row.as_ref()?;
    Some(gone(person, *request.merged.get(&person)?, ground.date))
}

/// Facts as stored.
pub(crate) fn facts_text(facts: &PersonFacts) -> Result<String, StoreError> {
    serde_json::to_string(facts).map_err(|_| StoreError::Unwritable("facts of a person"))
}

fn has_news(own: &Own, facts: Option<&PersonFacts>) -> bool {
    let stored = own.row.as_ref().and_then(|row| row.facts.as_deref());
    let stored = stored.and_then(|text| serde_json::from_str::<PersonFacts>(text).ok());
    stored.as_ref() != facts
}

/// The case of a record whose number names somebody else.
fn contradictions<'a>(
    own: &'a Own,
    against: &'a PinRegister,
    key: &'a FingerprintKey,
) -> impl Iterator<Item = CaseFinding> + 'a {
    let records = own.records.iter().filter(|r| own.contradicted.contains(&r.record_key));
    records.filter_map(offer).filter_map(move |offer| contradiction(offer, against, key))
}

fn encode(image: &PersonImage) -> Result<Vec<u8>, StoreError> {
    let mut payload = Vec::with_capacity(2_048);
    event_log::encode_person_image(image, &mut payload)
        .map_err(|_| StoreError::Unwritable("a person image"))?;
    Ok(payload)
}

impl Merged {
    fn note_pins(&mut self, records: &[SourceRecord], image: &PersonImage) {
        let Some(pin) = image.value("npd.pin").and_then(FieldValue::text) else { return };
        let without = records.iter().filter(|r| r.identifier(IdentifierKind::Pin).is_none());
        self.pins.extend(without.map(|r| (r.record_key.clone(), pin.to_owned())));
    }

    /// What may end cases of the person.
    fn note_outcome(&mut self, person: PersonId, image: &PersonImage) {
        if image.lifecycle == Lifecycle::Deceased {
            self.dead.insert(person);
        }
        for (name, field) in &image.fields {
            if let Some(decision) = field.rule.strip_prefix("decision/") {
                self.decided.insert((person, name.to_string()), decision.to_owned());
            }
        }
    }

    /// Notes an open case with each of its records; of several about one record the one that is due first is told.
    pub(crate) fn hold(&mut self, records: &[RecordKey], held: &Held) {
        for record in records {
            if self.held.get(record).is_none_or(|other| held.order() < other.order()) {
                self.held.insert(record.clone(), held.clone());
            }
        }
    }

    fn difference(
        &mut self,
        person: PersonId,
        own: &Own,
        facts: Option<&PersonFacts>,
        (mut image, next_due): (PersonImage, Option<NaiveDate>),
        ground: &Ground<'_>,
    ) -> Result<(), StoreError> {
        let hash = image_hash(&image)?;
        let row = own.row.as_ref();
        let is_new = row.and_then(|r| r.image_hash.as_deref()) != Some(hash.as_slice());
        let stored = row.map_or(0, |r| r.version);
        let version = if is_new { stored + 1 } else { stored };
        let dated = row.and_then(|r| r.next_due) != next_due;
        if dated {
            self.dates.push((person, next_due));
        }
        if is_new || dated || has_news(own, facts) {
            self.persons.push(PersonWrite {
                person_id: person,
                version,
                image_hash: Some(hash),
                lifecycle: image.lifecycle,
                countable: image.countable,
                facts: facts.map(facts_text).transpose()?,
                next_due,
            });
        }
        if is_new {
            image.version = version.cast_unsigned();
            let payload = encode(&image)?;
            let topic = ground.topics.registry_person();
            self.versions.push(OutboxRow { key: person.to_string(), id: version, topic, payload });
        }
        Ok(())
    }
}

/// The last word about an id that leads to another one now.
fn gone(person: PersonId, into: PersonId, date: NaiveDate) -> MergeOutcome {
    let image = PersonImage {
        person_id: person,
        version: 0,
        lifecycle: Lifecycle::Merged,
        merged_into: Some(into),
        absorbed: Vec::new(),
        countable: false,
        pins: Vec::new(),
        fields: BTreeMap::new(),
        business_date: date,
    };
    MergeOutcome { image, cases: Vec::new(), next_date: None }
}
