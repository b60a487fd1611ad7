//! When a human must decide. Cases are derived: found by merging, never stored as a wish.

use crate::canonical::PartHasher;
use crate::{FieldName, FieldValue, PersonId, RecordKey, canonical_json};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What kind of question it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// Sources with authority over a field say different things.
    FieldConflict,
    /// A record carries a number whose register entry shares neither name nor date of birth.
    IdentifierConflict,
    /// The digits of the person's number state another sex, birth year or place than what stands: the number stays, a
    /// human looks (Decree 70/2024 art. 11(7)(b)).
    DigitMismatch,
    /// Two persons may be one.
    Duplicate,
    /// Two people may be mixed up in one person.
    Confusion,
    /// Two persons share nearly everything and may be twins.
    TwinCheck,
    /// A record names an act or a person that nobody knows.
    Orphan,
    /// What a recorded link or decision rested on has changed.
    StaleLink,
    /// Somebody who holds the data reports an error in it.
    ErrorReport,
}

impl CaseKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::FieldConflict,
        Self::IdentifierConflict,
        Self::DigitMismatch,
        Self::Duplicate,
        Self::Confusion,
        Self::TwinCheck,
        Self::Orphan,
        Self::StaleLink,
        Self::ErrorReport,
    ];

    /// The name used in tables and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FieldConflict => "field_conflict",
            Self::IdentifierConflict => "identifier_conflict",
            Self::DigitMismatch => "digit_mismatch",
            Self::Duplicate => "duplicate",
            Self::Confusion => "confusion",
            Self::TwinCheck => "twin_check",
            Self::Orphan => "orphan",
            Self::StaleLink => "stale_link",
            Self::ErrorReport => "error_report",
        }
    }

    /// Harm of the question itself, 1 to 5, where no field's harm says it: who somebody is weighs most; what is only loose
    /// harms nobody yet.
    pub const fn harm(self) -> u8 {
        match self {
            Self::IdentifierConflict | Self::Confusion => 5,
            Self::Duplicate | Self::TwinCheck | Self::DigitMismatch => 4,
            Self::FieldConflict | Self::ErrorReport => 3,
            Self::Orphan | Self::StaleLink => 2,
        }
    }
}

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseSubject {
    /// A person.
    Person(PersonId),
    /// A record.
    Record(RecordKey),
    /// Two persons, the lesser id first: see [`Self::pair`].
    Pair(PersonId, PersonId),
}

impl CaseSubject {
    /// Two persons in the order in which they are stored, whichever is named first; none for one and the same.
    pub fn pair(one: PersonId, other: PersonId) -> Option<Self> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Some(Self::Pair(one, other)),
            std::cmp::Ordering::Greater => Some(Self::Pair(other, one)),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// The key under which values are hashed for fingerprints: without it nobody can guess a value from its hash.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FingerprintKey(***)")
    }
}

impl FingerprintKey {
    /// Wraps key bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Keyed hash of one value, in hexadecimal.
    pub fn value(&self, value: &FieldValue) -> String {
        self.hex(canonical_json(value).as_bytes())
    }

    fn hex(&self, bytes: &[u8]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(bytes);
        hex(mac.finalize().into_bytes().iter().take(FINGERPRINT_BYTES))
    }

    /// Keyed hash over sorted (record key, value): new when any of them is new.
    pub fn claims<'a>(&self, claims: impl IntoIterator<Item = (&'a RecordKey, &'a FieldValue)>) -> String {
        let mut sorted: Vec<_> =
            claims.into_iter().map(|(key, value)| (key, canonical_json(value))).collect();
        sorted.sort();
        let mut hash = PartHasher::new();
        for (key, value) in sorted {
            hash.part(key.as_str().as_bytes());
            hash.part(value.as_bytes());
        }
        self.hex(&hash.finish())
    }
}

/// 128 bits tell all values of a registry apart.
const FINGERPRINT_BYTES: usize = 16;

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    use std::fmt::Write as _;
    bytes.fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

/// An open question found by merging or attaching. Unique per (subject, kind, field).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CaseFinding {
    /// About whom or what.
    pub subject: CaseSubject,
    /// What kind of question.
    pub kind: CaseKind,
    /// The field in question.
    pub field: Option<FieldName>,
    /// Says whether it is the same question as before.
    pub fingerprint: String,
    /// The records that disagree, the one that stands first.
    pub records: Vec<RecordKey>,
    /// 1 to 5, from the field's harm.
    pub severity: u8,
}

/// What a case weighs in the list: its harm, as often as an agreement holds what it is about. What nobody holds weighs once:
/// the registry itself has it.
pub fn severity(harm: u8, agreements: u32) -> u32 {
    u32::from(harm).saturating_mul(agreements.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_case_weighs_its_harm_for_each_agreement_that_holds_it() {
        for (harm, agreements, weight) in [(5, 0, 5), (5, 1, 5), (2, 4, 8), (4, u32::MAX, u32::MAX)] {
            assert_eq!(severity(harm, agreements), weight);
        }
    }

    #[test]
    fn a_pair_has_one_order_and_two_members() {
        let [a, b] = [PersonId::from_u128(1), PersonId::from_u128(2)];
        assert_eq!(CaseSubject::pair(a, b), CaseSubject::pair(b, a));
        assert_eq!(CaseSubject::pair(a, b), Some(CaseSubject::Pair(a, b)));
        assert_eq!(CaseSubject::pair(a, a), None);
    }

    #[test]
    fn every_kind_has_its_own_name_and_a_harm_that_counts() {
        let names: BTreeSet<_> = CaseKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), CaseKind::ALL.len());
        for kind in CaseKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!((1..=5).contains(&kind.harm()), "{}", kind.as_str());
        }
    }
}
