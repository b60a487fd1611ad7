//! What a steward may decide about a case.

use registry_rules::{CaseKind, RecordKey, RulingKind};
use serde::Serialize;

/// What a steward decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The value of this record stands.
    TakeValue(RecordKey),
    /// Where records belong, or what is asked about them.
    Rule(RuleAction),
}

/// A decision about who a record belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAction {
    /// Which kind.
    pub kind: RulingKind,
    /// The record it is about.
    pub record: RecordKey,
    /// The record it is held against, for the kinds that name two.
    pub other: Option<RecordKey>,
    /// What the source is asked, when it is asked.
    pub question: Option<Question>,
}

/// What the owner of a record is asked. Codes only: the question reaches the source as it is, and a steward's own words could
/// repeat what another source says of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Does the document say this?
    CheckValue,
    /// Is it about this person?
    CheckPerson,
    /// Is this the person's number?
    CheckNumber,
    /// Are two people in this record?
    TwoPeople,
    /// Where is the act that it names?
    MissingAct,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::CheckValue, Self::CheckPerson, Self::CheckNumber, Self::TwoPeople, Self::MissingAct];

    /// The name used in tables, commands and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheckValue => "check_value",
            Self::CheckPerson => "check_person",
            Self::CheckNumber => "check_number",
            Self::TwoPeople => "two_people",
            Self::MissingAct => "missing_act",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// Whether a decision of this kind moves persons, so that one steward alone does not make it.
pub(crate) const fn moves_persons(kind: RulingKind) -> bool {
    matches!(kind, RulingKind::Link | RulingKind::Split | RulingKind::Merge)
}

/// What can be decided about a case of this kind, beside taking a value.
pub(crate) const fn kinds_for(kind: CaseKind) -> &'static [RulingKind] {
    use RulingKind::{
        ConfirmTwins, KeepSeparate, Link, MarkConfusion, Merge, SendBack, Split, UnderInvestigation,
    };
    match kind {
        CaseKind::FieldConflict | CaseKind::DigitMismatch | CaseKind::ErrorReport => {
            &[Split, MarkConfusion, SendBack, UnderInvestigation]
        }
        CaseKind::IdentifierConflict | CaseKind::Orphan => {
            &[Link, KeepSeparate, Split, MarkConfusion, SendBack, UnderInvestigation]
        }
        CaseKind::Duplicate | CaseKind::TwinCheck => {
            &[Merge, Link, KeepSeparate, ConfirmTwins, SendBack, UnderInvestigation]
        }
        CaseKind::Confusion | CaseKind::StaleLink => {
            &[Split, Link, Merge, KeepSeparate, ConfirmTwins, MarkConfusion, SendBack, UnderInvestigation]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_case_can_be_asked_about_and_every_kind_of_decision_is_possible_somewhere() {
        for kind in CaseKind::ALL {
            let kinds = kinds_for(kind);
            assert!(kinds.contains(&RulingKind::SendBack), "{}", kind.as_str());
        }
        for ruling in RulingKind::ALL {
            assert!(
                CaseKind::ALL.iter().any(|kind| kinds_for(*kind).contains(&ruling)),
                "{}",
                ruling.as_str()
            );
        }
    }

    #[test]
    fn questions_read_as_written() {
        for question in Question::ALL {
            assert_eq!(Question::read(question.as_str()), Some(question));
            assert_eq!(serde_json::to_value(question).unwrap(), question.as_str());
        }
    }
}
