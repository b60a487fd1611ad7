//! How a case stands, in the reader's words: its state and whom it waits for, until when, how much it weighs.

use crate::desk::{CaseLine, CaseSheet};
use crate::language::{Language, Texts};
use crate::vocabulary;
use registry_rules::{CaseClock, ClockBasis};
use registry_store::CaseStanding;

/// How a case stands.
#[derive(Debug)]
pub(super) struct StandingText {
    /// The state, with the source that a waiting case waits for.
    pub(super) state: String,
    /// Since when.
    pub(super) since: String,
    pub(super) due: Option<Due>,
    pub(super) weight: Weight,
    /// A proposal waits for a second steward.
    pub(super) second: bool,
    /// Who has it on the desk.
    pub(super) claimed_by: Option<String>,
}

/// The last day of the clock.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) day: String,
    pub(super) iso: String,
    pub(super) overdue: bool,
    /// The holidays of its year are not published yet.
    pub(super) provisional: bool,
}

/// What a case weighs in the list.
#[derive(Debug)]
pub(super) struct Weight {
    /// Harm for each agreement that holds the item.
    pub(super) severity: u32,
    /// 1 to 5.
    pub(super) harm: u8,
    /// Those agreements, where the desk has sight of them.
    pub(super) affected: Option<u32>,
}

/// The clock of a case in words.
#[derive(Debug)]
pub(super) struct ClockText {
    pub(super) working_days: u16,
    pub(super) basis: &'static str,
    pub(super) article: String,
}

impl StandingText {
    pub(super) fn of_line(case: &CaseLine, language: Language) -> Self {
        let weight = Weight { severity: case.weight, harm: case.severity, affected: case.affected };
        Self {
            second: case.proposed,
            claimed_by: case.claimed_by.clone(),
            ..Self::of(&case.standing, weight, language)
        }
    }

    pub(super) fn of_sheet(sheet: &CaseSheet, language: Language) -> Self {
        let weight = Weight { severity: sheet.weight, harm: sheet.severity, affected: sheet.affected };
        Self {
            second: !sheet.proposals.is_empty(),
            claimed_by: sheet.claim.as_ref().map(|claim| claim.claimed_by.clone()),
            ..Self::of(&sheet.standing, weight, language)
        }
    }

    fn of(standing: &CaseStanding, weight: Weight, language: Language) -> Self {
        let state = vocabulary::case_state(standing.state, language.texts());
        Self {
            state: match &standing.waits_for {
                Some(source) => format!("{state}: {}", vocabulary::source(source, language)),
                None => state.to_owned(),
            },
            since: vocabulary::moment(standing.since),
            due: standing.due_on.map(|day| Due {
                day: vocabulary::date(&day.to_string()),
                iso: day.to_string(),
                overdue: standing.overdue,
                provisional: standing.due_provisional,
            }),
            weight,
            second: false,
            claimed_by: None,
        }
    }
}

impl ClockText {
    pub(super) fn of(clock: &CaseClock, language: Language, t: &Texts) -> Self {
        Self {
            working_days: clock.working_days,
            basis: match clock.basis {
                ClockBasis::Law => t.clock_by_law,
                ClockBasis::Service => t.clock_by_service,
            },
            article: language.pick(&clock.article_vi, &clock.article).to_owned(),
        }
    }
}
