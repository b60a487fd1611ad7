//! Acts in a register: `office/book/year/number`. Consecutive acts are what twins have.

use crate::intern::Interner;
use crate::kind::Test;

/// The book, as a number of its text, and the act's number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ActKey {
    book: u32,
    number: u32,
}

impl ActKey {
    /// Reads an act: all before the last `/` names the book, what follows is the number.
    pub(crate) fn read(text: &str, books: &mut Interner) -> Option<Self> {
        let (book, number) = text.rsplit_once('/')?;
        Some(Self { book: books.number(book), number: number.trim().parse().ok()? })
    }

    /// Whether the two stand in this relation.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) const fn passes(self, other: Self, test: Test) -> bool {
        let apart = self.number.abs_diff(other.number);
        match test {
            Test::Exact => self.book == other.book && apart == 0,
            Test::Consecutive => self.book == other.book && apart == 1,
            Test::Else => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_book() {
        let mut books = Interner::default();
        let mut key = |text: &str| ActKey::read(text, &mut books).unwrap();
        let (one, next, other) =
            (key("01001/KS-01/2019/7"), key("01001/KS-01/2019/8"), key("01001/KS-01/2020/8"));
        assert!(one.passes(next, Test::Consecutive) && next.passes(one, Test::Consecutive));
        assert!(!one.passes(other, Test::Consecutive) && !one.passes(one, Test::Consecutive));
        assert!(one.passes(one, Test::Exact) && !next.passes(other, Test::Exact));
        assert_eq!(ActKey::read("7", &mut books), None);
    }
}
