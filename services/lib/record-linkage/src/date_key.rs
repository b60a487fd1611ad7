//! Dates as they are compared: known to the day, the month or the year, perhaps with a wrong digit.

use crate::kind::Test;

/// `yyyymmdd`, with 00 where month or day is not known.
///
/// A date that no calendar has (a month of 13) is kept: it is one wrong digit away from the right one, and that is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DateKey(u32);

/// Decimal places of `yyyymmdd`.
const PLACES: u32 = 8;

impl DateKey {
    /// Reads `1954`, `1954-03`, `1954-03-17`, `17/03/1954`, `03/1954`, `19540317`; `/`, `.` and `-` may stand between.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(['-', '/', '.']).map(str::trim);
        let (first, second, third) = (parts.next()?, parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        match (first, second, third) {
            (compact, None, None) if compact.len() == 8 => digits(compact, 8, 8).map(Self),
            (year, None, None) => Self::of(year, None, None),
            (year, Some(month), None) if year.len() == 4 => Self::of(year, Some(month), None),
            (month, Some(year), None) => Self::of(year, Some(month), None),
            (year, Some(month), Some(day)) if year.len() == 4 => Self::of(year, Some(month), Some(day)),
            (day, Some(month), Some(year)) => Self::of(year, Some(month), Some(day)),
            (_, None, Some(_)) => None,
        }
    }

    fn of(year: &str, month: Option<&str>, day: Option<&str>) -> Option<Self> {
        let part = |text: Option<&str>| text.map_or(Some(0), |text| digits(text, 1, 2));
        Some(Self(digits(year, 4, 4)? * 10_000 + part(month)? * 100 + part(day)?))
    }

    const fn year(self) -> u32 {
        self.0 / 10_000
    }

    const fn month(self) -> u32 {
        self.0 / 100 % 100
    }

    const fn day(self) -> u32 {
        self.0 % 100
    }

    /// Whether the day is known.
    pub(crate) const fn is_full(self) -> bool {
        self.day() != 0 && self.month() != 0
    }

    /// The full date, for blocking.
    pub(crate) fn date_text(self) -> Option<String> {
        self.is_full().then(|| self.0.to_string())
    }

    /// The year, for blocking.
    pub(crate) fn year_text(self) -> String {
        self.year().to_string()
    }

    /// The full date, whichever of day and month is which, for blocking.
    pub(crate) fn swapped_text(self) -> Option<String> {
        let (low, high) = (self.day().min(self.month()), self.day().max(self.month()));
        self.is_full().then(|| format!("{}{low:02}{high:02}", self.year()))
    }

    /// Whether the two stand in this relation.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) fn passes(self, other: Self, test: Test) -> bool {
        let (same_year, full) = (self.year() == other.year(), self.is_full() && other.is_full());
        match test {
            Test::Exact => full && self == other,
            Test::Swapped => full && same_year && self.month() == other.day() && self.day() == other.month(),
            Test::FirstJanuary => full && same_year && (self.0 % 10_000 == 101 || other.0 % 10_000 == 101),
            Test::Digit => full && one_digit(self.0, other.0),
            Test::Month => {
                let known = self.month() != 0 && self.month() == other.month();
                same_year && known && (self.day() == 0 || other.day() == 0)
            }
            Test::Year => same_year && (self.month() == 0 || other.month() == 0),
            Test::SameYear => same_year,
            Test::Else => true,
            _ => false,
        }
    }
}

fn digits(text: &str, shortest: usize, longest: usize) -> Option<u32> {
    let fits = (shortest..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// One digit is another, or two neighbours stand the other way round.
const fn one_digit(left: u32, right: u32) -> bool {
    let (mut a, mut b, mut places) = (left, right, PLACES);
    while places > 0 && a % 10 == b % 10 {
        a /= 10;
        b /= 10;
        places -= 1;
    }
    if places == 0 {
        return false;
    }
    let crossed = a % 10 == b / 10 % 10 && b % 10 == a / 10 % 10;
    a / 10 == b / 10 || (crossed && a / 100 == b / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> DateKey {
        DateKey::read(text).unwrap()
    }

    #[test]
    fn forms() {
        for (text, read) in [
            ("1954", 19_540_000),
            ("1954-03", 19_540_300),
            ("03/1954", 19_540_300),
            ("1954-03-17", 19_540_317),
            ("17/3/1954", 19_540_317),
            ("17.03.1954", 19_540_317),
            ("19540317", 19_540_317),
            ("1954-13-17", 19_541_317),
        ] {
            assert_eq!(DateKey::read(text), Some(DateKey(read)), "{text}");
        }
        for bad in ["", "54", "1954-3-1-1", "x", "1954-xx", "17/03/54", "-1954"] {
            assert_eq!(DateKey::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn levels() {
        for (left, right, test, holds) in [
            ("1954-03-07", "07/03/1954", Test::Exact, true),
            ("1954", "1954", Test::Exact, false),
            ("1954-03-07", "1954-07-03", Test::Swapped, true),
            ("1954-03-07", "1955-07-03", Test::Swapped, false),
            ("1954-03-07", "1954-01-01", Test::FirstJanuary, true),
            ("1954-03-07", "1954-03-17", Test::Digit, true),
            ("1954-03-07", "1945-03-07", Test::Digit, true),
            ("1954-03-07", "1945-03-17", Test::Digit, false),
            ("1954-03-07", "1954-03-07", Test::Digit, false),
            ("1954-03-07", "1954-03", Test::Month, true),
            ("1954-03-07", "1954", Test::Year, true),
            ("1954-03-07", "1954-08-19", Test::Year, false),
            ("1954-03-07", "1954-08-19", Test::SameYear, true),
        ] {
            assert_eq!(key(left).passes(key(right), test), holds, "{left} {right} {test:?}");
            assert_eq!(key(right).passes(key(left), test), holds, "{right} {left} {test:?}");
        }
    }
}
