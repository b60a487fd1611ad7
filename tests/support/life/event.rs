//! What happens to people, and what it left behind in the databases.

use chrono::{DateTime, Utc};
use registry_rules::{RecordKey, RowKey};
use std::fmt;
use std::str::FromStr;

/// Something that happens in a life and is written down by an office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeEvent {
    /// A child is born and registered without a number; the identity office issues one, the commune police register him.
    Birth,
    /// Somebody dies.
    Death,
    /// Two people marry.
    Marriage,
    /// A court divorces a couple.
    Divorce,
    /// A household moves.
    Move,
    /// A grown child gets a household of his own at the same address.
    SplitHousehold,
    /// Somebody registers where he stays for a while.
    TemporaryResidence,
    /// Somebody declares that he is away.
    Absence,
    /// Somebody declares a new telephone number.
    Contact,
    /// Somebody gets an identity card.
    NewCard,
    /// A number is cancelled and another one established in its place.
    ReissuePin,
    /// A date of birth is corrected.
    Correct,
    /// A name is changed.
    Rename,
    /// A blood group is recorded.
    BloodTest,
    /// A residence clerk writes a date of birth that the civil-status office does not have.
    Disagree,
    /// A residence clerk writes a code that no list has: the row waits in quarantine.
    Junk,
}

impl LifeEvent {
    /// All, with how often they occur beside each other.
    pub const WEIGHTS: [(Option<Self>, u32); 16] = [
        (Some(Self::Birth), 14),
        (Some(Self::Death), 7),
        (Some(Self::Marriage), 6),
        (Some(Self::Divorce), 1),
        (Some(Self::Move), 10),
        (Some(Self::SplitHousehold), 3),
        (Some(Self::TemporaryResidence), 12),
        (Some(Self::Absence), 4),
        (Some(Self::Contact), 20),
        (Some(Self::NewCard), 12),
        (Some(Self::ReissuePin), 1),
        (Some(Self::Correct), 2),
        (Some(Self::Rename), 2),
        (Some(Self::BloodTest), 3),
        (Some(Self::Disagree), 2),
        (Some(Self::Junk), 1),
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WEIGHTS.into_iter().filter_map(|(event, _)| event)
    }

    /// What it is, in one line.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Birth => "A child is born; it gets its number and its registration from two more offices",
            Self::Death => "An old person dies; the commune police end the registration",
            Self::Marriage => "Two people marry",
            Self::Divorce => "A court divorces a couple",
            Self::Move => "A household moves to another address",
            Self::SplitHousehold => "A grown child opens a household of their own at the same address",
            Self::TemporaryResidence => "Somebody registers a temporary residence",
            Self::Absence => "Somebody declares to be away",
            Self::Contact => "Somebody declares a new telephone number",
            Self::NewCard => "Somebody gets an identity card",
            Self::ReissuePin => "A number is cancelled and another established in its place",
            Self::Correct => "A date of birth is corrected; the police databases take it over",
            Self::Rename => "A name is changed; the police databases take it over",
            Self::BloodTest => "A hospital records a blood group",
            Self::Disagree => {
                "A residence clerk writes another date of birth: two sources disagree, a case opens"
            }
            Self::Junk => "A residence clerk writes a code that no list has: the row is quarantined",
        }
    }

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::Death => "death",
            Self::Marriage => "marriage",
            Self::Divorce => "divorce",
            Self::Move => "move",
            Self::SplitHousehold => "split-household",
            Self::TemporaryResidence => "temporary-residence",
            Self::Absence => "absence",
            Self::Contact => "contact",
            Self::NewCard => "new-card",
            Self::ReissuePin => "reissue-pin",
            Self::Correct => "correct",
            Self::Rename => "rename",
            Self::BloodTest => "blood-test",
            Self::Disagree => "disagree",
            Self::Junk => "junk",
        }
    }
}

impl fmt::Display for LifeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LifeEvent {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::all().find(|event| event.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::as_str).collect();
            anyhow::anyhow!("'{text}' is no event of life; there are: {}", names.join(", "))
        })
    }
}

/// A row that an office has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRow {
    /// Source database.
    pub source: &'static str,
    /// Schema and table.
    pub table: &'static str,
    /// Key of the row in the source's topic.
    pub row_key: RowKey,
    /// Keys of the records that it gives.
    pub records: Vec<RecordKey>,
    /// When its office had committed it.
    pub written_at: DateTime<Utc>,
}

impl WrittenRow {
    /// A row of a captured table, with the roles in it, committed just now.
    pub(super) fn new(
        (source, table, entity): (&'static str, &'static str, &'static str),
        key: impl fmt::Display,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        let row_key = RowKey::new(source, entity, &key.to_string())?;
        let records = roles.iter().map(|role| row_key.record(role)).collect();
        Ok(Self { source, table, row_key, records, written_at: Utc::now() })
    }
}

/// What an event, or the next office's part of it, has written, in the order of the commits.
#[derive(Clone, Debug)]
pub struct AppliedEvent {
    /// The event that it is part of.
    pub event: LifeEvent,
    /// Which office did what.
    pub step: &'static str,
    /// The rows.
    pub rows: Vec<WrittenRow>,
}
