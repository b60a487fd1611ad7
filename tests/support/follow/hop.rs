//! What is told of a change on its way: never a value, nor a record's key, which may hold a number.

use registry_rules::{FieldName, PersonId};
use serde::Serialize;
use std::fmt;

/// Whose version it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// A record is this person's own.
    Own,
    /// The person is named with another one's facts: a child, a spouse, a member of the household.
    Related,
}

/// Why an agreement gets nothing of a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The agreement lets nothing out now.
    NotInForce,
    /// It does not cover this person.
    NotInPopulation,
    /// It names none of the fields that changed.
    FieldsNotPermitted,
    /// What it names is as it was.
    Unchanged,
}

/// One hop. Times are milliseconds since the first commit of the step, as written down at that hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "hop", rename_all = "snake_case")]
pub enum Hop {
    /// A record is in its source's topic.
    Captured {
        /// Source database.
        source: String,
        /// Kind of row.
        entity: String,
        /// Role of the person in the row.
        role: String,
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The record's place there.
        offset: i64,
        /// When the log had it.
        milliseconds: i64,
    },
    /// A row could not be mapped; its last readable version stays.
    Quarantined {
        /// Source database.
        source: String,
        /// Kind of row.
        entity: String,
        /// Reason codes.
        reasons: Vec<String>,
        /// Topic of the marker.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its place there.
        offset: i64,
        /// When the log had it.
        milliseconds: i64,
    },
    /// The registry has a new version of a person.
    Merged {
        /// Who.
        person_id: PersonId,
        /// Why this person.
        tie: Tie,
        /// The version.
        version: i64,
        /// Fields whose value or state is another than before.
        fields: Vec<FieldName>,
        /// When the merge transaction began.
        milliseconds: i64,
    },
    /// The records leave a person as it was: no version, nothing for anybody.
    Unchanged {
        /// Who.
        person_id: PersonId,
        /// The version that stands.
        version: i64,
    },
    /// The registry has answered, and the office has it in its own inbox.
    Answered {
        /// Source database.
        source: String,
        /// Kind of row.
        entity: String,
        /// Role of the person in the row; `*` where the row could not be read.
        role: String,
        /// `accepted`, `held`, `decided`, `rejected` or `pin_issued`.
        outcome: String,
        /// When the log had the answer.
        milliseconds: i64,
    },
    /// The version is in the topic of persons, and all agreements were compared with it.
    Published {
        /// Who.
        person_id: PersonId,
        /// The version that was compared, this one or a later one.
        version: i64,
        /// When the log had it.
        milliseconds: i64,
    },
    /// A release is on the ledger.
    Authorised {
        /// Who.
        person_id: PersonId,
        /// To whom.
        agreement: String,
        /// Under which version.
        agreement_version: i32,
        /// `entered`, `changed` or `left`.
        event: String,
        /// Its number.
        release_no: i64,
        /// The permitted fields that have a value, as on the ledger.
        fields: Vec<String>,
        /// When.
        milliseconds: i64,
    },
    /// An agreement gets nothing of it.
    Withheld {
        /// Who.
        person_id: PersonId,
        /// Which agreement.
        agreement: String,
        /// Why.
        reason: Withheld,
    },
    /// A release has its outcome.
    Delivered {
        /// Who.
        person_id: PersonId,
        /// To whom.
        agreement: String,
        /// Which release.
        release_no: i64,
        /// `topic` or `database`.
        mode: String,
        /// `delivered`, `superseded` or `withdrawn`; `parked` where the receiver refuses it for now.
        outcome: String,
        /// Whether the sector's table has a row of the person, looked at in the sector's own database.
        row: Option<bool>,
        /// When; none while parked.
        milliseconds: Option<i64>,
    },
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInForce => "not in force",
            Self::NotInPopulation => "not in population",
            Self::FieldsNotPermitted => "fields not permitted",
            Self::Unchanged => "unchanged",
        })
    }
}

impl Hop {
    /// When, where the hop has a time.
    pub const fn milliseconds(&self) -> Option<i64> {
        match self {
            Self::Captured { milliseconds, .. }
            | Self::Quarantined { milliseconds, .. }
            | Self::Merged { milliseconds, .. }
            | Self::Answered { milliseconds, .. }
            | Self::Published { milliseconds, .. }
            | Self::Authorised { milliseconds, .. } => Some(*milliseconds),
            Self::Delivered { milliseconds, .. } => *milliseconds,
            Self::Unchanged { .. } | Self::Withheld { .. } => None,
        }
    }
}

fn list<T: fmt::Display>(names: &[T]) -> String {
    if names.is_empty() {
        return "no field".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.milliseconds() {
            Some(milliseconds) => write!(f, "{milliseconds:>7} ms  ")?,
            None => write!(f, "{:>7}     ", "-")?,
        }
        match self {
            Self::Captured { source, entity, role, topic, partition, offset, .. } => {
                write!(f, "captured    {source} {entity} {role}: {topic} [{partition}] at {offset}")
            }
            Self::Quarantined { source, entity, reasons, topic, partition, offset, .. } => write!(
                f,
                "quarantined {source} {entity}: {}; marker in {topic} [{partition}] at {offset}",
                list(reasons)
            ),
            Self::Merged { person_id, tie, version, fields, .. } => {
                let tie = match tie {
                    Tie::Own => "",
                    Tie::Related => " (related)",
                };
                write!(f, "merged      {person_id}{tie} version {version}: {}", list(fields))
            }
            Self::Unchanged { person_id, version } => {
                write!(f, "merged      {person_id} stays at version {version}: unchanged")
            }
            Self::Answered { source, entity, role, outcome, .. } => {
                write!(f, "answered    {source} {entity} {role}: {outcome}; in the source's own inbox")
            }
            Self::Published { person_id, version, .. } => {
                write!(f, "published   {person_id} version {version}")
            }
            Self::Authorised { agreement, agreement_version, event, release_no, fields, .. } => write!(
                f,
                "authorised  {agreement} version {agreement_version}: {event}, release {release_no}: {}",
                list(fields)
            ),
            Self::Withheld { agreement, reason, .. } => write!(f, "withheld    {agreement}: {reason}"),
            Self::Delivered { agreement, release_no, mode, outcome, row, .. } => {
                let row = match row {
                    Some(true) => "; the sector has the row",
                    Some(false) => "; the sector has no row",
                    None => "",
                };
                write!(f, "{outcome:<11} {agreement} {mode}: release {release_no}{row}")
            }
        }
    }
}
