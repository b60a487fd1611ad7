//! Learns the weights of a model from a table: u from random pairs, m by expectation maximisation for each blocking rule
//! (what a rule compares itself is learned from the others), the prior from both.

use crate::block::Blocks;
use crate::estimate::{Estimate, Table as Shares, beginning, shares};
use crate::frequency::frequencies;
use crate::model::{Comparison, Model};
use crate::model_file::{Odds, Weights};
use crate::numeric::{narrow, real};
use crate::patterns::{Patterns, blocked, of_pairs, random};
use crate::table::Table;
use std::collections::BTreeMap;

/// Rounds over all rules: u learns from m which random pairs are one person, and m from u.
const ROUNDS: usize = 4;
/// Where the share of matches in a rule's pairs begins.
const FIRST_SHARE: f64 = 0.2;
/// The prior is found by so many looks.
const PRIOR_ROUNDS: usize = 50;
/// No level is taken for more certain than this.
const LEAST: f64 = 1e-9;

/// Why nothing can be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// Too few records.
    #[error("want at least two records to learn from")]
    Records,
    /// No pairs.
    #[error(
        "no blocking rule has two records in one block: there is nothing to learn from; look at [[block]]"
    )]
    Pairs,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The model with its new weights.
    pub model: Model,
    /// Pairs looked at in the blocks.
    pub pairs: u64,
    /// Pairs of one person to be expected among all pairs.
    pub matches: f64,
    /// Comparisons whose m could not be learned, because every rule with matches compares their column.
    pub unlearned: Vec<String>,
}

/// Learns weights. `truth` gives the cluster of each record, in the order of the table, where it is known: then m is counted.
///
/// # Errors
/// When there are no pairs to learn from.
pub fn learn(table: &Table, model: &Model, truth: Option<&[u32]>) -> Result<Learned, LearnError> {
    if table.len() < 2 {
        return Err(LearnError::Records);
    }
    let blocks = Blocks::of(table, model);
    let (rules, all) = blocked(table, model, &blocks);
    if all.is_empty() {
        return Err(LearnError::Pairs);
    }
    let random = random(table, model);
    let records = real(u64::from(narrow(table.len())));
    let every = records * (records - 1.0) / 2.0;
    let m = beginning(&model.comparisons);
    let plain: Vec<(u64, f64)> = random.iter().map(|(pattern, count)| (*pattern, real(*count))).collect();
    let mut found = Estimate { u: shares(&plain, &m), m, share: 1.0 / records };
    let mut unlearned = Vec::new();
    match truth {
        Some(truth) => counted(&mut found, table, model, truth, every),
        None => {
            for _ in 0..ROUNDS {
                (found.m, unlearned) = by_rules(&found, &rules, model);
                settle_prior(&mut found, &all, every);
                found.different(&random);
            }
        }
    }
    if truth.is_some() {
        found.different(&random);
    }
    let weights = Weights {
        version: String::new(),
        prior: rounded(found.share.clamp(LEAST, 0.5)),
        odds: odds(&found, &model.comparisons),
        frequency: frequencies(table, model),
    };
    Ok(Learned {
        model: model.with_weights(weights),
        pairs: all.iter().map(|(_, count)| count).sum(),
        matches: found.share * every,
        unlearned,
    })
}

/// m of every comparison: over the rules that do not compare its column, weighed by the matches found under each.
fn by_rules(found: &Estimate, rules: &[Patterns], model: &Model) -> (Shares, Vec<String>) {
    let shape = beginning(&model.comparisons);
    let mut sums: Shares = shape.iter().map(|row| vec![0.0; row.len()]).collect();
    let mut weights = vec![0.0; shape.len()];
    for (rule, patterns) in model.blocks.iter().zip(rules).filter(|(_, patterns)| !patterns.is_empty()) {
        let skips =
            |comparison: &Comparison| rule.keys.iter().any(|(column, _)| *column == comparison.column);
        let skip: Vec<bool> = model.comparisons.iter().map(skips).collect();
        let mut one = Estimate { m: shape.clone(), u: found.u.clone(), share: FIRST_SHARE };
        one.maximise(patterns, &skip);
        let pairs: f64 = patterns.iter().map(|(_, count)| real(*count)).sum();
        let matches = one.share * pairs;
        for (((sum, weight), row), skipped) in sums.iter_mut().zip(&mut weights).zip(&one.m).zip(&skip) {
            if !skipped {
                *weight += matches;
                sum.iter_mut().zip(row).for_each(|(sum, m)| *sum += m * matches);
            }
        }
    }
    let mut unlearned = Vec::new();
    let rows = sums.into_iter().zip(weights).zip(shape).zip(&model.comparisons);
    let m = rows
        .map(|(((sum, weight), shape), comparison)| {
            if weight < 1.0 {
                unlearned.push(comparison.name.clone());
                return shape;
            }
            sum.into_iter().map(|value| value / weight).collect()
        })
        .collect();
    (m, unlearned)
}

/// The prior that agrees with the matches it lets one expect among the compared pairs.
fn settle_prior(found: &mut Estimate, all: &Patterns, every: f64) {
    for _ in 0..PRIOR_ROUNDS {
        found.share = (found.expected(all) / every).clamp(LEAST, 1.0 - LEAST);
    }
}

fn counted(found: &mut Estimate, table: &Table, model: &Model, truth: &[u32], every: f64) {
    let mut records: Vec<(u32, u32)> = truth.iter().copied().zip(0..).collect();
    records.sort_unstable();
    let pairs = records.chunk_by(|a, b| a.0 == b.0).flat_map(|cluster| {
        let rest = move |place| cluster.get(place + 1..).unwrap_or_default();
        let places = cluster.iter().enumerate();
        places.flat_map(move |(place, (_, left))| rest(place).iter().map(move |(_, right)| (*left, *right)))
    });
    let patterns = of_pairs(table, model, pairs);
    let weighed: Vec<(u64, f64)> = patterns.iter().map(|(pattern, count)| (*pattern, real(*count))).collect();
    found.m = shares(&weighed, &found.m);
    let matches: f64 = weighed.iter().map(|(_, count)| count).sum();
    found.share = (matches / every).clamp(LEAST, 1.0 - LEAST);
}

/// Six digits, as the file shows them: what is read again is what was learned.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn odds(found: &Estimate, comparisons: &[Comparison]) -> BTreeMap<String, BTreeMap<String, Odds>> {
    let bound = |value: f64| rounded(value.clamp(LEAST, 1.0 - 1e-5));
    let row = |((comparison, m), u): ((&Comparison, &Vec<f64>), &Vec<f64>)| {
        let levels = comparison.levels.iter().cloned();
        let odds = m.iter().zip(u).map(|(m, u)| Odds { m: bound(*m), u: bound(*u) });
        (comparison.name.clone(), levels.zip(odds).collect())
    };
    comparisons.iter().zip(&found.m).zip(&found.u).map(row).collect()
}
