//! Dates known to the year, the month or the day.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A date as registers know it: `1954`, `1954-03` or `1954-03-17` (domain: year-only births are legal).
///
/// Year-only is *compatible* with every date of its year and equal to none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

/// Why a text is not a date. The text itself is not repeated: it may be personal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PartialDateError {
    /// Wrong form.
    #[error("a date is YYYY, YYYY-MM or YYYY-MM-DD")]
    Form,
    /// Right form, but no such day.
    #[error("there is no such day in the calendar")]
    Calendar,
}

impl PartialDate {
    /// A date known to the year only.
    pub const fn year_only(year: u16) -> Self {
        Self { year, month: None, day: None }
    }

    /// The year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The full day, where it is known.
    pub fn full(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(i32::from(self.year), u32::from(self.month?), u32::from(self.day?))
    }

    /// The first day it can stand for.
    pub fn earliest(self) -> NaiveDate {
        let (month, day) = (self.month.map_or(1, u32::from), self.day.map_or(1, u32::from));
        NaiveDate::from_ymd_opt(i32::from(self.year), month, day).unwrap_or(NaiveDate::MIN)
    }

    /// The latest day it can stand for: the law counts an age as reached at the latest possible day.
    pub fn latest(self) -> NaiveDate {
        let year = i32::from(self.year);
        let day = match (self.month, self.day) {
            (Some(m), Some(d)) => NaiveDate::from_ymd_opt(year, u32::from(m), u32::from(d)),
            (Some(12) | None, _) => NaiveDate::from_ymd_opt(year, 12, 31),
            (Some(m), None) => NaiveDate::from_ymd_opt(year, u32::from(m) + 1, 1).and_then(|d| d.pred_opt()),
        };
        day.unwrap_or(NaiveDate::MAX)
    }

    /// Whether one may be a less precise statement of the other.
    pub fn compatible(self, other: Self) -> bool {
        let both = |a: Option<u8>, b: Option<u8>| a.is_none() || b.is_none() || a == b;
        self.year == other.year && both(self.month, other.month) && both(self.day, other.day)
    }
}

impl From<NaiveDate> for PartialDate {
    fn from(day: NaiveDate) -> Self {
        let part = |n: u32| u8::try_from(n).ok();
        Self { year: u16::try_from(day.year()).unwrap_or(0), month: part(day.month()), day: part(day.day()) }
    }
}

impl std::str::FromStr for PartialDate {
    type Err = PartialDateError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |part: &str, len: usize| {
            if part.len() == len && part.bytes().all(|b| b.is_ascii_digit()) {
                part.parse::<u16>().map_err(|_| PartialDateError::Form)
            } else {
                Err(PartialDateError::Form)
            }
        };
        let mut parts = text.split('-');
        let year = digits(parts.next().unwrap_or_default(), 4)?;
        let month = parts.next().map(|p| digits(p, 2)).transpose()?;
        let day = parts.next().map(|p| digits(p, 2)).transpose()?;
        if parts.next().is_some() {
            return Err(PartialDateError::Form);
        }
        if year == 0
            || NaiveDate::from_ymd_opt(i32::from(year), month.unwrap_or(1).into(), day.unwrap_or(1).into())
                .is_none()
        {
            return Err(PartialDateError::Calendar);
        }
        let part = |n: Option<u16>| n.and_then(|n| u8::try_from(n).ok());
        Ok(Self { year, month: part(month), day: part(day) })
    }
}

impl TryFrom<String> for PartialDate {
    type Error = PartialDateError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.to_string()
    }
}

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for good in ["1954", "1954-03", "1954-03-17", "2024-02-29"] {
            assert_eq!(good.parse::<PartialDate>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("", PartialDateError::Form),
            ("54", PartialDateError::Form),
            ("1954-3", PartialDateError::Form),
            ("1954-03-17-1", PartialDateError::Form),
            ("0000", PartialDateError::Calendar),
            ("2023-02-29", PartialDateError::Calendar),
            ("1954-13", PartialDateError::Calendar),
        ] {
            assert_eq!(bad.parse::<PartialDate>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_year_is_compatible_with_its_days_and_equal_to_none() {
        let year: PartialDate = "1954".parse().unwrap();
        let day: PartialDate = "1954-01-01".parse().unwrap();
        assert!(year.compatible(day) && year != day);
        assert!(!day.compatible("1954-01-02".parse().unwrap()));
        assert_eq!(year.latest().to_string(), "1954-12-31");
        assert_eq!("2024-02".parse::<PartialDate>().unwrap().latest().to_string(), "2024-02-29");
    }
}
