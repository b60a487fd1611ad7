//! How long a case may wait: working days by kind and item, each with what sets it (`schemas/calendar/case_clocks.toml`).

use crate::working_days::{CalendarError, DueDay, LONGEST_CLOCK, WorkingCalendar, due_on};
use crate::{CaseKind, FieldName};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The calendar and the clocks that the program carries.
const CALENDAR: &str = include_str!("../../../../schemas/calendar/vn.toml");
const CLOCKS: &str = include_str!("../../../../schemas/calendar/case_clocks.toml");

/// What sets a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockBasis {
    /// The article sets the time.
    Law,
    /// No article does: the registry's own target.
    Service,
}

/// One clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseClock {
    /// For which kind of case.
    pub kind: CaseKind,
    /// For this item only.
    pub field: Option<FieldName>,
    /// Working days.
    pub working_days: u16,
    /// What sets it.
    pub basis: ClockBasis,
    /// The article that sets it, or that it is taken from.
    pub article: String,
    /// The same in Vietnamese.
    pub article_vi: String,
}

/// All clocks, with the calendar they run by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseClocks {
    clocks: Vec<CaseClock>,
    calendar: WorkingCalendar,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clock: Vec<CaseClock>,
}

impl CaseClocks {
    /// Those that the program carries.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn shipped() -> Result<Self, CalendarError> {
        Self::parse(CLOCKS, CALENDAR)
    }

    /// Reads clocks and calendar.
    ///
    /// # Errors
    /// [`CalendarError`]: also for a kind without a clock, a clock that stands twice, or one that is too long.
    pub fn parse(clocks: &str, calendar: &str) -> Result<Self, CalendarError> {
        let File { clock: clocks } =
            toml::from_str(clocks).map_err(|e| CalendarError::Form(e.message().to_owned()))?;
        for (n, clock) in clocks.iter().enumerate() {
            if clock.working_days > LONGEST_CLOCK {
                return Err(CalendarError::TooLong);
            }
            let again = |other: &CaseClock| (other.kind, &other.field) == (clock.kind, &clock.field);
            if clocks.iter().skip(n + 1).any(again) {
                return Err(CalendarError::Form(format!("two clocks for {}", clock.kind.as_str())));
            }
        }
        let has_one = |kind: &CaseKind| clocks.iter().any(|c| c.kind == *kind && c.field.is_none());
        if let Some(kind) = CaseKind::ALL.iter().find(|kind| !has_one(kind)) {
            return Err(CalendarError::Form(format!("no clock for {}", kind.as_str())));
        }
        Ok(Self { clocks, calendar: WorkingCalendar::parse(calendar)? })
    }

    /// The clock of a case: that of its item, else of its kind.
    pub fn of(&self, kind: CaseKind, field: Option<&FieldName>) -> Option<&CaseClock> {
        let own =
            |clock: &&CaseClock| clock.kind == kind && clock.field.is_some() && clock.field.as_ref() == field;
        let general = |clock: &&CaseClock| clock.kind == kind && clock.field.is_none();
        self.clocks.iter().find(own).or_else(|| self.clocks.iter().find(general))
    }

    /// The last day of a case that opens on a business day; none where the calendar does not reach so far.
    pub fn due(&self, kind: CaseKind, field: Option<&FieldName>, opened: NaiveDate) -> Option<DueDay> {
        due_on(opened, self.of(kind, field)?.working_days, &self.calendar).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_has_a_clock_and_an_item_may_have_its_own() {
        let clocks = CaseClocks::shipped().unwrap();
        for kind in CaseKind::ALL {
            let clock = clocks.of(kind, None).unwrap();
            assert!(clock.working_days > 0, "{}", kind.as_str());
            assert!(!clock.article.is_empty() && !clock.article_vi.is_empty(), "{}", kind.as_str());
        }
        let (death, name) = ("npd.death_or_missing".parse().unwrap(), "npd.birth_name".parse().unwrap());
        assert_eq!(clocks.of(CaseKind::FieldConflict, Some(&death)).unwrap().working_days, 1);
        assert_eq!(clocks.of(CaseKind::FieldConflict, Some(&name)), clocks.of(CaseKind::FieldConflict, None));
    }

    #[test]
    fn a_clock_is_the_laws_only_where_an_article_sets_the_time() {
        let clocks = CaseClocks::shipped().unwrap();
        let set = clocks.clocks.iter().filter(|clock| clock.basis == ClockBasis::Law);
        let set: Vec<_> =
            set.map(|c| (c.kind, c.field.as_ref().map(FieldName::as_str), c.working_days)).collect();
        assert_eq!(
            set,
            [
                (CaseKind::FieldConflict, Some("npd.death_or_missing"), 1),
                (CaseKind::FieldConflict, Some("npd.nationality"), 1),
                (CaseKind::ErrorReport, None, 10),
            ]
        );
    }

    #[test]
    fn a_clock_passes_over_tet_and_says_where_the_calendar_ends() {
        let clocks = CaseClocks::shipped().unwrap();
        let due = |opened| clocks.due(CaseKind::FieldConflict, None, day(opened));
        // Three working days from the Thursday before Tết Bính Ngọ: the Friday, and two after it.
        assert_eq!(due("2026-02-12"), Some(DueDay { on: day("2026-02-24"), provisional: false }));
        assert!(due("2026-12-30").unwrap().provisional);
        assert_eq!(due("2027-12-31"), None);
    }

    #[test]
    fn clocks_that_are_lacking_or_double_are_refused() {
        let one = |kind: &str| {
            format!(
                "[[clock]]\nkind = \"{kind}\"\nworking_days = 1\nbasis = \"law\"\narticle = \"a\"\narticle_vi = \"b\"\n"
            )
        };
        let all: String = CaseKind::ALL.iter().map(|kind| one(kind.as_str())).collect();
        assert!(CaseClocks::parse(&all, CALENDAR).is_ok());
        let form = |text: &str| matches!(CaseClocks::parse(text, CALENDAR), Err(CalendarError::Form(_)));
        assert!(form(&one("orphan")), "the others have none");
        assert!(form(&(all.clone() + &one("orphan"))), "twice");
        let long = all.replacen("working_days = 1", "working_days = 251", 1);
        assert_eq!(CaseClocks::parse(&long, CALENDAR), Err(CalendarError::TooLong));
    }
}
