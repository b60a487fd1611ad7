//! Which pairs are compared: those that agree in all keys of at least one rule. The size of a block is bounded.

use crate::intern::Interner;
use crate::model::{BlockRule, Model};
use crate::numeric::{narrow, wide};
use crate::table::Table;

/// Between the keys of one rule.
const APART: char = '\u{1f}';

/// A record's place in the blocks of one rule: of its values alone, so that it may be kept and met by other tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockKey {
    /// The rule's number in the model.
    pub rule: usize,
    /// What the record has there.
    pub key: String,
}

impl BlockKey {
    /// The keys of a record, one for each rule that it has all values for.
    pub fn of(record: u32, table: &Table, model: &Model) -> Vec<Self> {
        let rules = model.blocks.iter().enumerate();
        rules.filter_map(|(rule, block)| Some(Self { rule, key: key(record, table, block)? })).collect()
    }
}

fn key(record: u32, table: &Table, rule: &BlockRule) -> Option<String> {
    let mut text = String::new();
    for (column, form) in &rule.keys {
        if !text.is_empty() {
            text.push(APART);
        }
        text.push_str(&table.values.get(*column)?.form(table.cell(record, *column), form)?);
    }
    Some(text)
}

/// A block that holds more records than its rule compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverBound {
    /// The rule, as its keys.
    pub rule: String,
    /// What its records have in common.
    pub key: String,
    /// How many they are.
    pub records: usize,
    /// The rule's bound.
    pub bound: usize,
}

/// The blocks of a table.
#[derive(Clone, Debug)]
pub struct Blocks {
    rules: usize,
    /// For each record and rule the block's number; 0: in none that is compared.
    keys: Vec<u32>,
    /// For each rule its records, block by block.
    members: Vec<Vec<(u32, u32)>>,
    over_bound: Vec<OverBound>,
}

impl Blocks {
    /// Blocks a table.
    pub fn of(table: &Table, model: &Model) -> Self {
        let rules = model.blocks.len();
        let mut blocks =
            Self { rules, keys: vec![0; table.len() * rules], members: Vec::new(), over_bound: Vec::new() };
        for (number, rule) in model.blocks.iter().enumerate() {
            let mut texts = Interner::default();
            let mut members = Vec::with_capacity(table.len());
            for record in table.records() {
                if let Some(key) = key(record, table, rule) {
                    members.push((texts.number(&key), record));
                }
            }
            members.sort_unstable();
            let mut kept = Vec::with_capacity(members.len());
            for block in members.chunk_by(|a, b| a.0 == b.0) {
                if block.len() > rule.bound {
                    blocks.leave_out(block, table, rule);
                } else if block.len() > 1 {
                    kept.extend_from_slice(block);
                }
            }
            for (block, record) in &kept {
                if let Some(place) = blocks.keys.get_mut(wide(*record) * rules + number) {
                    *place = *block;
                }
            }
            blocks.members.push(kept);
        }
        blocks.over_bound.sort_by(|a, b| (b.records, &a.rule, &a.key).cmp(&(a.records, &b.rule, &b.key)));
        blocks
    }

    fn leave_out(&mut self, block: &[(u32, u32)], table: &Table, rule: &BlockRule) {
        let first = block.first().map_or(0, |(_, record)| *record);
        self.over_bound.push(OverBound {
            rule: rule.name.clone(),
            key: key(first, table, rule).unwrap_or_default().replace(APART, " + "),
            records: block.len(),
            bound: rule.bound,
        });
    }

    /// The blocks that are too large to be compared, largest first.
    pub fn over_bound(&self) -> &[OverBound] {
        &self.over_bound
    }

    /// How many rules there are.
    pub const fn rules(&self) -> usize {
        self.rules
    }

    /// Every pair once, the smaller record first.
    pub fn each_pair(&self, mut visit: impl FnMut(u32, u32)) {
        for rule in 0..self.rules {
            self.each_of_rule(rule, |left, right, is_new| {
                if is_new {
                    visit(left, right);
                }
            });
        }
    }

    /// Every pair of one rule, and whether no earlier rule has it.
    pub(crate) fn each_of_rule(&self, rule: usize, mut visit: impl FnMut(u32, u32, bool)) {
        let members = self.members.get(rule).map_or(&[][..], Vec::as_slice);
        for block in members.chunk_by(|a, b| a.0 == b.0) {
            for (place, (_, left)) in block.iter().enumerate() {
                let own = self.earlier(*left, rule);
                for (_, right) in block.get(place + 1..).unwrap_or_default() {
                    let known = own.iter().zip(self.earlier(*right, rule)).any(|(a, b)| *a != 0 && a == b);
                    visit(*left, *right, !known);
                }
            }
        }
    }

    fn earlier(&self, record: u32, rule: usize) -> &[u32] {
        let first = wide(record) * self.rules;
        self.keys.get(first..first + rule).unwrap_or_default()
    }

    /// The rules under which two records are compared, by number.
    pub fn rules_of(&self, left: u32, right: u32) -> Vec<usize> {
        let (left, right) = (self.earlier(left, self.rules), self.earlier(right, self.rules));
        let both = left.iter().zip(right).enumerate();
        both.filter(|(_, (a, b))| **a != 0 && a == b).map(|(rule, _)| rule).collect()
    }

    /// Pairs that would be compared if each rule compared its own.
    pub fn pairs(&self) -> u64 {
        let sizes = self.members.iter().flat_map(|members| members.chunk_by(|a, b| a.0 == b.0));
        sizes.map(|block| u64::from(narrow(block.len()))).map(|n| n * (n - 1) / 2).sum()
    }
}
