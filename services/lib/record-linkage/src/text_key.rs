//! Texts as they are compared, made once for each distinct value.

use crate::intern::Interner;
use crate::kind::Test;
use registry_rules::unaccented;

/// What is compared of a text.
#[derive(Clone, Debug)]
pub(crate) struct TextKey {
    /// Interned: as kept, without upper case, without marks.
    kept: u32,
    folded: u32,
    plain: u32,
    /// Whether it has any marks.
    marked: bool,
    text: Box<str>,
    letters: Box<[char]>,
}

impl TextKey {
    /// Makes the key of a text that `normalise_text` has made.
    pub(crate) fn of(kept: &str, texts: &mut Interner) -> Self {
        let plain = unaccented(kept);
        Self::with_plain(kept, plain, texts)
    }

    /// The same, with an unmarked text made elsewhere.
    pub(crate) fn with_plain(kept: &str, plain: String, texts: &mut Interner) -> Self {
        let folded = kept.to_lowercase();
        Self {
            kept: texts.number(kept),
            folded: texts.number(&folded),
            plain: texts.number(&plain),
            marked: !folded.is_ascii(),
            letters: plain.chars().collect(),
            text: plain.into(),
        }
    }

    /// The text without marks, in lower case.
    pub(crate) fn plain(&self) -> &str {
        &self.text
    }

    /// The first letters of it, as many as there are.
    pub(crate) fn prefix(&self, letters: usize) -> String {
        self.letters.iter().take(letters).collect()
    }

    /// Whether the two stand in this relation. `similar` answers for Jaro-Winkler.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) fn passes(&self, other: &Self, test: Test, similar: impl FnOnce(f64) -> bool) -> bool {
        match test {
            Test::Exact => self.kept == other.kept,
            Test::Case => self.folded == other.folded,
            Test::Unaccented => self.plain == other.plain && !(self.marked && other.marked),
            Test::Marks => self.plain == other.plain,
            Test::Typo => one_letter(&self.letters, &other.letters),
            Test::Similar(least) => similar(least),
            Test::Prefix(letters) => {
                let letters = usize::from(letters);
                let (left, right) = (self.letters.get(..letters), other.letters.get(..letters));
                left.is_some() && left == right
            }
            Test::Else => true,
            _ => false,
        }
    }
}

/// Shorter texts have too many others one letter away.
const SHORTEST: usize = 4;

/// One letter missing, too much, another, or two neighbours the other way round.
fn one_letter(left: &[char], right: &[char]) -> bool {
    if left.len().min(right.len()) < SHORTEST || left.len().abs_diff(right.len()) > 1 {
        return false;
    }
    let ahead = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left, right) = (left.get(ahead..).unwrap_or_default(), right.get(ahead..).unwrap_or_default());
    let behind = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let cut = |text: &'_ [char]| text.len().saturating_sub(behind);
    let (left, right) =
        (left.get(..cut(left)).unwrap_or_default(), right.get(..cut(right)).unwrap_or_default());
    match (left, right) {
        ([_], [_] | []) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let mut texts = Interner::default();
        let mut key = |text: &str| TextKey::of(text, &mut texts);
        for (left, right, test, holds) in [
            ("Smith", "Smith", Test::Exact, true),
            ("Smith", "SMITH", Test::Case, true),
            ("Thuận An", "THUAN AN", Test::Unaccented, true),
            ("Thuận An", "Thuân An", Test::Unaccented, false),
            ("Thuận An", "Thuân An", Test::Marks, true),
            ("smith", "smyth", Test::Typo, true),
            ("smith", "smtih", Test::Typo, true),
            ("smith", "smiths", Test::Typo, true),
            ("smith", "mith", Test::Typo, true),
            ("smith", "smith", Test::Typo, false),
            ("smith", "smythe", Test::Typo, false),
            ("smith", "simht", Test::Typo, false),
            ("lee", "lea", Test::Typo, false),
            ("SW1A 1AA", "SW1A 2BB", Test::Prefix(4), true),
            ("SW", "SW", Test::Prefix(4), false),
            ("a", "b", Test::Else, true),
        ] {
            let (left, right) = (key(left), key(right));
            assert_eq!(left.passes(&right, test, |_| false), holds, "{left:?} {right:?} {test:?}");
            assert_eq!(right.passes(&left, test, |_| false), holds);
        }
    }
}
