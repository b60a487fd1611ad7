//! The life of a case: what becomes of it when merging finds it again, finds it otherwise, or finds it no longer.
//!
//! Pure: from how it stands, what is found, and what stewards' decisions in force say of its records.

use crate::{IdentityDecision, RecordKey, RulingKind};
use serde::{Deserialize, Serialize};

/// Where a case stands. Who has it on the desk is the console's: the registry does not know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nobody has decided anything.
    New,
    /// It was closed, or answered for, and the question is there again.
    Reopened,
    /// The owner of a record was asked.
    Waiting,
    /// It is being looked into.
    UnderInvestigation,
    /// The question is answered: the sources agree, or a decision stands.
    Closed,
    /// The question is gone with its subject: persons were merged or parted, or the person has died.
    Superseded,
}

impl CaseState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Reopened, Self::Waiting, Self::UnderInvestigation, Self::Closed, Self::Superseded];

    /// The name used in tables and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reopened => "reopened",
            Self::Waiting => "waiting",
            Self::UnderInvestigation => "under_investigation",
            Self::Closed => "closed",
            Self::Superseded => "superseded",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether it still waits for somebody.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Superseded)
    }

    /// Whether a decision in force has put it there.
    const fn is_handled(self) -> bool {
        matches!(self, Self::Waiting | Self::UnderInvestigation)
    }
}

/// What a decision in force makes of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// The decision.
    pub decision: String,
    /// The source that owns the record it is about, where that source was asked; none: it is looked into here.
    pub waits_for: Option<String>,
}

impl Handling {
    const fn state(&self) -> CaseState {
        if self.waits_for.is_some() { CaseState::Waiting } else { CaseState::UnderInvestigation }
    }

    /// What decisions in force, the earliest first, say of a case with these records: the latest counts. What was sent
    /// back, or was marked as two people in one record, waits for the source that owns the record.
    pub fn of(in_force: &[&IdentityDecision], records: &[RecordKey]) -> Option<Self> {
        in_force.iter().rev().find_map(|decision| {
            let ruling = decision.ruling.as_ref()?;
            let key = &ruling.subject.record_key;
            let waits_for = match ruling.kind {
                RulingKind::SendBack | RulingKind::MarkConfusion => Some(key.source().to_owned()),
                RulingKind::UnderInvestigation => None,
                RulingKind::Link
                | RulingKind::Split
                | RulingKind::Merge
                | RulingKind::KeepSeparate
                | RulingKind::ConfirmTwins => return None,
            };
            records.contains(key).then(|| Self { decision: decision.id.clone(), waits_for })
        })
    }
}

/// How a case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLife {
    /// Where it stands.
    pub state: CaseState,
    /// Of the question as it was found last.
    pub fingerprint: String,
    /// Whom a waiting case waits for: a source.
    pub waits_for: Option<String>,
    /// The decisions that have made it wait or be looked into, the last one last. Each does so once, until the question is
    /// a new one; what was taken back is none of them.
    pub decisions: Vec<String>,
}

/// Why a question is not found any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The records agree, or a decision answers it.
    Answered,
    /// The person's id leads to another one now.
    Merged,
    /// Records came to the person or left.
    Regrouped,
    /// The person has died.
    Died,
}

/// What happened to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseEvent {
    /// It is found for the first time.
    Opened,
    /// The question is another one now.
    Changed,
    /// It is found again, or the party that was asked has said something new.
    Reopened,
    /// The owner of a record was asked.
    Waiting,
    /// It is being looked into.
    UnderInvestigation,
    /// The decision that it waited by was taken back.
    Resumed,
    /// The question is answered.
    Closed,
    /// The question is gone with its subject.
    Superseded,
}

impl CaseEvent {
    /// The name in the history of a case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Reopened => "reopened",
            Self::Waiting => "waiting",
            Self::UnderInvestigation => "under_investigation",
            Self::Resumed => "resumed",
            Self::Closed => "closed",
            Self::Superseded => "superseded",
        }
    }

    /// Whether the clock of the case begins with it.
    pub const fn starts_clock(self) -> bool {
        matches!(self, Self::Opened | Self::Reopened)
    }
}

impl CaseLife {
    /// What becomes of a case that is found; none: nothing.
    pub fn found(
        before: Option<&Self>,
        fingerprint: &str,
        handling: Option<&Handling>,
    ) -> Option<(Self, CaseEvent)> {
        let acted = before.map(|life| life.decisions.as_slice()).unwrap_or_default();
        let open = |state, acted: &[String]| Self {
            state,
            fingerprint: fingerprint.to_owned(),
            waits_for: None,
            decisions: acted.to_vec(),
        };
        let fresh = handling.filter(|h| !acted.contains(&h.decision));
        let handled = fresh.map(|handling| Self {
            state: handling.state(),
            fingerprint: fingerprint.to_owned(),
            waits_for: handling.waits_for.clone(),
            decisions: acted.iter().cloned().chain([handling.decision.clone()]).collect(),
        });
        let Some(before) = before else {
            return Some((handled.unwrap_or_else(|| open(CaseState::New, &[])), CaseEvent::Opened));
        };
        if let Some(life) = handled {
            let event = match (before.state.is_open(), life.state) {
                (false, _) => CaseEvent::Reopened,
                (true, CaseState::Waiting) => CaseEvent::Waiting,
                (true, _) => CaseEvent::UnderInvestigation,
            };
            return Some((life, event));
        }
        if !before.state.is_open() {
            return Some((open(CaseState::Reopened, acted), CaseEvent::Reopened));
        }
        let is_new = before.fingerprint != fingerprint;
        if let Some((last, earlier)) = acted.split_last().filter(|_| before.state.is_handled()) {
            return match handling {
                Some(handling) if handling.decision == *last => {
                    is_new.then(|| (open(CaseState::Reopened, acted), CaseEvent::Reopened))
                }
                // What put it there was taken back, and may come back in its turn.
                Some(_) | None => Some((open(CaseState::New, earlier), CaseEvent::Resumed)),
            };
        }
        is_new.then(|| (open(before.state, acted), CaseEvent::Changed))
    }

    /// What becomes of a case that is not found; none: it was not open.
    pub fn lost(&self, ended: Ended) -> Option<(Self, CaseEvent)> {
        if !self.state.is_open() {
            return None;
        }
        let (state, event) = match ended {
            Ended::Answered => (CaseState::Closed, CaseEvent::Closed),
            Ended::Merged | Ended::Regrouped | Ended::Died => (CaseState::Superseded, CaseEvent::Superseded),
        };
        Some((Self { state, waits_for: None, ..self.clone() }, event))
    }
}

#[cfg(test)]
#[path = "case_life_tests.rs"]
mod tests;
