//! Two persons who may be one: what matching found of their records, as questions about the pair.

use crate::{
    CaseFinding, CaseKind, CaseSubject, FieldValue, FingerprintKey, IdentityDecision, PersonId, RecordKey,
    RulingKind,
};
use std::collections::{BTreeMap, BTreeSet};

/// Two records that resemble each other so much that a human must look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resemblance {
    /// One.
    pub record: RecordKey,
    /// The other.
    pub other: RecordKey,
    /// They may be twins', who share nearly everything.
    pub twins: bool,
}

/// The questions about the persons of resembling records; none where both are of one person, or where a decision in force
/// keeps them apart. `person_of` gives the person that a record stands with, `says` what it says of who it is about.
pub fn resemblances(
    found: impl IntoIterator<Item = Resemblance>,
    in_force: &[&IdentityDecision],
    person_of: impl Fn(&RecordKey) -> Option<PersonId>,
    says: impl Fn(&RecordKey) -> Option<FieldValue>,
    key: &FingerprintKey,
) -> Vec<CaseFinding> {
    let mut pairs: BTreeMap<(CaseSubject, CaseKind), BTreeSet<RecordKey>> = BTreeMap::new();
    for one in found {
        let persons = person_of(&one.record).zip(person_of(&one.other));
        let Some(pair) = persons.and_then(|(person, other)| CaseSubject::pair(person, other)) else {
            continue;
        };
        if kept_apart(in_force, &one) {
            continue;
        }
        let kind = if one.twins { CaseKind::TwinCheck } else { CaseKind::Duplicate };
        pairs.entry((pair, kind)).or_default().extend([one.record, one.other]);
    }
    let finding = |((subject, kind), records): ((CaseSubject, CaseKind), BTreeSet<RecordKey>)| {
        let said: Vec<_> = records
            .iter()
            .map(|key| (key, says(key).unwrap_or_else(|| FieldValue::Text(String::new()))))
            .collect();
        let fingerprint = key.claims(said.iter().map(|(key, value)| (*key, value)));
        let severity = kind.harm();
        CaseFinding {
            subject,
            kind,
            field: None,
            fingerprint,
            records: records.into_iter().collect(),
            severity,
        }
    };
    pairs.into_iter().map(finding).collect()
}

/// Of the decisions in force about two records, the earliest first, the last says whether they are two people's.
fn kept_apart(in_force: &[&IdentityDecision], pair: &Resemblance) -> bool {
    let names = |ruling: &crate::Ruling| {
        let other = ruling.other.as_ref().map(|other| &other.record_key);
        let both = (&ruling.subject.record_key, other);
        both == (&pair.record, Some(&pair.other)) || both == (&pair.other, Some(&pair.record))
    };
    let about = in_force.iter().rev().filter_map(|d| d.ruling.as_ref()).find(|ruling| names(ruling));
    about.is_some_and(|r| matches!(r.kind, RulingKind::KeepSeparate | RulingKind::ConfirmTwins))
}
