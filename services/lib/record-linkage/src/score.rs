//! The weight of a pair: for each comparison the level, for each level its bits of evidence.

use crate::column::Values;
use crate::kind::Test;
use crate::model::{Comparison, Model};
use crate::model_file::Weights;
use crate::numeric::{narrow, wide};
use crate::table::Table;

/// The level of a comparison that lacks a value: it says nothing.
pub(crate) const MISSING: u8 = u8::MAX;
/// Similarities remembered: names repeat, and Jaro-Winkler is the one comparison that costs more than a look.
const REMEMBERED: usize = 1 << 16;

/// Finds levels.
#[derive(Debug)]
pub(crate) struct Levels<'a> {
    table: &'a Table,
    comparisons: &'a [Comparison],
    /// Similarity of pairs of texts seen lately, in places that their numbers give.
    similarities: Vec<(u64, f64)>,
}

impl<'a> Levels<'a> {
    pub(crate) fn new(table: &'a Table, model: &'a Model) -> Self {
        let similar = model.comparisons.iter().flat_map(|c| &c.tests).any(|t| matches!(t, Test::Similar(_)));
        let places = if similar { REMEMBERED } else { 0 };
        Self { table, comparisons: &model.comparisons, similarities: vec![(0, 0.0); places] }
    }

    pub(crate) const fn comparisons(&self) -> &'a [Comparison] {
        self.comparisons
    }

    /// The level of two records in one comparison.
    pub(crate) fn level(&mut self, comparison: usize, left: &[u32], right: &[u32]) -> u8 {
        let Some(compared) = self.comparisons.get(comparison) else { return MISSING };
        let value = |row: &[u32]| row.get(compared.column).copied().unwrap_or(0);
        let (left, right) = (value(left), value(right));
        let Some(values) = self.table.values.get(compared.column) else { return MISSING };
        if left == 0 || right == 0 {
            return MISSING;
        }
        let remembered = &mut self.similarities;
        for (level, test) in (0_u8..).zip(&compared.tests) {
            let similar = |least| similarity(remembered, values, (comparison, left, right)) >= least;
            if values.passes(left, right, *test, similar) {
                return level;
            }
        }
        MISSING
    }

    /// The levels of all comparisons, four bits each; 15: a value is missing.
    pub(crate) fn pattern(&mut self, left: u32, right: u32) -> u64 {
        let (left, right) = (self.table.row(left), self.table.row(right));
        (0..self.comparisons.len())
            .fold(0, |code, c| code | u64::from(self.level(c, left, right) & 15) << (4 * c))
    }
}

fn similarity(remembered: &mut [(u64, f64)], values: &Values, pair: (usize, u32, u32)) -> f64 {
    let (comparison, left, right) = (pair.0, pair.1.min(pair.2), pair.1.max(pair.2));
    let texts = values.plain(left).zip(values.plain(right));
    let compute = || texts.map_or(0.0, |(a, b)| strsim::jaro_winkler(a, b));
    // No two values have more than 2^28 others beside them here, so that four bits are left for the comparison.
    let key = u64::from(left) << 36 ^ u64::from(right) << 4 ^ (comparison as u64 + 1);
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    let place = usize::try_from(mixed).unwrap_or(0) & (REMEMBERED - 1);
    let Some(known) = remembered.get_mut(place) else { return compute() };
    if known.0 != key {
        *known = (key, compute());
    }
    known.1
}

/// What speaks for one person, in bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    /// Comparisons that never link alone, where they speak for it.
    pub(crate) alone: f64,
    /// All others.
    pub(crate) rest: f64,
}

/// Weighs pairs.
#[derive(Debug)]
pub struct Scorer<'a> {
    levels: Levels<'a>,
    model: &'a Model,
    prior: f64,
    bits: Vec<Vec<f64>>,
    /// For each comparison where frequency counts: bits to add for each value.
    rarity: Vec<Vec<f64>>,
}

impl<'a> Scorer<'a> {
    /// Makes a scorer; none if the model has no weights.
    pub fn new(table: &'a Table, model: &'a Model) -> Option<Self> {
        let weights = model.weights()?;
        let levels = Levels::new(table, model);
        let bits = model.comparisons.iter().map(|c| bits(c, weights)).collect();
        let rarity = model.comparisons.iter().map(|c| rarity(c, weights, table)).collect();
        let prior = (weights.prior / (1.0 - weights.prior)).log2();
        Some(Self { levels, model, prior, bits, rarity })
    }

    /// The table whose records it weighs.
    pub const fn table(&self) -> &'a Table {
        self.levels.table
    }

    /// The model it weighs by.
    pub const fn model(&self) -> &'a Model {
        self.model
    }

    /// Bits for two records taken at random.
    pub(crate) const fn prior(&self) -> f64 {
        self.prior
    }

    /// Weight of a pair: base-2 logarithm of the odds that it is one person.
    pub fn weight(&mut self, left: u32, right: u32) -> f64 {
        let (left, right) = (self.table().row(left), self.table().row(right));
        let mut weight = self.prior;
        for comparison in 0..self.bits.len() {
            let level = self.levels.level(comparison, left, right);
            weight += self.bits_of(comparison, level) + self.rarity_of(comparison, level, left);
        }
        weight
    }

    /// Level, its bits, and the bits that its rarity adds, of one comparison.
    pub(crate) fn step(&mut self, comparison: usize, left: u32, right: u32) -> (u8, f64, f64) {
        let (left, right) = (self.table().row(left), self.table().row(right));
        let level = self.levels.level(comparison, left, right);
        (level, self.bits_of(comparison, level), self.rarity_of(comparison, level, left))
    }

    /// What speaks for one person, apart from the prior.
    pub(crate) fn parts(&mut self, left: u32, right: u32) -> Parts {
        let mut parts = Parts::default();
        for (number, comparison) in self.levels.comparisons().iter().enumerate() {
            let (_, bits, rarity) = self.step(number, left, right);
            let part = if comparison.never_alone && bits > 0.0 { &mut parts.alone } else { &mut parts.rest };
            *part += bits + rarity;
        }
        parts
    }

    fn bits_of(&self, comparison: usize, level: u8) -> f64 {
        self.bits.get(comparison).and_then(|bits| bits.get(usize::from(level))).copied().unwrap_or(0.0)
    }

    /// Nothing but levels of the same unmarked text are the rarer for the text's rarity; both sides have the same then.
    fn rarity_of(&self, comparison: usize, level: u8, left: &[u32]) -> f64 {
        let Some(rarity) = self.rarity.get(comparison).filter(|rarity| !rarity.is_empty()) else {
            return 0.0;
        };
        let Some(compared) = self.levels.comparisons.get(comparison) else { return 0.0 };
        match compared.tests.get(usize::from(level)) {
            Some(test) if test.same_plain_text() => {
                let value = left.get(compared.column).copied().unwrap_or(0);
                rarity.get(wide(value)).copied().unwrap_or(0.0)
            }
            Some(_) | None => 0.0,
        }
    }
}

fn bits(comparison: &Comparison, weights: &Weights) -> Vec<f64> {
    let odds = weights.odds.get(&comparison.name);
    let of = |level: &String| odds.and_then(|o| o.get(level)).map_or(0.0, |o| (o.m / o.u).log2());
    comparison.levels.iter().map(of).collect()
}

/// Bits to add for each value, by its number.
fn rarity(comparison: &Comparison, weights: &Weights, table: &Table) -> Vec<f64> {
    let Some(frequency) = weights.frequency.get(&comparison.name).filter(|_| comparison.frequency) else {
        return Vec::new();
    };
    let odds = weights.odds.get(&comparison.name);
    let same = comparison.levels.iter().zip(&comparison.tests).filter(|(_, test)| test.same_plain_text());
    let u: f64 = same.filter_map(|(level, _)| odds?.get(level)).map(|odds| odds.u).sum();
    let Some(values) = table.values.get(comparison.column) else { return Vec::new() };
    let of = |number| {
        let text = values.plain(number).unwrap_or_default();
        (u / frequency.values.get(text).copied().unwrap_or(frequency.rest)).log2()
    };
    (0..=narrow(values.distinct())).map(of).map(|bits| if bits.is_finite() { bits } else { 0.0 }).collect()
}

/// Weight to probability.
pub(crate) fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}
