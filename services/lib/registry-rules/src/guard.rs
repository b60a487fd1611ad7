//! The second pair of eyes: whether a payload may leave, and who is covered, found out anew from the agreement's plain
//! rows. Slow and simple on purpose; shares no code with `agreement`, `population` and `release`.

use crate::{PersonImage, PinStanding};
use chrono::{Datelike, NaiveDate};

/// Columns about the message itself that every payload may have.
const META: [&str; 9] = [
    "meta_id",
    "meta_ref",
    "meta_release_no",
    "meta_agreement_version",
    "meta_event",
    "meta_reason",
    "meta_into",
    "meta_absorbed",
    "meta_released_at",
];

/// Why a payload must not leave. Names only.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GuardViolation {
    /// A column that no row of the agreement permits.
    #[error("column '{0}' holds something that the agreement does not permit")]
    NotPermitted(String),
    /// A field that the agreement permits and the ledger entry does not name.
    #[error("column '{0}' holds something that the ledger entry does not name")]
    NotOnLedger(String),
    /// The ledger entry names a field that the agreement does not permit.
    #[error("the ledger entry names '{0}', which the agreement does not permit")]
    LedgerBeyondAgreement(String),
    /// A column about the message holds something else.
    #[error("column '{0}' does not look like what it should hold")]
    Meta(String),
}

/// Checks what is about to leave: every column with a value must be permitted by a row of the agreement (`rows`:
/// `npd.birth_name.full`) and named by the ledger entry (`claimed`), and the entry must not name more than the agreement.
pub fn guard<'a>(
    payload: impl IntoIterator<Item = (&'a str, &'a str)>,
    claimed: &[String],
    rows: &[String],
) -> Result<(), GuardViolation> {
    for name in claimed {
        if !rows.contains(name) {
            return Err(GuardViolation::LedgerBeyondAgreement(name.clone()));
        }
    }
    for (column, text) in payload {
        if column.starts_with("meta_") {
            guard_meta(column, text)?;
            continue;
        }
        for field in fields_in(column, text, rows) {
            let field = field.ok_or_else(|| GuardViolation::NotPermitted(column.to_owned()))?;
            if !claimed.contains(&field) {
                return Err(GuardViolation::NotOnLedger(column.to_owned()));
            }
        }
    }
    Ok(())
}

/// A hole through which values could leave unseen would be a column about the message: its form is checked.
fn guard_meta(column: &str, text: &str) -> Result<(), GuardViolation> {
    let fits = META.contains(&column)
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_:.,[]\"".contains(c))
        && match column {
            "meta_ref" | "meta_into" => text.len() == 32,
            "meta_release_no" | "meta_agreement_version" => {
                text.len() <= 20 && text.chars().all(|c| c.is_ascii_digit())
            }
            "meta_absorbed" => text.split(',').all(|one| one.trim_matches(['[', ']', '"']).len() == 32),
            _ => text.len() <= 40,
        };
    if fits { Ok(()) } else { Err(GuardViolation::Meta(column.to_owned())) }
}

/// The agreement's rows that this column's content stands under; `None` for content that no row permits.
fn fields_in(column: &str, text: &str, rows: &[String]) -> Vec<Option<String>> {
    for row in rows {
        if flat(row) == column {
            return vec![Some(row.clone())];
        }
    }
    // A list: each key of each element must be a row `item.key`.
    let Ok(serde_json::Value::Array(elements)) = serde_json::from_str(text) else {
        return vec![None];
    };
    let mut found = vec![];
    for element in elements {
        let serde_json::Value::Object(parts) = element else {
            return vec![None];
        };
        for (part, value) in parts {
            let row = rows.iter().find(|row| {
                row.rsplit_once('.').is_some_and(|(item, last)| last == part && flat(item) == column)
            });
            found.push(row.filter(|_| value.is_string()).cloned());
        }
    }
    found
}

fn flat(name: &str) -> String {
    name.trim_start_matches("npd.").replace('.', "_")
}

/// Whether the agreement's TOML covers a person on a day: the second evaluator, read straight from the file.
pub fn covered(person: &PersonImage, agreement: &toml::Table, day: NaiveDate) -> bool {
    let bound = |key: &str| agreement.get(key).map(|v| v.to_string().trim_matches('"').to_owned());
    let today = day.to_string();
    if bound("valid_from").is_none_or(|from| today < from) || bound("valid_to").is_some_and(|to| today > to) {
        return false;
    }
    if !person.countable || person.merged_into.is_some() || person.lifecycle.as_str() == "merged" {
        return false;
    }
    let Some(conditions) = agreement.get("population").and_then(toml::Value::as_array) else {
        return false;
    };
    !conditions.is_empty() && conditions.iter().all(|condition| meets(person, condition, day))
}

fn meets(person: &PersonImage, condition: &toml::Value, day: NaiveDate) -> bool {
    let text = |key: &str| condition.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let number = |key: &str| condition.get(key).and_then(toml::Value::as_integer);
    let list = |key: &str| condition.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let among = |key: &str, have: Option<String>| {
        have.is_some_and(|have| list(key).iter().any(|v| v.as_str() == Some(have.as_str())))
    };
    match text("condition") {
        "everyone" => true,
        "has_pin" => person.pins.iter().filter(|p| p.state == PinStanding::Current).count() > 0,
        "alive_or_recently_dead" => {
            person.lifecycle.as_str() != "deceased"
                || number("days").zip(days_since_death(person, day)).is_some_and(|(most, since)| since < most)
        }
        "age_at_least" => age(person, day).zip(number("years")).is_some_and(|(age, years)| age >= years),
        "age_at_most" => age(person, day).zip(number("years")).is_some_and(|(age, years)| age <= years),
        "resident_in" => among("provinces", look_up(person, text("by"), "province")),
        "value_in" => among("values", look_up(person, text("field"), "")),
        "any" => list("of").iter().any(|inner| meets(person, inner, day)),
        _ => false,
    }
}

/// A value by the item's name with or without its namespace.
fn look_up(person: &PersonImage, item: &str, part: &str) -> Option<String> {
    let (_, standing) = person
        .fields
        .iter()
        .find(|(name, _)| name.as_str() == item || name.as_str().strip_prefix("npd.") == Some(item))?;
    standing.value.part(part).map(str::to_owned)
}

/// Year, month and day of the latest day that a partial date can mean.
fn latest_day(text: &str) -> Option<(i64, i64, i64)> {
    let mut numbers = text.split('-').map(str::parse::<i64>);
    let year = numbers.next()?.ok()?;
    let month = numbers.next().transpose().ok()?.unwrap_or(12);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    Some((year, month, numbers.next().transpose().ok()?.unwrap_or(last)))
}

fn age(person: &PersonImage, day: NaiveDate) -> Option<i64> {
    let (year, month, date) = latest_day(&look_up(person, "date_of_birth", "")?)?;
    let had_birthday = (i64::from(day.month()), i64::from(day.day())) >= (month, date);
    Some(i64::from(day.year()) - year - i64::from(!had_birthday))
}

/// Negative while the latest possible day of death is still to come; then, and on no date, `days = 0` keeps nobody.
fn days_since_death(person: &PersonImage, day: NaiveDate) -> Option<i64> {
    let (year, month, date) = latest_day(&look_up(person, "death_or_missing", "date")?)?;
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        u32::try_from(month).ok()?,
        u32::try_from(date).ok()?,
    )?;
    Some((day - date).num_days().max(0))
}
