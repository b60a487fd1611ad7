//! Administrative units before and since the reform of 1 July 2025 (Resolution 202/2025/QH15 and those on communes): what a
//! unit of the old list became, and an address in the units of a day.

use crate::FieldValue;
use crate::code::CodeList;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Parts of an address that are administrative units, with their list.
const UNITS: [&str; 2] = ["province", "commune"];

/// The list that took the place of another.
struct Successor {
    list: String,
    /// The first day of its time.
    from: Option<NaiveDate>,
    /// Each unit of the list before, and those that it went into.
    moved: BTreeMap<String, Vec<String>>,
}

/// The successors of lists by the name of the list before, read once from the filed lists: a law that divided and joined
/// units on a day does not change afterwards.
static SUCCESSORS: LazyLock<BTreeMap<&'static str, Successor>> = LazyLock::new(|| {
    [
        ("province_2004", include_str!("../../../../schemas/codes/province_2025.toml")),
        ("commune_2004", include_str!("../../../../schemas/codes/commune_2025.toml")),
    ]
    .into_iter()
    .filter_map(|(before, filed)| Some((before, successor(before, toml::from_str(filed).ok()?))))
    .collect()
});

fn successor(before: &str, mut list: CodeList) -> Successor {
    let whole = list.from.remove(before).unwrap_or_default();
    let whole = whole.into_iter().map(|(old, new)| (old, vec![new]));
    let divided = list.split.remove(before).unwrap_or_default();
    Successor { list: list.list, from: list.valid.from, moved: whole.chain(divided).collect() }
}

/// Whether two units can be the same place. Those of one list must be equal; the older must have gone into the newer, as a whole
/// or in part. Lists that do not follow one another, and codes that nobody knows, say nothing.
pub(crate) fn compatible(left: (&str, &str), right: (&str, &str)) -> bool {
    if left.0 == right.0 {
        return left.1 == right.1;
    }
    let went_into = |(list, old): (&str, &str), (later, new): (&str, &str)| {
        let became = SUCCESSORS.get(list).filter(|successor| successor.list == later)?.moved.get(old)?;
        Some(became.iter().any(|one| one == new))
    };
    went_into(left, right).or_else(|| went_into(right, left)).unwrap_or(true)
}

/// An address in the units of a day, if that changes it: a unit that went into one as a whole is that one since the day of the
/// reform. A unit that was divided stays what it was: which of its parts a house lies in, only the place itself can tell.
pub(crate) fn on_day(address: &FieldValue, day: NaiveDate) -> Option<FieldValue> {
    let FieldValue::Parts(parts) = address else { return None };
    let anew = moved(parts).filter(|(_, _, from)| from.is_none_or(|from| from <= day));
    let anew: Vec<_> = anew.map(|(part, unit, _)| (part, unit)).collect();
    if anew.is_empty() {
        return None;
    }
    let mut parts = parts.clone();
    parts.extend(anew.into_iter().map(|(part, unit)| (part.to_owned(), unit)));
    Some(FieldValue::Parts(parts))
}

/// The next day after `day` on which [`on_day`] can give another answer.
pub(crate) fn next_reform(address: &FieldValue, day: NaiveDate) -> Option<NaiveDate> {
    let FieldValue::Parts(parts) = address else { return None };
    moved(parts).filter_map(|(_, _, from)| from.filter(|from| *from > day)).min()
}

/// The parts of an address that went into one other unit as a whole: the part, the unit with its list, since when.
fn moved(
    parts: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&'static str, String, Option<NaiveDate>)> + '_ {
    UNITS.into_iter().filter_map(|part| {
        let (list, code) = parts.get(part)?.split_once(':')?;
        let successor = SUCCESSORS.get(list)?;
        let [one] = successor.moved.get(code)?.as_slice() else { return None };
        Some((part, format!("{}:{one}", successor.list), successor.from))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(province: &str, commune: &str) -> FieldValue {
        FieldValue::parts([("province", province.to_owned()), ("commune", commune.to_owned())])
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_unit_is_compatible_with_what_it_became() {
        for (left, right, same) in [
            (("commune_2004", "00013"), ("commune_2025", "00004"), true), // Quán Thánh, whole, to Ba Đình
            (("commune_2025", "00004"), ("commune_2004", "00013"), true),
            (("commune_2004", "00013"), ("commune_2025", "00008"), false),
            (("commune_2004", "00016"), ("commune_2025", "00004"), true), // Ngọc Hà, divided
            (("commune_2004", "00016"), ("commune_2025", "00008"), true),
            (("commune_2004", "00016"), ("commune_2025", "00070"), false),
            (("commune_2004", "00004"), ("commune_2004", "00004"), true),
            (("commune_2004", "00004"), ("commune_2004", "00013"), false),
            (("commune_2004", "99999"), ("commune_2025", "00004"), true),
            (("province_2004", "15"), ("province_2025", "15"), true),
            (("province_2004", "24"), ("province_2025", "15"), false),
            (("province_2004", "15"), ("commune_2025", "00004"), true),
        ] {
            assert_eq!(compatible(left, right), same, "{left:?} {right:?}");
        }
    }

    #[test]
    fn an_address_is_told_in_the_units_of_the_day() {
        let whole = address("province_2004:15", "commune_2004:00013");
        assert_eq!(on_day(&whole, day("2025-06-30")), None);
        assert_eq!(next_reform(&whole, day("2025-06-30")), Some(day("2025-07-01")));
        let since = on_day(&whole, day("2025-07-01")).unwrap();
        assert_eq!(since, address("province_2025:15", "commune_2025:00004"));
        assert_eq!((on_day(&since, day("2026-01-01")), next_reform(&whole, day("2025-07-01"))), (None, None));
    }

    #[test]
    fn a_divided_commune_stays_what_it_was() {
        let divided = address("province_2004:01", "commune_2004:00016");
        let since = on_day(&divided, day("2026-01-01")).unwrap();
        assert_eq!(since, address("province_2025:01", "commune_2004:00016"), "the province went as a whole");
        let named = address("province_2004:01", "Phường Ngọc Hà");
        assert_eq!(on_day(&named, day("2026-01-01")).unwrap(), address("province_2025:01", "Phường Ngọc Hà"));
    }
}
