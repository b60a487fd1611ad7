//! Which combinations of levels occur how often: all that learning needs of millions of pairs.

use crate::block::Blocks;
use crate::model::Model;
use crate::numeric::narrow;
use crate::score::Levels;
use crate::table::Table;
use std::collections::HashMap;

/// Random pairs looked at: enough to see a level that one pair in a million has.
const RANDOM_PAIRS: u64 = 4_000_000;

/// Levels of all comparisons (four bits each), and how many pairs have them; in order.
pub(crate) type Patterns = Vec<(u64, u64)>;

#[derive(Default)]
struct Counter(HashMap<u64, u64>);

impl Counter {
    fn add(&mut self, pattern: u64) {
        *self.0.entry(pattern).or_default() += 1;
    }

    fn sorted(self) -> Patterns {
        let mut patterns: Patterns = self.0.into_iter().collect();
        patterns.sort_unstable();
        patterns
    }
}

/// Patterns of pairs taken at random, the same ones for the same records; of all pairs where they are few.
pub(crate) fn random(table: &Table, model: &Model) -> Patterns {
    let (mut levels, mut counter) = (Levels::new(table, model), Counter::default());
    let records = u64::from(narrow(table.len()));
    if records * records.saturating_sub(1) / 2 <= RANDOM_PAIRS {
        for left in table.records() {
            for right in left + 1..narrow(table.len()) {
                counter.add(levels.pattern(left, right));
            }
        }
        return counter.sorted();
    }
    let mut draw = Draw(records);
    for _ in 0..RANDOM_PAIRS {
        let (left, right) = (draw.below(records), draw.below(records));
        if left != right {
            counter.add(levels.pattern(left.min(right), left.max(right)));
        }
    }
    counter.sorted()
}

/// Patterns of each rule's pairs, and of all pairs once.
pub(crate) fn blocked(table: &Table, model: &Model, blocks: &Blocks) -> (Vec<Patterns>, Patterns) {
    let mut levels = Levels::new(table, model);
    let (mut rules, mut all) = (Vec::with_capacity(blocks.rules()), Counter::default());
    for rule in 0..blocks.rules() {
        let mut counter = Counter::default();
        blocks.each_of_rule(rule, |left, right, is_new| {
            let pattern = levels.pattern(left, right);
            counter.add(pattern);
            if is_new {
                all.add(pattern);
            }
        });
        rules.push(counter.sorted());
    }
    (rules, all.sorted())
}

/// Patterns of given pairs.
pub(crate) fn of_pairs(table: &Table, model: &Model, pairs: impl Iterator<Item = (u32, u32)>) -> Patterns {
    let (mut levels, mut counter) = (Levels::new(table, model), Counter::default());
    for (left, right) in pairs {
        counter.add(levels.pattern(left, right));
    }
    counter.sorted()
}

/// A fixed sequence that looks random (splitmix64, Steele et al. 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ mixed >> 31) % limit.max(1)).unwrap_or(0)
    }
}
