//! What differs between two values, marked letter by letter and said in words; never by colour alone.

use registry_rules::{NameLevel, compare_names, unaccented};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer texts are marked word by word only: the letter table grows with the square of the length.
const LONGEST_MARKED_WORD: usize = 64;
/// Longer texts are shown without marks, for the same reason.
const MOST_MARKED_WORDS: usize = 64;

/// A run of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Letters {
    /// The letters.
    pub text: String,
    /// Whether the other value lacks them.
    pub differs: bool,
}

/// One word of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Word {
    /// Its letters in runs.
    pub letters: Vec<Letters>,
    /// Whether the other value lacks the word.
    pub differs: bool,
}

/// What a difference is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The tone mark stands on the other vowel: Hòa, Hoà.
    TonePlace,
    /// Upper and lower case.
    LetterCase,
    /// Đ and D.
    CrossedD,
    /// One has marks that the other lacks throughout.
    MissingMarks,
    /// Another tone mark: ngã for hỏi.
    Tone,
    /// Another vowel mark: ơ for ô.
    VowelMark,
    /// The same words in another order.
    WordOrder,
    /// A word more or less.
    WordCount,
    /// Other letters.
    Letters,
    /// Day and month changed places.
    DayAndMonth,
    /// One date is known less exactly than the other.
    Precision,
    /// Another day, month or year.
    Date,
    /// Another code or text.
    Other,
}

impl Difference {
    /// The difference in Vietnamese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::TonePlace => {
                ("chỉ khác vị trí dấu thanh (hòa/hoà)", "only the tone mark's place differs (hòa/hoà)")
            }
            Self::LetterCase => ("chỉ khác chữ hoa, chữ thường", "only upper and lower case differ"),
            Self::CrossedD => ("khác chữ đ và chữ d", "đ and d differ"),
            Self::MissingMarks => ("một bên thiếu dấu", "one lacks the marks"),
            Self::Tone => ("khác dấu thanh", "another tone mark"),
            Self::VowelMark => ("khác dấu của nguyên âm", "another vowel mark"),
            Self::WordOrder => ("khác thứ tự các từ", "the words are in another order"),
            Self::WordCount => ("thừa hoặc thiếu từ", "a word more or less"),
            Self::Letters => ("khác chữ cái", "other letters"),
            Self::DayAndMonth => ("ngày và tháng đổi chỗ", "day and month are swapped"),
            Self::Precision => ("một bên không đủ ngày, tháng", "one is known less exactly"),
            Self::Date => ("khác ngày, tháng hoặc năm", "another day, month or year"),
            Self::Other => ("khác", "different"),
        }
    }
}

/// The words of `text`, with what `standing` lacks marked.
pub(crate) fn mark(text: &str, standing: &str) -> Vec<Word> {
    let (words, others): (Vec<_>, Vec<_>) =
        (text.split_whitespace().collect(), standing.split_whitespace().collect());
    if words.len() > MOST_MARKED_WORDS || others.len() > MOST_MARKED_WORDS {
        return vec![plain(text, text != standing)];
    }
    let kept = common(&words, &others);
    let mut replaced = unmatched(&others, &kept).into_iter();
    let mut marked = Vec::with_capacity(words.len());
    for (n, word) in words.iter().enumerate() {
        let word = if kept.iter().any(|(mine, _)| *mine == n) {
            plain(word, false)
        } else {
            Word { letters: mark_letters(word, replaced.next().unwrap_or_default()), differs: true }
        };
        marked.push(word);
    }
    marked
}

fn plain(text: &str, differs: bool) -> Word {
    Word { letters: vec![Letters { text: text.to_owned(), differs }], differs }
}

/// The words of the other text that have no equal, in order: what stands in place of a changed word.
fn unmatched<'a>(others: &[&'a str], kept: &[(usize, usize)]) -> Vec<&'a str> {
    let gone = |n: usize| !kept.iter().any(|(_, theirs)| *theirs == n);
    others.iter().enumerate().filter(|(n, _)| gone(*n)).map(|(_, word)| *word).collect()
}

fn mark_letters(word: &str, other: &str) -> Vec<Letters> {
    let (mine, theirs) = (graphemes(word), graphemes(other));
    if mine.len() > LONGEST_MARKED_WORD || theirs.len() > LONGEST_MARKED_WORD {
        return vec![Letters { text: word.to_owned(), differs: true }];
    }
    let kept = common(&mine, &theirs);
    let mut runs: Vec<Letters> = Vec::new();
    for (n, letter) in mine.iter().enumerate() {
        let differs = !kept.iter().any(|(mine, _)| *mine == n);
        match runs.last_mut() {
            Some(run) if run.differs == differs => run.text.push_str(letter),
            _ => runs.push(Letters { text: letter.clone(), differs }),
        }
    }
    runs
}

/// Letters with their marks: composed, and what does not compose stays with the letter before it.
fn graphemes(word: &str) -> Vec<String> {
    let mut letters: Vec<String> = Vec::new();
    for c in word.nfc() {
        match letters.last_mut() {
            Some(letter) if is_combining_mark(c) => letter.push(c),
            _ => letters.push(c.to_string()),
        }
    }
    letters
}

/// A longest common subsequence, as pairs of places.
fn common<T: PartialEq>(left: &[T], right: &[T]) -> Vec<(usize, usize)> {
    let width = right.len() + 1;
    let mut lengths = vec![0_usize; (left.len() + 1) * width];
    let at = |lengths: &[usize], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, mine) in left.iter().enumerate().rev() {
        for (j, theirs) in right.iter().enumerate().rev() {
            let best = if mine == theirs {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(cell) = lengths.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while let (Some(mine), Some(theirs)) = (left.get(i), right.get(j)) {
        if mine == theirs {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// How two names differ, in words.
pub(crate) fn of_names(text: &str, standing: &str) -> Vec<Difference> {
    match compare_names(text, standing) {
        NameLevel::Exact => Vec::new(),
        NameLevel::ToneNormalised => vec![Difference::TonePlace],
        NameLevel::CaseFolded => vec![Difference::LetterCase],
        NameLevel::Unaccented => marks_between(&text.to_lowercase(), &standing.to_lowercase()),
        NameLevel::Different => letters_between(text, standing),
    }
}

/// The names have the same base letters: which marks differ?
fn marks_between(text: &str, standing: &str) -> Vec<Difference> {
    if [text, standing].iter().any(|name| unaccented(name) == **name) {
        return vec![Difference::MissingMarks];
    }
    let tones = |name: &str| name.nfd().filter(|c| TONES.contains(c)).collect::<String>();
    let vowels =
        |name: &str| name.nfd().filter(|c| is_combining_mark(*c) && !TONES.contains(c)).collect::<String>();
    let crossed = |name: &str| name.chars().map(|c| c == 'đ').collect::<Vec<_>>();
    let found = [
        (tones(text) != tones(standing), Difference::Tone),
        (vowels(text) != vowels(standing), Difference::VowelMark),
        (
            crossed(text).iter().ne(crossed(standing).iter()) && d_differs(text, standing),
            Difference::CrossedD,
        ),
    ];
    let found: Vec<_> = found.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect();
    if found.is_empty() { vec![Difference::Tone] } else { found }
}

/// The five tone marks as combining characters: grave, acute, tilde, hook above, dot below.
const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];

fn d_differs(text: &str, standing: &str) -> bool {
    let ds = |name: &str| name.chars().filter(|c| matches!(c, 'd' | 'đ')).collect::<String>();
    ds(text) != ds(standing)
}

fn letters_between(text: &str, standing: &str) -> Vec<Difference> {
    let words = |name: &str| name.split_whitespace().map(unaccented).collect::<Vec<_>>();
    let (mut mine, mut theirs) = (words(text), words(standing));
    if mine.len() != theirs.len() {
        return vec![Difference::WordCount];
    }
    mine.sort();
    theirs.sort();
    if mine == theirs { vec![Difference::WordOrder] } else { vec![Difference::Letters] }
}

/// How two ISO dates differ, in words.
pub(crate) fn of_dates(text: &str, standing: &str) -> Vec<Difference> {
    if text == standing {
        return Vec::new();
    }
    let parts = |date: &str| date.split('-').map(ToOwned::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(text), parts(standing));
    if mine.iter().zip(&theirs).all(|(a, b)| a == b) {
        return vec![Difference::Precision];
    }
    match (mine.as_slice(), theirs.as_slice()) {
        ([year, month, day], [y, m, d]) if year == y && month == d && day == m => {
            vec![Difference::DayAndMonth]
        }
        _ => vec![Difference::Date],
    }
}

/// How two other texts differ, in words.
pub(crate) fn of_texts(text: &str, standing: &str) -> Vec<Difference> {
    if text == standing { Vec::new() } else { vec![Difference::Other] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(text: &str, standing: &str) -> String {
        let word = |word: &Word| {
            word.letters
                .iter()
                .map(|run| if run.differs { format!("[{}]", run.text) } else { run.text.clone() })
                .collect()
        };
        mark(text, standing).iter().map(word).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn letters_are_marked_whole_with_their_marks() {
        for (text, standing, want) in [
            ("Nguyển Thị Hòa", "Nguyễn Thị Hoà", "Nguy[ể]n Thị H[ò][a]"),
            ("Nguyễn Thị Hoà", "Nguyễn Thị Hoà", "Nguyễn Thị Hoà"),
            ("Trần Dức", "Trần Đức", "Trần [D]ức"),
            ("Lê Văn Minh An", "Lê Văn An", "Lê Văn [Minh] An"),
            ("Lê An", "Lê Văn An", "Lê An"),
            ("17/03/1954", "17/08/1954", "17/0[3]/1954"),
        ] {
            assert_eq!(
                drawn(text, standing).replace("][", ""),
                want.replace("][", ""),
                "{text} ~ {standing}"
            );
        }
    }

    #[test]
    fn names_in_words() {
        for (text, standing, want) in [
            ("Lê Hòa", "Lê Hòa", vec![]),
            ("Lê Hòa", "Lê Hoà", vec![Difference::TonePlace]),
            ("LÊ HÒA", "Lê Hòa", vec![Difference::LetterCase]),
            ("LE HOA", "Lê Hòa", vec![Difference::MissingMarks]),
            ("Nguyển An", "Nguyễn An", vec![Difference::Tone]),
            ("Trần Dức", "Trần Đức", vec![Difference::CrossedD]),
            ("Lê Côi", "Lê Cơi", vec![Difference::VowelMark]),
            ("An Lê Văn", "Lê Văn An", vec![Difference::WordOrder]),
            ("Lê An", "Lê Văn An", vec![Difference::WordCount]),
            ("Lê Văn An", "Lê Văn Bình", vec![Difference::Letters]),
        ] {
            assert_eq!(of_names(text, standing), want, "{text} ~ {standing}");
        }
    }

    #[test]
    fn dates_in_words() {
        for (text, standing, want) in [
            ("1954-03-07", "1954-03-07", vec![]),
            ("1954-07-03", "1954-03-07", vec![Difference::DayAndMonth]),
            ("1954", "1954-03-07", vec![Difference::Precision]),
            ("1955", "1954-03-07", vec![Difference::Date]),
            ("1954-03-08", "1954-03-07", vec![Difference::Date]),
        ] {
            assert_eq!(of_dates(text, standing), want, "{text} ~ {standing}");
        }
    }

    proptest! {
        #[test]
        fn marking_loses_no_letter(text in "[a-zđĐ ăâêôơư\u{300}\u{301}\u{303}]{0,40}", standing in "[a-zđ ăâ\u{300}]{0,40}") {
            let shown: Vec<String> =
                mark(&text, &standing).iter().map(|w| w.letters.iter().map(|run| run.text.as_str()).collect()).collect();
            let want: Vec<String> = text.split_whitespace().map(|w| w.nfc().collect()).collect();
            let shown: Vec<String> = shown.iter().map(|w| w.nfc().collect()).collect();
            prop_assert_eq!(shown, want);
        }

        #[test]
        fn equal_texts_have_no_mark(text in "\\PC{0,60}") {
            prop_assert!(mark(&text, &text).iter().all(|word| !word.differs));
            prop_assert!(of_names(&text, &text).is_empty());
        }
    }
}
