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
}

impl CaseKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::FieldConflict, Self::IdentifierConflict, Self::DigitMismatch];

    /// The name used in tables and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FieldConflict => "field_conflict",
            Self::IdentifierConflict => "identifier_conflict",
            Self::DigitMismatch => "digit_mismatch",
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
