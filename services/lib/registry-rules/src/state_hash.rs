//! One number that says whether two registries hold the same (design §6).
//!
//! Over clusters of record keys with canonical content, standing, legal dates, the winning record per field (its value, where
//! it comes from several) and the open cases; not ids, epochs, positions, counters or received times. The registry's hash is
//! the sum of its persons' hashes modulo 2^256 beside their count: free of order, and two equal persons do not cancel as they
//! would under XOR.

use crate::canonical::PartHasher;
use crate::{CaseFinding, CaseSubject, PersonImage, SourceRecord, Standing, canonical_json};

/// The sum of hashes of the members of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash {
    /// Number of members added.
    pub members: u64,
    /// Little-endian limbs of the sum modulo 2^256.
    limbs: [u64; 4],
}

impl StateHash {
    /// Adds one member: a person, or a record's content.
    pub fn add(&mut self, hash: &[u8; 32]) {
        self.members += 1;
        let mut carry = false;
        for (limb, bytes) in self.limbs.iter_mut().zip(hash.as_chunks::<8>().0) {
            let (sum, over) = limb.overflowing_add(u64::from_le_bytes(*bytes));
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_again);
        }
    }

    /// The sum alone, 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        let [a, b, c, d] = self.limbs;
        format!("{d:016x}{c:016x}{b:016x}{a:016x}")
    }
}

impl std::fmt::Display for StateHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.members, self.hex())
    }
}

/// Hash of one person: the records that stand together, which of them wins what, and what is open.
pub fn person_hash<'a>(
    records: impl IntoIterator<Item = &'a SourceRecord>,
    image: &PersonImage,
    open_cases: &[CaseFinding],
) -> [u8; 32] {
    let mut contents: Vec<_> = records
        .into_iter()
        .filter(|r| r.standing != Standing::Withdrawn)
        .map(|r| (&r.record_key, r.content_hash()))
        .collect();
    contents.sort();
    let mut hash = PartHasher::new();
    for (key, content) in contents {
        hash.part(key.as_str().as_bytes());
        hash.part(&content.0);
    }
    for (name, field) in &image.fields {
        hash.part(name.as_str().as_bytes());
        match &field.record_key {
            Some(key) => hash.part(key.as_str().as_bytes()),
            // Lists and what comes from around: no one record says it, so what is said counts.
            None => hash.part(canonical_json(&field.value).as_bytes()),
        }
        hash.part(field.state.as_str().as_bytes());
    }
    let mut cases: Vec<_> = open_cases.iter().collect();
    // Two pairs may have one fingerprint only if they have the same records: their order cannot matter.
    cases.sort_by(|a, b| (a.kind, &a.field, &a.fingerprint).cmp(&(b.kind, &b.field, &b.fingerprint)));
    for case in cases {
        match &case.subject {
            CaseSubject::Person(_) => {}
            CaseSubject::Record(key) => hash.part(key.as_str().as_bytes()),
            // Ids are this registry's own: what the question is about is told by its records.
            CaseSubject::Pair(..) => {
                let mut records: Vec<_> = case.records.iter().collect();
                records.sort();
                for key in records {
                    hash.part(key.as_str().as_bytes());
                }
            }
        }
        hash.part(case.kind.as_str().as_bytes());
        hash.part(case.field.as_ref().map_or("", |f| f.as_str()).as_bytes());
        hash.part(case.fingerprint.as_bytes());
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::person_hash;
    use crate::{FieldState, FieldValue, Lifecycle, PersonId, PersonImage, StandingField};
    use std::collections::BTreeMap;

    /// A person in whose household one other lives.
    fn living_with(name: &str) -> PersonImage {
        let other = FieldValue::parts([("relation", "household".to_owned()), ("name", name.to_owned())]);
        let household = StandingField {
            value: FieldValue::List(vec![other]),
            state: FieldState::SoleSource,
            record_key: None,
            rule: "npd.household/one_hop".to_owned(),
        };
        PersonImage {
            person_id: PersonId::from_u128(1),
            version: 1,
            lifecycle: Lifecycle::Active,
            merged_into: None,
            absorbed: Vec::new(),
            countable: true,
            pins: Vec::new(),
            fields: BTreeMap::from([("npd.household".parse().unwrap(), household)]),
            business_date: "2026-03-01".parse().unwrap(),
        }
    }

    #[test]
    fn what_no_single_record_says_is_told_apart_by_its_value() {
        let hash = |image: &PersonImage| person_hash([], image, &[]);
        assert_ne!(hash(&living_with("Lê Na")), hash(&living_with("Lê Mơ")));
        let later = PersonImage { version: 2, ..living_with("Lê Na") };
        assert_eq!(hash(&living_with("Lê Na")), hash(&later));
    }
}
