//! Two people in one person: records that stand together and of which no two may be about one human being; and records
//! that a steward found to mix two people up.

use crate::stale_link::{changed, evidence};
use crate::{
    CaseFinding, CaseKind, CaseSubject, FingerprintKey, IdentityDecision, NameLevel, PartialDate, PersonId,
    RecordKey, RulingKind, SourceRecord, compare_names,
};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Different (name, full date of birth) that are held against each other: more of them in one person is a confusion
/// whatever the rest says, and comparing pairs grows with their square.
const MOST_STATEMENTS: usize = 32;

/// The question of a person two of whose sources state another name *and* another full date of birth. Each alone is a
/// conflict about an item; together they are two people's.
pub(crate) fn confusion(
    person: PersonId,
    records: &[&SourceRecord],
    key: &FingerprintKey,
) -> Option<CaseFinding> {
    let mut stated: BTreeMap<(NaiveDate, &str), Vec<&SourceRecord>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.standing.counts()) {
        if let Some(said) = name_and_birth(record) {
            stated.entry(said).or_default().push(record);
        }
    }
    if stated.len() < 2 {
        return None;
    }
    let statements: Vec<_> = stated.into_iter().take(MOST_STATEMENTS).collect();
    let mut mixed: BTreeMap<&RecordKey, &SourceRecord> = BTreeMap::new();
    for (n, ((born, name), some)) in statements.iter().enumerate() {
        for ((also_born, also_named), others) in statements.iter().skip(n + 1) {
            if born == also_born || compare_names(name, also_named) != NameLevel::Different {
                continue;
            }
            for record in some {
                let against = others.iter().filter(|o| o.record_key.source() != record.record_key.source());
                let mut against = against.peekable();
                if against.peek().is_some() {
                    mixed.insert(&record.record_key, record);
                    mixed.extend(against.map(|other| (&other.record_key, *other)));
                }
            }
        }
    }
    if mixed.is_empty() {
        return None;
    }
    Some(finding(CaseSubject::Person(person), mixed.into_values(), key))
}

fn name_and_birth(record: &SourceRecord) -> Option<(NaiveDate, &str)> {
    let field = |name: &str| record.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, v)| v);
    let born: PartialDate = field("npd.date_of_birth")?.text()?.parse().ok()?;
    Some((born.full()?, field("npd.birth_name")?.part("full")?))
}

/// The questions of records in which a steward found two people mixed up, while they say what the steward saw.
pub fn marked_confusions(
    own: &[SourceRecord],
    in_force: &[&IdentityDecision],
    key: &FingerprintKey,
) -> Vec<CaseFinding> {
    let mut marked: BTreeMap<&RecordKey, &SourceRecord> = BTreeMap::new();
    for decision in in_force {
        let Some(ruling) = decision.ruling.as_ref().filter(|r| r.kind == RulingKind::MarkConfusion) else {
            continue;
        };
        let record = own.iter().find(|record| record.record_key == ruling.subject.record_key);
        let Some(record) = record.filter(|record| record.standing.counts()) else { continue };
        let seen = decision.considered.iter().filter(|seen| seen.record_key == record.record_key);
        if !seen.into_iter().any(|seen| changed(seen, Some(record), key)) {
            marked.insert(&record.record_key, record);
        }
    }
    let about = |record: &SourceRecord| CaseSubject::Record(record.record_key.clone());
    marked.into_values().map(|record| finding(about(record), [record], key)).collect()
}

fn finding<'a>(
    subject: CaseSubject,
    records: impl IntoIterator<Item = &'a SourceRecord>,
    key: &FingerprintKey,
) -> CaseFinding {
    let said: Vec<_> =
        records.into_iter().map(|record| (record.record_key.clone(), evidence(record))).collect();
    CaseFinding {
        subject,
        kind: CaseKind::Confusion,
        field: None,
        fingerprint: key.claims(said.iter().map(|(key, value)| (key, value))),
        records: said.into_iter().map(|(key, _)| key).collect(),
        severity: CaseKind::Confusion.harm(),
    }
}
