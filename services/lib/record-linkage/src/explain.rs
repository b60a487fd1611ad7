//! Why a pair weighs what it weighs: a waterfall from the prior to the whole.

use crate::judge::{Band, Reason};
use crate::score::{MISSING, Scorer, probability};

/// One comparison's part.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The column.
    pub column: String,
    /// The level; none where a value is missing.
    pub level: Option<String>,
    /// Its bits.
    pub bits: f64,
    /// Bits that the value's rarity adds.
    pub rarity: f64,
    /// Weight so far.
    pub sum: f64,
}

/// A pair's waterfall.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// Bits of two records taken at random.
    pub prior: f64,
    /// Comparisons in the model's order.
    pub steps: Vec<Step>,
    /// The whole.
    pub weight: f64,
    /// As a probability.
    pub probability: f64,
}

/// Explains a pair's weight.
pub fn explain(scorer: &mut Scorer<'_>, left: u32, right: u32) -> Waterfall {
    let (left, right) = (left.min(right), left.max(right));
    let model = scorer.model();
    let mut sum = scorer.prior();
    let mut steps = Vec::with_capacity(model.comparisons.len());
    for (number, comparison) in model.comparisons.iter().enumerate() {
        let (level, bits, rarity) = scorer.step(number, left, right);
        sum += bits + rarity;
        let name = comparison.levels.get(usize::from(level)).filter(|_| level != MISSING);
        steps.push(Step { column: comparison.name.clone(), level: name.cloned(), bits, rarity, sum });
    }
    Waterfall { prior: scorer.prior(), steps, weight: sum, probability: probability(sum) }
}

/// A pair's band and reason among judged ones, which stand in the order of their records.
pub fn band_of(judged: &[crate::Judged], left: u32, right: u32) -> Option<(Band, Reason)> {
    let pair = (left.min(right), left.max(right));
    let place = judged.binary_search_by_key(&pair, |judged| (judged.left, judged.right)).ok()?;
    judged.get(place).map(|judged| (judged.band, judged.reason))
}

/// Rules of blocking that compare a pair, by name.
pub fn rules_between(blocks: &crate::Blocks, model: &crate::Model, left: u32, right: u32) -> Vec<String> {
    let names = blocks.rules_of(left, right).into_iter();
    names.filter_map(|rule| model.blocks.get(rule)).map(|rule| rule.name.clone()).collect()
}
