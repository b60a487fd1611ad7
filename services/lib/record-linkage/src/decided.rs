//! What humans have decided about pairs: it stands whatever the score says.

use crate::table::Table;
use std::collections::BTreeMap;

/// What was decided about two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Two persons.
    Different,
    /// Two persons, and twins.
    Twins,
}

impl Verdict {
    /// Reads a verdict.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "different" => Some(Self::Different),
            "twins" => Some(Self::Twins),
            _ => None,
        }
    }
}

/// Why a decision is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecidedError {
    /// No such record.
    #[error("no record has the id `{0}`")]
    Unknown(String),
    /// Both sides are one record.
    #[error("record `{0}` is set against itself")]
    Itself(String),
}

/// Decided pairs.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    pairs: BTreeMap<(u32, u32), Verdict>,
}

impl Decided {
    /// Keeps two records apart.
    ///
    /// # Errors
    /// A record that the table does not have, or one against itself.
    pub fn add(
        &mut self,
        table: &Table,
        (left, right): (&str, &str),
        verdict: Verdict,
    ) -> Result<(), DecidedError> {
        let find = |id: &str| table.find(id).ok_or_else(|| DecidedError::Unknown(id.to_owned()));
        let (one, other) = (find(left)?, find(right)?);
        if one == other {
            return Err(DecidedError::Itself(left.to_owned()));
        }
        self.pairs.insert((one.min(other), one.max(other)), verdict);
        Ok(())
    }

    /// What was decided about two records.
    pub fn verdict(&self, left: u32, right: u32) -> Option<Verdict> {
        self.pairs.get(&(left.min(right), left.max(right))).copied()
    }
}
