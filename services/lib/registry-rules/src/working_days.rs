//! Statutory clocks run in working days: weekends, public holidays, Tết and swapped days are data (`schemas/calendar`).

use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The longest clock that the law sets is 20 working days; more than a year of them is a mistake of the caller.
pub const LONGEST_CLOCK: u16 = 250;

/// Which days are worked, for the years that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingCalendar {
    years: BTreeMap<i32, Year>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Year {
    published: bool,
    off: BTreeSet<NaiveDate>,
    on: BTreeSet<NaiveDate>,
}

/// The last day of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueDay {
    /// The day, in Vietnam; the clock is kept until it ends.
    pub on: NaiveDate,
    /// It passes through a year whose holidays are not published yet, so it may still move.
    pub provisional: bool,
}

/// Why a calendar cannot be read, or a day not be told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CalendarError {
    /// Not the form of `schemas/calendar/vn.toml`.
    #[error("the calendar of working days is not readable: {0}")]
    Form(String),
    /// A day that stands under another year, or a day off that nobody works anyway, or the like.
    #[error("{day} does not belong under {list} of {year}")]
    Misplaced {
        /// Under which year.
        year: i32,
        /// `days_off` or `working_days`.
        list: &'static str,
        /// The day.
        day: NaiveDate,
    },
    /// The same year twice.
    #[error("the year {0} stands twice in the calendar")]
    Twice(i32),
    /// The calendar ends before the clock does.
    #[error("the calendar of working days does not know the year {0}")]
    Unknown(i32),
    /// More days than any clock has.
    #[error("a clock has at most {LONGEST_CLOCK} working days")]
    TooLong,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    year: Vec<FileYear>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYear {
    year: i32,
    published: bool,
    days_off: Vec<NaiveDate>,
    working_days: Vec<NaiveDate>,
}

impl WorkingCalendar {
    /// Reads a calendar.
    ///
    /// # Errors
    /// [`CalendarError::Form`], [`CalendarError::Misplaced`], [`CalendarError::Twice`].
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        let file: File = toml::from_str(text).map_err(|e| CalendarError::Form(e.message().to_owned()))?;
        let mut years = BTreeMap::new();
        for one in file.year {
            let year = one.year;
            let off = days(year, "days_off", one.days_off, |day| !is_weekend(day))?;
            let on = days(year, "working_days", one.working_days, is_weekend)?;
            if years.insert(year, Year { published: one.published, off, on }).is_some() {
                return Err(CalendarError::Twice(year));
            }
        }
        Ok(Self { years })
    }

    fn year(&self, day: NaiveDate) -> Result<&Year, CalendarError> {
        self.years.get(&day.year()).ok_or(CalendarError::Unknown(day.year()))
    }

    /// Whether public offices work on this day.
    ///
    /// # Errors
    /// [`CalendarError::Unknown`].
    pub fn is_working(&self, day: NaiveDate) -> Result<bool, CalendarError> {
        let year = self.year(day)?;
        Ok(if is_weekend(day) { year.on.contains(&day) } else { !year.off.contains(&day) })
    }
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

fn days(
    year: i32,
    list: &'static str,
    days: Vec<NaiveDate>,
    fits: impl Fn(NaiveDate) -> bool,
) -> Result<BTreeSet<NaiveDate>, CalendarError> {
    let stray = days.iter().find(|day| day.year() != year || !fits(**day));
    match stray {
        Some(day) => Err(CalendarError::Misplaced { year, list, day: *day }),
        None => Ok(days.into_iter().collect()),
    }
}

/// The last day of a clock of `days` working days that starts with something on `opened`.
///
/// The day it starts on does not count, and a clock that would end on a day off ends on the next working day (Civil Code
/// 2015 arts. 147(2), 148(5)); a clock of no days ends on the first working day from `opened` on.
///
/// # Errors
/// [`CalendarError::Unknown`] where the calendar ends first, [`CalendarError::TooLong`].
pub fn due_on(opened: NaiveDate, days: u16, calendar: &WorkingCalendar) -> Result<DueDay, CalendarError> {
    if days > LONGEST_CLOCK {
        return Err(CalendarError::TooLong);
    }
    let mut due = DueDay { on: opened, provisional: !calendar.year(opened)?.published };
    let mut left = days;
    while left > 0 || !calendar.is_working(due.on)? {
        due.on = due.on.succ_opt().ok_or(CalendarError::Unknown(due.on.year()))?;
        due.provisional |= !calendar.year(due.on)?.published;
        if left > 0 && calendar.is_working(due.on)? {
            left -= 1;
        }
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vn() -> WorkingCalendar {
        WorkingCalendar::parse(include_str!("../../../../schemas/calendar/vn.toml")).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn clocks_pass_over_weekends_tet_and_swapped_days() {
        for (opened, days, on) in [
            // Friday to Monday.
            ("2026-03-06", 1, "2026-03-09"),
            // The last working day before Tết 2026 to the first after it.
            ("2026-02-13", 1, "2026-02-23"),
            // Into Tết 2025 with two days on each side.
            ("2025-01-22", 3, "2025-02-03"),
            // Saturday 26 April 2025 was worked, Friday 2 May was not.
            ("2025-04-25", 1, "2025-04-26"),
            ("2025-04-29", 1, "2025-05-05"),
            // Hùng Kings 2026 was made up on the Monday.
            ("2026-04-24", 2, "2026-04-29"),
            ("2026-08-21", 7, "2026-09-03"),
            // Over the turn of a year.
            ("2025-12-31", 2, "2026-01-06"),
            // Opened on a day off.
            ("2026-02-17", 0, "2026-02-23"),
            ("2026-02-17", 1, "2026-02-23"),
            ("2026-03-06", 0, "2026-03-06"),
        ] {
            assert_eq!(
                due_on(day(opened), days, &vn()),
                Ok(DueDay { on: day(on), provisional: false }),
                "{opened} + {days}"
            );
        }
    }

    #[test]
    fn what_is_not_published_is_said_to_be_provisional_and_what_is_unknown_is_refused() {
        assert!(due_on(day("2026-12-31"), 1, &vn()).unwrap().provisional);
        assert!(!due_on(day("2026-12-30"), 1, &vn()).unwrap().provisional);
        assert_eq!(due_on(day("2027-12-31"), 1, &vn()), Err(CalendarError::Unknown(2028)));
        assert_eq!(due_on(day("2024-12-31"), 1, &vn()), Err(CalendarError::Unknown(2024)));
        assert_eq!(due_on(day("2026-03-06"), LONGEST_CLOCK + 1, &vn()), Err(CalendarError::TooLong));
    }

    #[test]
    fn a_day_under_the_wrong_list_or_year_is_refused() {
        let file = |off: &str, on: &str| {
            format!("[[year]]\nyear = 2026\npublished = true\ndays_off = [{off}]\nworking_days = [{on}]\n")
        };
        let misplaced =
            |text: String| matches!(WorkingCalendar::parse(&text), Err(CalendarError::Misplaced { .. }));
        assert!(misplaced(file("\"2026-03-07\"", "")), "a Saturday is off anyway");
        assert!(misplaced(file("", "\"2026-03-06\"")), "a Friday is worked anyway");
        assert!(misplaced(file("\"2025-03-07\"", "")), "another year");
        let twice = file("", "") + &file("", "");
        assert_eq!(WorkingCalendar::parse(&twice), Err(CalendarError::Twice(2026)));
        assert!(matches!(WorkingCalendar::parse("year = 1"), Err(CalendarError::Form(_))));
    }

    proptest! {
        #[test]
        fn a_clock_ends_on_a_working_day_with_exactly_its_days_in_between(start in 0i64..700, days in 0u16..30) {
            let (opened, calendar) = (day("2025-01-01") + chrono::Duration::days(start), vn());
            let due = due_on(opened, days, &calendar).unwrap().on;
            prop_assert!(calendar.is_working(due).unwrap());
            let worked = opened.iter_days().skip(1).take_while(|d| *d <= due);
            let worked = worked.filter(|d| calendar.is_working(*d).unwrap()).count();
            let starts_off = days == 0 && !calendar.is_working(opened).unwrap();
            prop_assert_eq!(worked, usize::from(days) + usize::from(starts_off));
        }
    }
}
