//! How single values are read: the text of a cell in, a value of the catalogue or a reason code out.

use super::file::DateFormat;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use registry_rules::{PartialDate, PartialDateError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds that Vietnam's clocks are ahead of UTC, the year round.
const VIETNAM_SECONDS: i64 = 7 * 3600;

/// A list's codes by the codes of one numbering, made ready once: `2` → `sex:2`.
#[derive(Clone, Debug)]
pub(super) struct CodeTable {
    pub(super) list: String,
    pub(super) codes: Arc<BTreeMap<String, String>>,
}

/// What stands in a cell as a date.
pub(super) fn date(text: &str, format: DateFormat) -> Result<PartialDate, PartialDateError> {
    match format {
        DateFormat::Iso => {
            text.get(..10).filter(|_| text.len() > 10 && follows_a_day(text)).unwrap_or(text).parse()
        }
        DateFormat::Dmy => day_first(text),
        DateFormat::Compact => compact(text),
    }
}

/// A timestamp's day is a date.
fn follows_a_day(text: &str) -> bool {
    text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b' ' | b'T'))
}

fn day_first(text: &str) -> Result<PartialDate, PartialDateError> {
    let mut parts = [""; 3];
    let mut count = 0;
    for part in text.split(['/', '-', '.']) {
        *parts.get_mut(count).ok_or(PartialDateError::Form)? = part.trim();
        count += 1;
    }
    let two = |part: &str| if part.len() == 1 { format!("0{part}") } else { part.to_owned() };
    match (count, parts) {
        (1, [year, ..]) => year.parse(),
        (2, [month, year, _]) => format!("{year}-{}", two(month)).parse(),
        (_, [day, month, year]) => format!("{year}-{}-{}", two(month), two(day)).parse(),
    }
}

fn compact(text: &str) -> Result<PartialDate, PartialDateError> {
    let part = |from, to| text.get(from..to).ok_or(PartialDateError::Form);
    match text.len() {
        4 => text.parse(),
        6 | 8 => {
            let (year, month) = (part(0, 4)?, part(4, 6)?);
            let day = text.get(6..8).unwrap_or("00");
            match (month, day) {
                ("00", "00") => year.parse(),
                ("00", _) => Err(PartialDateError::Calendar),
                (month, "00") => format!("{year}-{month}").parse(),
                (month, day) => format!("{year}-{month}-{day}").parse(),
            }
        }
        _ => Err(PartialDateError::Form),
    }
}

/// PostgreSQL's ISO text of a timestamp, `2024-05-06 07:08:09.123456+07:30`; one without zone is Vietnam's time.
pub(super) fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    let (day, rest) = (text.get(..10)?, text.get(11..)?);
    let day = NaiveDate::from_ymd_opt(
        i32::try_from(number(day, 0, 4)?).ok()?,
        number(day, 5, 7)?,
        number(day, 8, 10)?,
    )?;
    let separators = [(text, 4, b'-'), (text, 7, b'-'), (text, 10, b' '), (rest, 2, b':'), (rest, 5, b':')];
    if separators.iter().any(|(text, at, byte)| text.as_bytes().get(*at) != Some(byte)) {
        return None;
    }
    let tail = rest.get(8..)?;
    let end = tail.find(['+', '-']).unwrap_or(tail.len());
    let (fraction, zone) = tail.split_at_checked(end)?;
    let micros = match fraction.strip_prefix('.') {
        Some(digits) if (1..=6).contains(&digits.len()) => {
            number(digits, 0, digits.len())? * 10_u32.pow(u32::try_from(6 - digits.len()).ok()?)
        }
        None if fraction.is_empty() => 0,
        Some(_) | None => return None,
    };
    let time =
        day.and_hms_micro_opt(number(rest, 0, 2)?, number(rest, 3, 5)?, number(rest, 6, 8)?, micros)?;
    Some((time - TimeDelta::seconds(zone_seconds(zone)?)).and_utc())
}

/// `+07`, `-03:30`, `+06:42:04`; nothing is Vietnam.
fn zone_seconds(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first() {
        None => return Some(VIETNAM_SECONDS),
        Some(b'-') => (-1, zone.get(1..)?),
        Some(_) => (1, zone.get(1..)?),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in rest.split(':') {
        seconds += i64::from(number(part, 0, part.len())?) * unit;
        unit /= 60;
    }
    (rest.len() >= 2 && rest.len() <= 8).then_some(sign * seconds)
}

fn number(text: &str, from: usize, to: usize) -> Option<u32> {
    let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// All digits, and this many.
pub(super) fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_in_all_forms() {
        for (text, format, want) in [
            ("1954-03-17", DateFormat::Iso, "1954-03-17"),
            ("1954-03-17 00:00:00", DateFormat::Iso, "1954-03-17"),
            ("1954-03", DateFormat::Iso, "1954-03"),
            ("1954", DateFormat::Iso, "1954"),
            ("17/03/1954", DateFormat::Dmy, "1954-03-17"),
            ("7/3/1954", DateFormat::Dmy, "1954-03-07"),
            ("17-03-1954", DateFormat::Dmy, "1954-03-17"),
            ("03/1954", DateFormat::Dmy, "1954-03"),
            ("1954", DateFormat::Dmy, "1954"),
            ("19540317", DateFormat::Compact, "1954-03-17"),
            ("19540300", DateFormat::Compact, "1954-03"),
            ("19540000", DateFormat::Compact, "1954"),
            ("195403", DateFormat::Compact, "1954-03"),
            ("195400", DateFormat::Compact, "1954"),
            ("1954", DateFormat::Compact, "1954"),
        ] {
            assert_eq!(date(text, format).map(|d| d.to_string()).as_deref(), Ok(want), "{text}");
        }
        for (text, format, why) in [
            ("infinity", DateFormat::Iso, PartialDateError::Form),
            ("1954-03-17x", DateFormat::Iso, PartialDateError::Form),
            ("31/02/1954", DateFormat::Dmy, PartialDateError::Calendar),
            ("1/2/3/4", DateFormat::Dmy, PartialDateError::Form),
            ("17/03/54", DateFormat::Dmy, PartialDateError::Form),
            ("19540017", DateFormat::Compact, PartialDateError::Calendar),
            ("54", DateFormat::Compact, PartialDateError::Form),
        ] {
            assert_eq!(date(text, format), Err(why), "{text}");
        }
    }

    #[test]
    fn timestamps_with_and_without_zone() {
        for (text, want) in [
            ("2024-05-06 07:08:09.123456+00", "2024-05-06T07:08:09.123456Z"),
            ("2024-05-06 07:08:09+07", "2024-05-06T00:08:09Z"),
            ("2024-05-06 07:08:09-03:30", "2024-05-06T10:38:09Z"),
            ("2024-05-06 07:08:09", "2024-05-06T00:08:09Z"),
        ] {
            assert_eq!(timestamp(text), Some(want.parse().unwrap()), "{text}");
        }
        for bad in [
            "infinity",
            "2024-02-30 00:00:00",
            "2024-05-06T07:08:09",
            "2024-05-06 07:08:09+",
            "2024-05-06 07:08:09.",
            "",
        ] {
            assert_eq!(timestamp(bad), None, "{bad}");
        }
        assert_eq!(timestamp("2024-05-06 07:08:09+00 BC"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,14}") {
            for format in [DateFormat::Iso, DateFormat::Dmy, DateFormat::Compact] {
                date(&text, format).ok();
            }
            timestamp(&text);
        }
    }
}
