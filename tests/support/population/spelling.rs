//! The many ways in which offices write the same name and the same date.

use super::chance::Chance;
use super::rates::Rates;
use chrono::{Datelike, NaiveDate};
use unicode_normalization::UnicodeNormalization;

/// Tone on the first vowel of a final oa, oe, uy, and on the second.
#[rustfmt::skip]
const TONES: [(&str, &str); 15] = [
    ("òa", "oà"), ("óa", "oá"), ("ỏa", "oả"), ("õa", "oã"), ("ọa", "oạ"), ("òe", "oè"), ("óe", "oé"), ("ỏe", "oẻ"), ("õe", "oẽ"),
    ("ọe", "oẹ"), ("ùy", "uỳ"), ("úy", "uý"), ("ủy", "uỷ"), ("ũy", "uỹ"), ("ụy", "uỵ"),
];

/// The name with the tone mark on the other vowel: Hòa, Hoà. (After q the u is no vowel.)
pub(super) fn tone_moved(name: &str) -> String {
    name.split(' ')
        .map(|word| {
            let moved = TONES.iter().find_map(|(old, new)| word.strip_suffix(old).map(|stem| (stem, new)));
            match moved {
                Some((stem, new)) if !stem.ends_with(['q', 'Q']) => format!("{stem}{new}"),
                Some(_) | None => word.to_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The name without marks, letters in their case.
pub fn unaccented(name: &str) -> String {
    let plain = name.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
    plain
        .map(|c| {
            if c == 'đ' {
                'd'
            } else if c == 'Đ' {
                'D'
            } else {
                c
            }
        })
        .collect()
}

/// The name as some clerk types it: one of the traps at most, or as it should be.
pub(super) fn typed(name: &str, rates: &Rates, chance: &mut Chance) -> String {
    if chance.hit(rates.unaccented) {
        unaccented(name)
    } else if chance.hit(rates.decomposed) {
        name.nfd().collect()
    } else if chance.hit(rates.tone_moved) && tone_moved(name) != name {
        tone_moved(name)
    } else if chance.hit(rates.eth_for_d) {
        name.replace('Đ', "\u{D0}")
    } else {
        name.to_owned()
    }
}

/// How much of a date of birth is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// The year.
    Year,
    /// Year and month.
    Month,
    /// The day.
    #[default]
    Day,
}

/// `17/03/1954`, `03/1954`, `1954`.
pub fn day_first(date: NaiveDate, precision: Precision) -> String {
    match precision {
        Precision::Year => format!("{:04}", date.year()),
        Precision::Month => format!("{:02}/{:04}", date.month(), date.year()),
        Precision::Day => format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year()),
    }
}

/// `1954-03-17`, `1954-03`, `1954`.
pub fn iso(date: NaiveDate, precision: Precision) -> String {
    match precision {
        Precision::Year => format!("{:04}", date.year()),
        Precision::Month => format!("{:04}-{:02}", date.year(), date.month()),
        Precision::Day => date.to_string(),
    }
}

/// `19540317`, `195403`, `1954`.
pub fn compact(date: NaiveDate, precision: Precision) -> String {
    iso(date, precision).replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::{NameLevel, compare_names, normalise_text};

    #[test]
    fn spellings_are_the_same_name() {
        for (name, written, level) in [
            ("Lê Hòa", tone_moved("Lê Hòa"), NameLevel::ToneNormalised),
            ("Phạm Thị Thủy", tone_moved("Phạm Thị Thủy"), NameLevel::ToneNormalised),
            ("Đỗ Quý", tone_moved("Đỗ Quý"), NameLevel::Exact),
            ("Đặng Thị Ánh", "Đặng Thị Ánh".nfd().collect(), NameLevel::Exact),
            ("Đặng Thị Ánh", "Đặng Thị Ánh".replace('Đ', "\u{D0}"), NameLevel::Exact),
            ("Đặng Thị Ánh", unaccented("Đặng Thị Ánh"), NameLevel::Unaccented),
        ] {
            assert_eq!(compare_names(name, &normalise_text(&written)), level, "{name} {written}");
        }
    }

    #[test]
    fn dates_are_cut_to_what_is_known() {
        let date = NaiveDate::from_ymd_opt(1954, 3, 7).unwrap();
        assert_eq!(day_first(date, Precision::Day), "07/03/1954");
        assert_eq!(day_first(date, Precision::Month), "03/1954");
        assert_eq!(iso(date, Precision::Year), "1954");
        assert_eq!(compact(date, Precision::Day), "19540307");
    }
}
