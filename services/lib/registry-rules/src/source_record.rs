//! What one source says about one person in one role.

use crate::canonical::PartHasher;
use crate::{
    ContentHash, FieldName, FieldValue, Identifier, IdentifierKind, PartialDate, RecordKey, Version,
    canonical_json,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a record stands in law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It says so.
    Asserted,
    /// It says so in place of the act that it refers to (cải chính).
    Corrected,
    /// Annulled with effect from the beginning (hủy, thu hồi).
    Annulled,
    /// It held and has ended (chấm dứt, xóa đăng ký).
    Ceased,
    /// The row, or the role in it, is gone from the source.
    Withdrawn,
}

impl Standing {
    /// Whether what the record says counts now. (An ended record's past is history, an annulled one's never was.)
    pub const fn counts(self) -> bool {
        matches!(self, Self::Asserted | Self::Corrected)
    }

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Corrected => "corrected",
            Self::Annulled => "annulled",
            Self::Ceased => "ceased",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 5] =
        [Self::Asserted, Self::Corrected, Self::Annulled, Self::Ceased, Self::Withdrawn];
}

/// An act in a register: registering office, book, year and number (`office/book/year/number`).
///
/// The act names a person's place in it together with the role; corrections refer to the act they correct.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActReference {
    /// The source whose register it stands in.
    pub source: String,
    /// `office/book/year/number`, or less where the source has less.
    pub act: String,
    /// The role in that act, where the reference names one.
    pub role: Option<String>,
}

impl std::fmt::Debug for ActReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ActReference({}, ***, {:?})", self.source, self.role)
    }
}

/// What one source says about one person in one role (design §3). Always the full image of the row's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// Source, entity, the source's own key, role.
    pub record_key: RecordKey,
    /// The place in the source's commit order.
    pub version: Version,
    /// Event id of the domain catalogue, from the row's content alone: `civil_status.birth_registered`.
    pub kind: String,
    /// How it stands in law.
    pub standing: Standing,
    /// The act this row registers.
    pub act: Option<ActReference>,
    /// The act it corrects, supplements or ends; in the PIN register: the birth act that the number was issued for.
    pub refers_to: Option<ActReference>,
    /// Legal time, first day.
    pub valid_from: Option<PartialDate>,
    /// Legal time, last day.
    pub valid_to: Option<PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Numbers that name the person.
    pub identifiers: Vec<Identifier>,
    /// Rows that share a group concern each other's persons (one hop): the act itself, or the residence file.
    pub relation_group: Option<String>,
    /// What it says of the person: claims where the catalogue gives it authority, matching evidence elsewhere.
    pub fields: BTreeMap<FieldName, FieldValue>,
    /// Which version of the mapping read it.
    pub mapping_version: u32,
}

impl SourceRecord {
    /// The first identifier of a kind.
    pub fn identifier(&self, kind: IdentifierKind) -> Option<&str> {
        self.identifiers.iter().find(|i| i.kind == kind).map(|i| i.value.as_str())
    }

    /// Hash of all content but version and mapping version: equal means "nothing new", whatever moved.
    pub fn content_hash(&self) -> ContentHash {
        let mut hash = PartHasher::new();
        hash.part(self.record_key.as_str().as_bytes());
        hash.part(self.kind.as_bytes());
        hash.part(self.standing.as_str().as_bytes());
        for act in [&self.act, &self.refers_to] {
            match act {
                None => hash.part(b""),
                Some(act) => {
                    hash.part(act.source.as_bytes());
                    hash.part(act.act.as_bytes());
                    hash.part(act.role.as_deref().unwrap_or_default().as_bytes());
                }
            }
        }
        for date in [self.valid_from, self.valid_to] {
            hash.part(date.map(|d| d.to_string()).unwrap_or_default().as_bytes());
        }
        hash.part(self.recorded_at.map_or(0, |t| t.timestamp_micros()).to_string().as_bytes());
        hash.part(&(self.identifiers.len() as u64).to_be_bytes());
        for identifier in &self.identifiers {
            hash.part(&[identifier.kind as u8]);
            hash.part(identifier.value.as_bytes());
        }
        hash.part(self.relation_group.as_deref().unwrap_or_default().as_bytes());
        for (name, value) in &self.fields {
            hash.part(name.as_str().as_bytes());
            hash.part(canonical_json(value).as_bytes());
        }
        ContentHash(hash.finish())
    }
}
