//! What a column holds, and the levels at which two of its values may agree.

use serde::{Deserialize, Serialize};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A full name of a person, family name first or last.
    Name,
    /// A date known to the day, the month or the year.
    Date,
    /// Digits.
    Number,
    /// A code of a list, or a name of the list.
    Code,
    /// An act in a register: `office/book/year/number`.
    Act,
    /// Any other text.
    Text,
}

/// How two values agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// Sign for sign (texts and names: composed, white space collapsed). A date: both to the day.
    Exact,
    /// But for where the tone mark stands: Hòa, Hoà.
    Tone,
    /// But for upper and lower case.
    Case,
    /// But for all marks, and one of the two has none at all: HOA for Hòa.
    Unaccented,
    /// But for marks, and both have some: Hòa, Hóa.
    Marks,
    /// The same syllables in another order.
    Reordered,
    /// The same but for the prefix of the Central Highlands (H', Y), in any order: H'Hen Niê, Niê Hen.
    Clan,
    /// One lacks middle names of the other.
    MissingMiddle,
    /// One letter missing, too much, another, or two neighbours the other way round; marks do not count.
    Typo,
    /// The same first and last syllable.
    Ends,
    /// Jaro-Winkler similarity of the unmarked texts at least this (0 to 1).
    Similar(f64),
    /// The same beginning of this many letters.
    Prefix(u8),
    /// Day and month the other way round.
    Swapped,
    /// The same year, and one says 1 January.
    FirstJanuary,
    /// One digit another, or two neighbours the other way round (numbers: see `transposed`).
    Digit,
    /// Two neighbouring digits the other way round.
    Transposed,
    /// The same month, and one lacks the day.
    Month,
    /// The same year, and one lacks the month.
    Year,
    /// The same year.
    SameYear,
    /// The same unit in the list of today.
    SameUnit,
    /// The next act in the same book.
    Consecutive,
    /// Whatever else.
    Else,
}

/// Levels without a number behind them.
const PLAIN: [(&str, Test); 20] = [
    ("exact", Test::Exact),
    ("tone", Test::Tone),
    ("case", Test::Case),
    ("unaccented", Test::Unaccented),
    ("marks", Test::Marks),
    ("reordered", Test::Reordered),
    ("clan", Test::Clan),
    ("missing_middle", Test::MissingMiddle),
    ("typo", Test::Typo),
    ("ends", Test::Ends),
    ("swapped", Test::Swapped),
    ("first_january", Test::FirstJanuary),
    ("digit", Test::Digit),
    ("transposed", Test::Transposed),
    ("month", Test::Month),
    ("year", Test::Year),
    ("same_year", Test::SameYear),
    ("same_unit", Test::SameUnit),
    ("consecutive", Test::Consecutive),
    ("else", Test::Else),
];

impl Test {
    /// Reads a level's name: a word, or `similar:0.92`, `prefix:3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some((_, test)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Some(*test);
        }
        match text.split_once(':')? {
            ("similar", least) => {
                least.parse().ok().filter(|least| (0.0..=1.0).contains(least)).map(Test::Similar)
            }
            ("prefix", letters) => letters.parse().ok().filter(|letters| *letters > 0).map(Test::Prefix),
            _ => None,
        }
    }

    /// Whether two values that agree so have the same unmarked text: then how frequent that text is counts.
    pub(crate) const fn same_plain_text(self) -> bool {
        matches!(self, Self::Exact | Self::Tone | Self::Case | Self::Unaccented | Self::Marks)
    }
}

impl Kind {
    /// The levels that values of this kind can agree at.
    pub const fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Name => &[
                "exact",
                "tone",
                "case",
                "unaccented",
                "marks",
                "reordered",
                "clan",
                "missing_middle",
                "typo",
                "ends",
                "similar:0.92",
                "else",
            ],
            Self::Date => {
                &["exact", "swapped", "first_january", "digit", "month", "year", "same_year", "else"]
            }
            Self::Number => &["exact", "transposed", "digit", "else"],
            Self::Code => &["exact", "same_unit", "else"],
            Self::Act => &["exact", "consecutive", "else"],
            Self::Text => &["exact", "case", "unaccented", "typo", "similar:0.92", "prefix:3", "else"],
        }
    }

    /// The forms of a value that blocking can use, the one meant without a word first.
    pub const fn forms(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["plain", "bag", "ends", "given", "family"],
            Self::Date => &["date", "year", "swapped"],
            Self::Number => &["digits"],
            Self::Code => &["unit"],
            Self::Act => &["act"],
            Self::Text => &["plain", "prefix:3"],
        }
    }

    /// Whether values of this kind can agree so.
    pub(crate) fn has(self, level: &str) -> bool {
        let parameter = |text: &str| text.split_once(':').map(|(word, _)| word.to_owned());
        let own = parameter(level);
        self.levels().iter().any(|known| *known == level || (own.is_some() && parameter(known) == own))
    }

    /// The name used in model files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Date => "date",
            Self::Number => "number",
            Self::Code => "code",
            Self::Act => "act",
            Self::Text => "text",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_of_every_kind_is_read() {
        for kind in [Kind::Name, Kind::Date, Kind::Number, Kind::Code, Kind::Act, Kind::Text] {
            for level in kind.levels() {
                assert!(Test::parse(level).is_some() && kind.has(level), "{level}");
            }
            assert!(!kind.has("nonsense") && !kind.has("else:3"), "{kind:?}");
        }
        assert!(Kind::Text.has("similar:0.8") && !Kind::Date.has("similar:0.8"));
        for bad in ["similar:2", "similar:x", "prefix:0", "similar", "else:1", ""] {
            assert_eq!(Test::parse(bad), None, "{bad}");
        }
    }
}
