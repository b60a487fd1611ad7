//! The golden record: what the registry says of one person, and why.

use crate::{FieldName, FieldValue, RecordKey};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Random id of a person. Never leaves the registry's side: subscribers know references made from it.
pub type PersonId = Uuid;

/// Where a person stands in life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Alive as far as the registry knows.
    Active,
    /// Dead, or declared so or missing by a court: reversible.
    Deceased,
    /// This id redirects to another: what was two is one.
    Merged,
}

impl Lifecycle {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 3] = [Self::Active, Self::Deceased, Self::Merged];

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deceased => "deceased",
            Self::Merged => "merged",
        }
    }
}

/// How a value stands among what the sources say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldState {
    /// Several sources, equal or compatible.
    Agreed,
    /// One source only.
    SoleSource,
    /// Another source says something else; the first in authority stands provisionally.
    Disputed,
    /// A steward has it under joint verification (Circular 01/2022/TT-BTP art. 4(2)).
    UnderVerification,
    /// A steward's decision in force.
    Decided,
}

impl FieldState {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 5] =
        [Self::Agreed, Self::SoleSource, Self::Disputed, Self::UnderVerification, Self::Decided];

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::SoleSource => "sole_source",
            Self::Disputed => "disputed",
            Self::UnderVerification => "under_verification",
            Self::Decided => "decided",
        }
    }
}

/// A value that stands, with its provenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingField {
    /// The value.
    pub value: FieldValue,
    /// How it stands.
    pub state: FieldState,
    /// The record it was taken from; none where it comes from several (collected, relation, identifier).
    pub record_key: Option<RecordKey>,
    /// The rule that chose it: item, ground and rank of authority, `npd.birth_name/joint_verification/0`
    /// ([`crate::FieldCatalogue::ground_of`] gives the article), or the decision's id.
    pub rule: String,
}

/// A number of the person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinState {
    /// The twelve digits.
    pub value: String,
    /// Whether the register says it is in force.
    pub state: PinStanding,
}

impl std::fmt::Debug for PinState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PinState(***, {:?})", self.state)
    }
}

/// How a number stands in the PIN register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinStanding {
    /// In force.
    Current,
    /// Cancelled; stays with the person as an alias (Decree 70/2024 art. 11).
    Cancelled,
    /// Records carry it, the register does not know it.
    Unknown,
}

impl PinStanding {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 3] = [Self::Current, Self::Cancelled, Self::Unknown];

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// The whole state of one person, as published on `registry.person` (internal: no subscriber may read it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonImage {
    /// Who.
    pub person_id: PersonId,
    /// Counts this person's versions from 1.
    pub version: u64,
    /// Life.
    pub lifecycle: Lifecycle,
    /// Where a merged id leads.
    pub merged_into: Option<PersonId>,
    /// Ids that lead here now, sorted.
    pub absorbed: Vec<PersonId>,
    /// Whether the person may be in any population: some record claims a field, and the register knows a number of
    /// theirs or they have none yet (design §3).
    pub countable: bool,
    /// Numbers, sorted.
    pub pins: Vec<PinState>,
    /// What stands.
    pub fields: BTreeMap<FieldName, StandingField>,
    /// The business date (`Asia/Ho_Chi_Minh`) it was merged on.
    pub business_date: NaiveDate,
}

impl PersonImage {
    /// Whether another image says the same, whatever version and day it was made at.
    pub fn same_content(&self, other: &Self) -> bool {
        let Self {
            person_id,
            version: _,
            lifecycle,
            merged_into,
            absorbed,
            countable,
            pins,
            fields,
            business_date: _,
        } = self;
        *person_id == other.person_id
            && *lifecycle == other.lifecycle
            && *merged_into == other.merged_into
            && *absorbed == other.absorbed
            && *countable == other.countable
            && *pins == other.pins
            && *fields == other.fields
    }

    /// The value that stands for an item.
    pub fn value(&self, name: &str) -> Option<&FieldValue> {
        let name = name.parse::<FieldName>().ok()?;
        self.fields.get(&name).map(|f| &f.value)
    }
}

/// An entry of `registry.link`: whose anchor this is, and since which event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEvent {
    /// A PIN class (`pin:…`) or a source key.
    pub anchor: String,
    /// The id given to the anchor when it was first seen; never changes.
    pub own_person_id: PersonId,
    /// The id that stands for it now; another one after a merge.
    pub person_id: PersonId,
    /// What happened.
    pub event: LinkKind,
}

/// What happened to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Seen for the first time.
    FirstSeen,
    /// Stands with others now, under their id.
    Merged,
    /// Parted from them, under its own id again.
    Split,
}

impl LinkKind {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 3] = [Self::FirstSeen, Self::Merged, Self::Split];

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstSeen => "first_seen",
            Self::Merged => "merged",
            Self::Split => "split",
        }
    }
}

/// What became of a source's record: the answer that goes back to the source (topic `answers`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which record.
    pub record_key: RecordKey,
    /// What became of it.
    pub outcome: AnswerKind,
    /// With `PinIssued`: the number. Never logged.
    pub pin: Option<String>,
    /// With `Held`: the case, or `asked:` and the code of a steward's question; with `Decided`: the decision.
    pub detail: Option<String>,
    /// With `Held`: the day by which the case is to be decided.
    pub deadline: Option<NaiveDate>,
    /// With `Decided`: the item. With `Rejected`: the source's own column, where one is to blame.
    pub field: Option<String>,
    /// With `Decided`: the value that was taken. Never logged.
    pub value: Option<String>,
    /// With `Decided`: the record whose value was taken. With `Rejected`: a reason code.
    pub reason: Option<String>,
    /// With `Rejected`: a code for what the source can do.
    pub way_out: Option<String>,
}

impl Answer {
    /// That a record came to this, and no more.
    pub const fn new(record_key: RecordKey, outcome: AnswerKind) -> Self {
        Self {
            record_key,
            outcome,
            pin: None,
            detail: None,
            deadline: None,
            field: None,
            value: None,
            reason: None,
            way_out: None,
        }
    }

    /// That a row could not be read, for a reason of its adapter: a code, and after a `:` what it is about, the column
    /// last. Says what the source can do about it.
    pub fn rejected(record_key: RecordKey, reason: &str) -> Self {
        let (code, about) = reason.split_once(':').unzip();
        let code = code.unwrap_or(reason);
        // What is on no list may be a slip, or a list that has grown; all else is the row's.
        let way_out = if code == "unknown_code" { "correct_or_report" } else { "correct" };
        Self {
            field: about.and_then(|about| about.rsplit(':').next()).map(ToOwned::to_owned),
            reason: Some(code.to_owned()),
            way_out: Some(way_out.to_owned()),
            ..Self::new(record_key, AnswerKind::Rejected)
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key of a record may hold a number.
        write!(f, "Answer({})", self.outcome.as_str())
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// Taken over.
    Accepted,
    /// The register gave the person of this record a number.
    PinIssued,
    /// A case is open about it.
    Held,
    /// A steward has decided.
    Decided,
    /// Not readable; see the reasons.
    Rejected,
}

impl AnswerKind {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::PinIssued, Self::Held, Self::Decided, Self::Rejected];

    /// The name used in topics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PinIssued => "pin_issued",
            Self::Held => "held",
            Self::Decided => "decided",
            Self::Rejected => "rejected",
        }
    }
}
