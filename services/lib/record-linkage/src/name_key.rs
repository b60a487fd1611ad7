//! Names of persons as they are compared, made once for each distinct value.
//!
//! Vietnamese names have one to six syllables, family name first; names of the Central Highlands have a prefix by sex and the
//! clan last (H'Hen Niê, Y Bhim Byă); legacy systems drop marks, middle names and the order.

use crate::intern::Interner;
use crate::kind::Test;
use crate::text_key::TextKey;
use registry_rules::{tone_key, unaccented};

/// Syllables looked at; longer names are compared by these and as a whole.
const SYLLABLES: usize = 8;

/// What is compared of a name.
#[derive(Clone, Debug)]
pub(crate) struct NameKey {
    /// Interned: with the tone mark in one place; that without upper case.
    tone: u32,
    folded_tone: u32,
    /// Interned: its syllables in the order of the alphabet; the same without the prefix H' or Y.
    bag: u32,
    clan: u32,
    /// Interned syllables without marks, in their order.
    syllables: [u32; SYLLABLES],
    count: usize,
    text: TextKey,
    forms: Forms,
}

/// Forms for blocking.
#[derive(Clone, Debug)]
struct Forms {
    bag: Box<str>,
    ends: Box<str>,
    given: Box<str>,
    family: Box<str>,
}

impl NameKey {
    /// Makes the key of a name that `normalise_text` has made.
    pub(crate) fn of(kept: &str, texts: &mut Interner) -> Self {
        let plain = unaccented(kept);
        let words: Vec<&str> = plain.split(is_apart).filter(|word| !word.is_empty()).collect();
        let joined = words.join(" ");
        let sorted = |skip: Option<usize>| {
            let kept = words.iter().enumerate().filter(|(place, _)| Some(*place) != skip);
            let mut kept: Vec<&str> = kept.map(|(_, word)| *word).collect();
            kept.sort_unstable();
            kept.join(" ")
        };
        let (bag, clan) = (sorted(None), sorted(prefix(&plain, &words)));
        let mut syllables = [0; SYLLABLES];
        for (place, word) in syllables.iter_mut().zip(&words) {
            *place = texts.number(word);
        }
        let (first, last) = (words.first().copied().unwrap_or(""), words.last().copied().unwrap_or(""));
        let tone = tone_key(kept);
        Self {
            tone: texts.number(&tone),
            folded_tone: texts.number(&tone_key(&kept.to_lowercase())),
            bag: texts.number(&bag),
            clan: texts.number(&clan),
            syllables,
            count: words.len(),
            forms: Forms {
                bag: bag.into(),
                ends: format!("{first} {last}").into(),
                given: last.into(),
                family: first.into(),
            },
            text: TextKey::with_plain(kept, joined, texts),
        }
    }

    /// The name's text key: its syllables without marks.
    pub(crate) const fn text(&self) -> &TextKey {
        &self.text
    }

    /// A form for blocking.
    pub(crate) fn form(&self, form: &str) -> Option<&str> {
        let text = match form {
            "plain" => self.text.plain(),
            "bag" => &self.forms.bag,
            "ends" => &self.forms.ends,
            "given" => &self.forms.given,
            "family" => &self.forms.family,
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Whether the two stand in this relation. `similar` answers for Jaro-Winkler.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) fn passes(&self, other: &Self, test: Test, similar: impl FnOnce(f64) -> bool) -> bool {
        match test {
            Test::Tone => self.tone == other.tone,
            Test::Case => self.folded_tone == other.folded_tone,
            Test::Reordered => self.bag == other.bag,
            Test::Clan => self.clan == other.clan,
            Test::MissingMiddle => self.lacks_middle_of(other) || other.lacks_middle_of(self),
            Test::Ends => self.first() == other.first() && self.last() == other.last(),
            _ => self.text.passes(&other.text, test, similar),
        }
    }

    fn known(&self) -> &[u32] {
        self.syllables.get(..self.count).unwrap_or(&self.syllables)
    }

    fn first(&self) -> Option<&u32> {
        self.known().first()
    }

    fn last(&self) -> Option<&u32> {
        self.known().last()
    }

    /// Same first and last syllable, and what is between them is part of what the other has there, in its order.
    fn lacks_middle_of(&self, other: &Self) -> bool {
        if self.count < 2 || self.count >= other.count || other.count > SYLLABLES {
            return false;
        }
        let ends = self.first() == other.first() && self.last() == other.last();
        let mut there = other.known().iter();
        ends && self.known().iter().all(|own| there.any(|syllable| syllable == own))
    }
}

/// What stands between syllables: blanks, hyphens, apostrophes in all their shapes.
const fn is_apart(c: char) -> bool {
    matches!(
        c,
        ' ' | '-' | '\'' | '`' | '\u{b4}' | '\u{2bc}' | '\u{2018}' | '\u{2019}' | '\u{2010}' | '\u{2011}'
    )
}

/// Where the prefix of a Central Highlands name stands: Y at the beginning, H before a syllable.
fn prefix(plain: &str, words: &[&str]) -> Option<usize> {
    if words.len() < 2 {
        return None;
    }
    if words.first() == Some(&"y") {
        return Some(0);
    }
    let bound =
        plain.split(' ').any(|word| word.strip_prefix('h').is_some_and(|rest| rest.starts_with(is_apart)));
    words.iter().position(|word| *word == "h").filter(|place| bound || *place == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let mut texts = Interner::default();
        let mut key = |text: &str| NameKey::of(&registry_rules::normalise_text(text), &mut texts);
        for (left, right, test, holds) in [
            ("Lê Văn Hòa", "Lê Văn Hòa", Test::Exact, true),
            ("Lê Văn Hòa", "Lê Văn Hoà", Test::Tone, true),
            ("Lê Văn Hòa", "Lê Văn Hóa", Test::Tone, false),
            ("\u{D0}ặng Thị Ánh", "Đặng Thị Ánh", Test::Exact, true),
            ("Đặng Thị Ánh", "ĐẶNG THỊ ÁNH", Test::Case, true),
            ("Lê Văn Hòa", "LÊ VĂN HOÀ", Test::Case, true),
            ("Đặng Thị Ánh", "DANG THI ANH", Test::Unaccented, true),
            ("Lê Văn Hòa", "Lê Văn Hóa", Test::Unaccented, false),
            ("Lê Văn Hòa", "Lê Văn Hóa", Test::Marks, true),
            ("Lê Văn Hòa", "Hòa Lê Văn", Test::Reordered, true),
            ("Lê Văn Hòa", "VAN HOA LE", Test::Reordered, true),
            ("H'Hen Niê", "H’Hen Niê", Test::Unaccented, false),
            ("H'Hen Niê", "H’Hen Niê", Test::Marks, true),
            ("H'Hen Niê", "H Hen Nie", Test::Unaccented, true),
            ("H'Hen Niê", "Niê H'Hen", Test::Reordered, true),
            ("H'Hen Niê", "Hen Niê", Test::Clan, true),
            ("H'Hen Niê", "Niê Hen", Test::Clan, true),
            ("Y Bhim Byă", "Bhim Bya", Test::Clan, true),
            ("Y Bhim Byă", "Y-Bhim Byă", Test::Marks, true),
            ("Y Bhim Byă", "H'Hen Niê", Test::Clan, false),
            ("Nguyễn Như Ý", "Nguyễn Như", Test::Clan, false),
            ("Trần Thị Mai Hoa", "Trần Hoa", Test::MissingMiddle, true),
            ("Trần Thị Mai Hoa", "TRAN MAI HOA", Test::MissingMiddle, true),
            ("Trần Thị Mai Hoa", "Trần Mai Thị Hoa", Test::MissingMiddle, false),
            ("Trần Thị Hoa", "Trần Thu Hoa", Test::MissingMiddle, false),
            ("Trần Thị Hoa", "Trần Thu Hoa", Test::Ends, true),
            ("Trần Thị Hoa", "Trần Thị Hao", Test::Typo, true),
            ("Trần Thị Hoa", "Trần Thị Hòn", Test::Typo, true),
            ("Trần Thị Hoa", "Trần Thị Lan", Test::Typo, false),
        ] {
            let (left, right) = (key(left), key(right));
            assert_eq!(left.passes(&right, test, |_| false), holds, "{left:?} {right:?} {test:?}");
            assert_eq!(right.passes(&left, test, |_| false), holds);
        }
    }
}
