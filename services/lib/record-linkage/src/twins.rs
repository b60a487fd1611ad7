//! Twins and the household: born on one day of one mother, or in consecutive acts, and named otherwise. Everything else
//! about them is alike, so that no score tells them apart.

use crate::kind::Test;
use crate::table::Table;

/// Columns by which twins are told.
#[derive(Clone, Debug)]
pub(crate) struct TwinColumns {
    pub(crate) name: usize,
    pub(crate) birth: usize,
    pub(crate) mother: Vec<usize>,
    pub(crate) act: Option<usize>,
    pub(crate) numbers: Vec<usize>,
}

/// Whether two records may speak of twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twins {
    /// No.
    No,
    /// The names are a letter or a mark apart: twins, or a slip of the pen. Never linked by score, but what a number joins stays.
    Maybe,
    /// The names are others: never in one cluster.
    Likely,
}

/// Names that agree so are one name; a mother's number too.
const ONE_NAME: [Test; 4] = [Test::Exact, Test::Tone, Test::Case, Test::Unaccented];
/// So does one name written otherwise, unless both have marks and these differ.
const WRITTEN_OTHERWISE: [Test; 3] = [Test::MissingMiddle, Test::Reordered, Test::Clan];

impl TwinColumns {
    /// Whether two records may speak of twins.
    pub(crate) fn judge(&self, table: &Table, left: u32, right: u32) -> Twins {
        let (left, right) = (table.row(left), table.row(right));
        let passes = |column: usize, test: Test| {
            let value = |row: &[u32]| row.get(column).copied().unwrap_or(0);
            let (a, b) = (value(left), value(right));
            let values = table.values.get(column).filter(|_| a != 0 && b != 0);
            values.map(|values| values.passes(a, b, test, |_| false))
        };
        let is = |column: usize, test: Test| passes(column, test) == Some(true);
        let one_person = self.numbers.iter().any(|column| is(*column, Test::Exact))
            || self.act.is_some_and(|act| is(act, Test::Exact));
        if one_person || !is(self.birth, Test::Exact) {
            return Twins::No;
        }
        let one_mother = self.mother.iter().any(|column| ONE_NAME.iter().any(|test| is(*column, *test)));
        if !one_mother && !self.act.is_some_and(|act| is(act, Test::Consecutive)) {
            return Twins::No;
        }
        if passes(self.name, Test::Else).is_none() || ONE_NAME.iter().any(|test| is(self.name, *test)) {
            Twins::No
        } else if is(self.name, Test::Marks) || is(self.name, Test::Typo) {
            Twins::Maybe
        } else if WRITTEN_OTHERWISE.iter().any(|test| is(self.name, *test)) {
            Twins::No
        } else {
            Twins::Likely
        }
    }
}
