//! A decision about who records belong to stands until it is taken back; when what the steward saw has changed since, its
//! case opens again (design §3).

use crate::confusion::marked_confusions;
use crate::decision_links::in_force;
use crate::{
    CaseFinding, CaseKind, CaseSubject, Considered, FieldValue, FingerprintKey, IdentifierKind,
    IdentityDecision, RecordKey, RulingKind, SourceRecord,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a record says of who it is about: number, name and date of birth. What else it says does not tell people apart.
pub fn evidence(record: &SourceRecord) -> FieldValue {
    let field = |name: &str| record.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, v)| v);
    let name = field("npd.birth_name").and_then(|value| value.part("full"));
    let birth = field("npd.date_of_birth").and_then(FieldValue::text);
    let pin = record.identifier(IdentifierKind::Pin);
    let text = |said: Option<&str>| said.unwrap_or_default().to_owned();
    FieldValue::parts([("pin", text(pin)), ("name", text(name)), ("birth", text(birth))])
}

/// What a steward who decides about this record has seen of it, as the decision keeps it.
pub fn considered(record: &SourceRecord, key: &FingerprintKey) -> Considered {
    Considered { record_key: record.record_key.clone(), value_hash: key.value(&evidence(record)) }
}

/// Whether a record says something else than a steward saw: neither who it is about nor any item reads as then. A record
/// that does not count any more says nothing.
pub(crate) fn changed(seen: &Considered, now: Option<&SourceRecord>, key: &FingerprintKey) -> bool {
    let Some(record) = now.filter(|record| record.standing.counts()) else { return true };
    let same = |value: &FieldValue| key.value(value) == seen.value_hash;
    !same(&evidence(record)) && !record.fields.values().any(same)
}

/// The questions of decisions in force, the earliest first, about where one of the person's own records belongs, of whose
/// records (`now`) that they name some say something else than was considered. Of several about the same records the latest stands.
pub fn stale_links(
    own: &BTreeSet<&RecordKey>,
    in_force: &[&IdentityDecision],
    now: &BTreeMap<RecordKey, SourceRecord>,
    key: &FingerprintKey,
) -> Vec<CaseFinding> {
    let mut standing: BTreeMap<(&RecordKey, Option<&RecordKey>), &IdentityDecision> = BTreeMap::new();
    for decision in in_force {
        let Some(ruling) = decision.ruling.as_ref().filter(|ruling| ruling.kind.moves_records()) else {
            continue;
        };
        let (subject, other) = (&ruling.subject.record_key, ruling.other.as_ref().map(|o| &o.record_key));
        // A pair is one, whichever of the two is named first; a link says where its subject goes.
        let pair = match other {
            Some(other) if ruling.kind != RulingKind::Link && other < subject => (other, Some(subject)),
            other => (subject, other),
        };
        standing.insert(pair, decision);
    }
    let mut stale: BTreeMap<&RecordKey, BTreeMap<&RecordKey, FieldValue>> = BTreeMap::new();
    for decision in standing.into_values() {
        let Some(subject) = decision.ruling.as_ref().map(|ruling| &ruling.subject.record_key) else {
            continue;
        };
        if !own.contains(subject) {
            continue;
        }
        let named = |key: &RecordKey| decision.named().any(|named| named.record_key == *key);
        for seen in decision.considered.iter().filter(|seen| named(&seen.record_key)) {
            let record = now.get(&seen.record_key);
            if changed(seen, record, key) {
                let says = record.map_or_else(|| FieldValue::Text(String::new()), evidence);
                stale.entry(subject).or_default().insert(&seen.record_key, says);
            }
        }
    }
    let finding = |(subject, said): (&RecordKey, BTreeMap<&RecordKey, FieldValue>)| CaseFinding {
        subject: CaseSubject::Record(subject.clone()),
        kind: CaseKind::StaleLink,
        field: None,
        fingerprint: key.claims(said.iter().map(|(key, value)| (*key, value))),
        records: std::iter::once(subject)
            .chain(said.keys().copied().filter(|key| *key != subject))
            .cloned()
            .collect(),
        severity: CaseKind::StaleLink.harm(),
    };
    stale.into_iter().map(finding).collect()
}

/// The questions about a person's records that decisions about persons raise. `now` holds the records that these name, as
/// they stand; `decisions` in any order, those taken back among them.
pub fn questions_of_rulings<'a>(
    own: &[SourceRecord],
    decisions: impl IntoIterator<Item = &'a IdentityDecision>,
    now: &BTreeMap<RecordKey, SourceRecord>,
    key: &FingerprintKey,
) -> Vec<CaseFinding> {
    let in_force = in_force(decisions);
    let keys: BTreeSet<&RecordKey> = own.iter().map(|record| &record.record_key).collect();
    let mut questions = marked_confusions(own, &in_force, key);
    questions.extend(stale_links(&keys, &in_force, now, key));
    questions
}
