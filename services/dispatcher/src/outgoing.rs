//! A release made ready: the outgoing record, its ledger entry, its delivery.

use crate::agreements::InUse;
use chrono::{DateTime, SecondsFormat, Utc};
use disclosure_store::{Event, NewDelivery, NewEntry};
use registry_rules::{LedgerEntry, LedgerEvent, LedgerKey, Mode, PersonId, Release, payload_hash};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A difference that is to be sent.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) person_id: PersonId,
    pub(crate) in_use: &'a InUse,
    pub(crate) release: &'a Release,
    pub(crate) event: Event,
    pub(crate) release_no: i64,
    /// References under which this agreement has ever held what is now this person.
    pub(crate) absorbed: &'a BTreeSet<String>,
    /// Of a merged person: whom the subscriber finds instead.
    pub(crate) into: Option<String>,
}

/// Who says when, and hashes persons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) ledger: &'a LedgerKey,
}

/// One entry and one delivery for each mode by which the agreement is sent.
pub(crate) fn prepare(change: &Change<'_>, stamp: Stamp<'_>) -> Vec<(NewEntry, NewDelivery)> {
    let agreement = &change.in_use.compiled.agreement;
    let reference = change.in_use.compiled.references.reference(change.person_id);
    let pushed = agreement.modes.iter().copied().filter(|mode| mode.is_pushed());
    pushed.map(|mode| one(change, stamp, &reference, mode)).collect()
}

fn one(change: &Change<'_>, stamp: Stamp<'_>, reference: &str, mode: Mode) -> (NewEntry, NewDelivery) {
    let agreement = &change.in_use.compiled.agreement;
    let entry_id = Uuid::new_v4();
    let reason = (change.event == Event::Left).then(|| change.release.reason.as_str().to_owned());
    let mut record = change.release.columns.clone();
    record.extend(meta(change, stamp.at, reference, (entry_id, reason.as_deref())));
    let payload = canonical(&record);
    let salt: [u8; 16] = rand::random();
    let entry = LedgerEntry {
        entry_id,
        authorised_at: stamp.at,
        person: stamp.ledger.person(change.person_id),
        agreement: agreement.name.clone(),
        agreement_version: agreement.version,
        subscriber: agreement.subscriber.clone(),
        environment: agreement.environment.as_str().to_owned(),
        purpose: agreement.purpose.clone(),
        legal_basis: agreement.legal_basis.clone(),
        event: match change.event {
            Event::Entered => LedgerEvent::Entered,
            Event::Changed => LedgerEvent::Changed,
            Event::Left => LedgerEvent::Left,
        },
        reason,
        fields: change.release.fields.clone(),
        release_no: Some(change.release_no.cast_unsigned()),
        mode,
        payload_hash: payload_hash(&salt, &payload),
        request_id: None,
        procedure_code: None,
        agency: None,
        officer: None,
        on_behalf_of: None,
        consent_id: None,
    };
    let new_entry = NewEntry {
        reference: reference.to_owned(),
        entry_id,
        agreement: agreement.name.clone(),
        mode: mode.as_str(),
        release_no: Some(change.release_no),
        bytes: entry.canonical_bytes(),
        salt,
    };
    let delivery = NewDelivery {
        reference: reference.to_owned(),
        mode: mode.as_str(),
        release_no: change.release_no,
        agreement: agreement.name.clone(),
        person_id: change.person_id,
        entry_id,
        agreement_version: change.in_use.row.version,
        generation: change.in_use.row.generation,
        event: change.event,
        fields: change.release.fields.iter().cloned().collect(),
        payload,
    };
    (new_entry, delivery)
}

/// What the message says of itself: no internal id, version or key is among it.
fn meta(
    change: &Change<'_>,
    at: DateTime<Utc>,
    reference: &str,
    (entry_id, reason): (Uuid, Option<&str>),
) -> Vec<(String, String)> {
    let mut meta = vec![
        ("meta_id", entry_id.to_string()),
        ("meta_ref", reference.to_owned()),
        ("meta_release_no", change.release_no.to_string()),
        ("meta_agreement_version", change.in_use.compiled.agreement.version.to_string()),
        ("meta_event", change.event.as_str().to_owned()),
        ("meta_released_at", at.to_rfc3339_opts(SecondsFormat::Secs, true)),
    ];
    meta.extend(reason.map(|reason| ("meta_reason", reason.to_owned())));
    meta.extend(change.into.clone().map(|into| ("meta_into", into)));
    if !change.absorbed.is_empty() {
        let list: Vec<_> = change.absorbed.iter().map(|r| format!("\"{r}\"")).collect();
        meta.push(("meta_absorbed", format!("[{}]", list.join(","))));
    }
    meta.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// A JSON object of texts, keys sorted: what the ledger's payload hash is over (`schemas/ledger.md`).
pub(crate) fn canonical(record: &BTreeMap<String, String>) -> Vec<u8> {
    let parts = registry_rules::FieldValue::Parts(record.clone());
    registry_rules::canonical_json(&parts).into_bytes()
}

/// Reads a payload back.
pub(crate) fn columns(payload: &[u8]) -> Option<BTreeMap<String, String>> {
    serde_json::from_slice(payload).ok()
}
