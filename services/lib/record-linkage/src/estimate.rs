//! Expectation maximisation over patterns of levels (Winkler 2000).

use crate::model::Comparison;
use crate::numeric::real;
use crate::patterns::Patterns;

/// Rounds of one estimate.
const ROUNDS: usize = 100;
/// An estimate that moves less than this is done.
const SETTLED: f64 = 1e-6;
/// Pairs added to each level, so that none is impossible.
const ADDED: f64 = 0.5;
/// The four bits that say a value is missing.
const MISSING: u64 = 15;

/// Probabilities of levels, by comparison.
pub(crate) type Table = Vec<Vec<f64>>;

/// What an estimate knows.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) m: Table,
    pub(crate) u: Table,
    /// Share of one person's pairs among those looked at.
    pub(crate) share: f64,
}

/// Where the search for m begins: close agreement is usual among records of one person.
pub(crate) fn beginning(comparisons: &[Comparison]) -> Table {
    let of = |comparison: &Comparison| {
        let between = comparison.tests.len().saturating_sub(2) as u64;
        let (first, last) = (0.75, 0.05);
        let each = if between == 0 { 0.0 } else { (1.0 - first - last) / real(between) };
        let count = comparison.tests.len();
        let level = |place: usize| match place {
            0 => first,
            _ if place + 1 == count => last,
            _ => each,
        };
        normal((0..count).map(level).collect())
    };
    comparisons.iter().map(of).collect()
}

fn normal(mut row: Vec<f64>) -> Vec<f64> {
    let sum: f64 = row.iter().sum();
    for value in &mut row {
        *value /= sum;
    }
    row
}

/// The levels of a pattern: comparison and level, missing ones left out.
fn levels(pattern: u64, comparisons: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..comparisons).filter_map(move |comparison| {
        let level = pattern >> (4 * comparison) & MISSING;
        (level != MISSING).then(|| (comparison, usize::try_from(level).unwrap_or(0)))
    })
}

fn at(table: &[Vec<f64>], place: (usize, usize)) -> f64 {
    table.get(place.0).and_then(|row| row.get(place.1)).copied().unwrap_or(1.0)
}

impl Estimate {
    /// Probability that a pair of this pattern is one person.
    fn posterior(&self, pattern: u64, skip: &[bool]) -> f64 {
        let used = levels(pattern, self.m.len()).filter(|(c, _)| !skip.get(*c).copied().unwrap_or(false));
        let odds: f64 = used.map(|place| (at(&self.m, place) / at(&self.u, place)).ln()).sum();
        let prior = (self.share / (1.0 - self.share)).ln();
        1.0 / (1.0 + (-(odds + prior)).exp())
    }

    /// One person's pairs to be expected among these.
    pub(crate) fn expected(&self, patterns: &Patterns) -> f64 {
        patterns.iter().map(|(pattern, count)| real(*count) * self.posterior(*pattern, &[])).sum()
    }

    /// Estimates m and the share of matches from the pairs of one rule; what the rule itself compares tells nothing.
    pub(crate) fn maximise(&mut self, patterns: &Patterns, skip: &[bool]) {
        let total: f64 = patterns.iter().map(|(_, count)| real(*count)).sum();
        for _ in 0..ROUNDS {
            let weighed: Vec<(u64, f64)> =
                patterns.iter().map(|(p, count)| (*p, real(*count) * self.posterior(*p, skip))).collect();
            let matches: f64 = weighed.iter().map(|(_, weight)| weight).sum();
            let m = shares(&weighed, &self.m);
            let share = ((matches + ADDED) / (total + 2.0 * ADDED)).clamp(1e-12, 1.0 - 1e-12);
            let moved = farthest(&m, &self.m).max((share - self.share).abs());
            for (comparison, (row, new)) in self.m.iter_mut().zip(m).enumerate() {
                if !skip.get(comparison).copied().unwrap_or(false) {
                    *row = new;
                }
            }
            self.share = share;
            if moved < SETTLED {
                break;
            }
        }
    }

    /// Estimates u from random pairs, those left out that are one person.
    pub(crate) fn different(&mut self, random: &Patterns) {
        let weighed: Vec<(u64, f64)> =
            random.iter().map(|(p, count)| (*p, real(*count) * (1.0 - self.posterior(*p, &[])))).collect();
        self.u = shares(&weighed, &self.u);
    }
}

/// Shares of levels among weighed patterns, in the shape of another table.
pub(crate) fn shares(weighed: &[(u64, f64)], shape: &Table) -> Table {
    let mut counts: Table = shape.iter().map(|row| vec![ADDED; row.len()]).collect();
    for (pattern, weight) in weighed {
        for (comparison, level) in levels(*pattern, shape.len()) {
            if let Some(count) = counts.get_mut(comparison).and_then(|row| row.get_mut(level)) {
                *count += weight;
            }
        }
    }
    counts.into_iter().map(normal).collect()
}

fn farthest(left: &Table, right: &Table) -> f64 {
    let pairs = left.iter().flatten().zip(right.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
