//! What the digits of a personal identification number state, held against what stands: a difference is a flag and a case,
//! never a rejection (Decree 70/2024/ND-CP art. 11(7)(b): numbers were collected with errors).

use crate::{FieldValue, PartialDate, Pin};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Codes of the sexes that digits can state (QCVN 109:2017).
const MALE: &str = "sex:1";
const FEMALE: &str = "sex:2";

/// How digits are held against what stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRule {
    /// Law that gives the digits their meaning.
    pub article: String,
    /// Weight of a difference, 1 to 5.
    pub severity: u8,
    /// Lists of provinces that the first three digits were taken from, each with what precedes the code. A place coded by
    /// another list is not held against digits: which digits births of after 30 June 2025 get in merged provinces, and the
    /// digits of countries, are not published.
    pub place: BTreeMap<String, String>,
}

impl NumberRule {
    /// Whether the digits contradict the value that stands for an item; they state three (Circular 59/2021/TT-BCA art. 4).
    pub(crate) fn contradicts(&self, pin: &Pin, item: &str, value: &FieldValue) -> bool {
        match item {
            "npd.sex" => sex_differs(pin, value),
            "npd.date_of_birth" => year_differs(pin, value),
            "npd.place_of_birth_registration" => self.place_differs(pin, value),
            _ => false,
        }
    }

    /// The province as it was coded when the number was issued: a merged province does not change the numbers of those born
    /// before.
    fn place_differs(&self, pin: &Pin, value: &FieldValue) -> bool {
        let coded = value.part("province").and_then(|code| code.split_once(':'));
        let digits = coded.and_then(|(list, code)| Some((self.place.get(list)?, code)));
        digits.is_some_and(|(before, code)| pin.place().strip_prefix(before.as_str()) != Some(code))
    }
}

fn sex_differs(pin: &Pin, value: &FieldValue) -> bool {
    match value.text() {
        Some(MALE) => pin.female(),
        Some(FEMALE) => !pin.female(),
        _ => false,
    }
}

/// Century and year; day and month are not in the digits.
fn year_differs(pin: &Pin, value: &FieldValue) -> bool {
    let born = value.text().and_then(|date| date.parse::<PartialDate>().ok());
    born.is_some_and(|date| date.year() != pin.birth_year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> NumberRule {
        toml::from_str("article = 'x'\nseverity = 4\nplace = { province_2004 = '0' }").unwrap()
    }

    fn text(value: &str) -> FieldValue {
        FieldValue::Text(value.to_owned())
    }

    #[test]
    fn sex_century_and_year() {
        let pin: Pin = "015190000001".parse().unwrap();
        for (item, value, differs) in [
            ("npd.sex", "sex:2", false),
            ("npd.sex", "sex:1", true),
            ("npd.sex", "sex:0", false),
            ("npd.date_of_birth", "1990", false),
            ("npd.date_of_birth", "1990-12-31", false),
            ("npd.date_of_birth", "1991-01-01", true),
            ("npd.date_of_birth", "2090", true),
            ("npd.birth_name", "x", false),
        ] {
            assert_eq!(rule().contradicts(&pin, item, &text(value)), differs, "{item} {value}");
        }
    }

    /// 015 is Yên Bái, whose number Lào Cai took on 1 July 2025; Lào Cai itself was 10.
    #[test]
    fn the_province_counts_as_it_was_coded_at_issue() {
        let pin: Pin = "015190000001".parse().unwrap();
        for (province, differs) in [
            ("province_2004:15", false),
            ("province_2004:10", true),
            ("province_2025:15", false),
            ("province_2025:01", false),
            ("15", false),
        ] {
            let place = FieldValue::parts([("province", province.to_owned())]);
            assert_eq!(
                rule().contradicts(&pin, "npd.place_of_birth_registration", &place),
                differs,
                "{province}"
            );
        }
        let abroad = FieldValue::parts([("country", "country:FR".to_owned())]);
        assert!(!rule().contradicts(&pin, "npd.place_of_birth_registration", &abroad));
    }
}
