//! Comparing Vietnamese names without ever rewriting them.
//!
//! The stored legal name keeps its own spelling; only comparison uses the keys made here (Decision 1989/QD-BGDĐT
//! 2018: tone marks may stand on either vowel, proper names keep theirs).

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// How closely two names agree, closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameLevel {
    /// Letter by letter.
    Exact,
    /// But for where the tone mark stands: Hòa, Hoà.
    ToneNormalised,
    /// But for upper and lower case.
    CaseFolded,
    /// But for all marks: legacy systems send HOA for Hòa and Hoa alike.
    Unaccented,
    /// Not at all.
    Different,
}

/// The five tone marks, as combining characters: grave, acute, tilde, hook above, dot below.
const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];

/// A text as it is kept: NFC, the look-alikes of Đ made Đ, white space collapsed.
pub fn normalise_text(text: &str) -> String {
    if is_kept_form(text) {
        return text.to_owned();
    }
    let plain = text.is_ascii();
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        if plain {
            out.push_str(word);
        } else {
            out.extend(word.chars().map(look_alike).nfc());
        }
    }
    out
}

/// Whether a text is plainly as it is kept; most are, and this costs a fraction of composing them anew. Below U+0300 and in
/// the Vietnamese block every letter is composed and combines with nothing.
fn is_kept_form(text: &str) -> bool {
    let mut before = ' ';
    for c in text.chars() {
        let plain = matches!(c, '!'..='~' | '\u{A1}'..='\u{CF}' | '\u{D1}'..='\u{188}' | '\u{18A}'..='\u{2FF}' | '\u{1EA0}'..='\u{1EF9}');
        if !plain && (c != ' ' || before == ' ') {
            return false;
        }
        before = c;
    }
    before != ' '
}

/// U+00D0 (Eth) and U+0189 (African D) stand for Đ in legacy data.
const fn look_alike(c: char) -> char {
    match c {
        '\u{D0}' | '\u{189}' => 'Đ',
        other => other,
    }
}

/// Compares two names that `normalise_text` has made.
pub fn compare_names(left: &str, right: &str) -> NameLevel {
    if left == right {
        NameLevel::Exact
    } else if tone_key(left) == tone_key(right) {
        NameLevel::ToneNormalised
    } else if tone_key(&left.to_lowercase()) == tone_key(&right.to_lowercase()) {
        NameLevel::CaseFolded
    } else if unaccented(left) == unaccented(right) {
        NameLevel::Unaccented
    } else {
        NameLevel::Different
    }
}

/// Each syllable with its tone moved to its end, so that the vowel that carries the mark does not matter.
pub fn tone_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 8);
    for syllable in text.split(' ') {
        let mut tone = None;
        for c in syllable.nfd() {
            if TONES.contains(&c) {
                tone = Some(c);
            } else {
                key.push(c);
            }
        }
        key.extend(tone);
        key.push(' ');
    }
    key
}

/// Lower-case base letters only.
pub fn unaccented(text: &str) -> String {
    text.to_lowercase()
        .nfd()
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .map(|c| if c == 'đ' { 'd' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (left, right, level) in [
            ("Lê Hòa", "Lê Hòa", NameLevel::Exact),
            ("Lê Hòa", "Lê Hoà", NameLevel::ToneNormalised),
            ("Thủy Tiên", "Thuỷ Tiên", NameLevel::ToneNormalised),
            ("Đặng Thị Ánh", "ĐẶNG THỊ ÁNH", NameLevel::CaseFolded),
            ("Đặng Thị Ánh", "DANG THI ANH", NameLevel::Unaccented),
            ("Lê Hòa", "Lê Hóa", NameLevel::Unaccented),
            ("H'Hen Niê", "Y Bhim", NameLevel::Different),
        ] {
            assert_eq!(compare_names(left, right), level, "{left} ~ {right}");
            assert_eq!(compare_names(right, left), level);
        }
    }

    #[test]
    fn kept_form() {
        assert_eq!(normalise_text(" \u{D0}ặng \u{a0} Thi\u{323}  Ánh "), "Đặng Thị Ánh");
        assert_eq!(normalise_text("H'Hen Niê"), "H'Hen Niê");
    }

    proptest::proptest! {
        /// What is taken to be in its kept form is.
        #[test]
        fn kept_form_is_composed(text in "[ -~À-ỹ\\x{300}-\\x{323}]{0,20}") {
            if is_kept_form(&text) {
                proptest::prop_assert_eq!(text.nfc().map(look_alike).collect::<String>(), text.trim());
            }
        }

        #[test]
        fn keeping_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = normalise_text(&text);
            proptest::prop_assert_eq!(normalise_text(&once), once);
        }
    }
}
