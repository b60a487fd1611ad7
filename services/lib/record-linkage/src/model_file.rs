//! A model as it stands in its file (TOML): what is compared how, and the weights that were learned for it.

use crate::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A model file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Form of this file: 1.
    pub format: u32,
    /// Name of the model, for reports.
    pub name: String,
    /// Code lists that columns of kind `code` name: paths, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_lists: Vec<String>,
    /// Bands of the weight.
    pub bands: Bands,
    /// Records of a block that are compared with each other at most; a larger block is reported and not compared.
    #[serde(default = "block_bound")]
    pub block_bound: usize,
    /// The columns used, by their heading in the table.
    pub columns: BTreeMap<String, ColumnFile>,
    /// What is compared: one column each.
    #[serde(rename = "comparison")]
    pub comparisons: Vec<ComparisonFile>,
    /// Which pairs are compared: those that agree in all keys of one rule.
    #[serde(rename = "block")]
    pub blocks: Vec<BlockFile>,
    /// How twins are told from one person written down twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twins: Option<TwinsFile>,
    /// Learned weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
}

/// A block of the size of a large lecture hall gives 125,000 pairs.
const fn block_bound() -> usize {
    500
}

/// Bands of the weight, in bits: the base-2 logarithm of the odds that two records speak of one person.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// From here on a pair is linked.
    pub link: f64,
    /// From here on a human looks.
    pub review: f64,
    /// So much better than the best rival a link must be.
    pub margin: f64,
    /// From here on a pair is listed; `review` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<f64>,
}

/// A column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnFile {
    /// What it holds.
    pub kind: Kind,
    /// Kind `code`: the list that its codes are translated into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Kind `code`: the numbering of codes that come without a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbering: Option<String>,
    /// Kind `number`: how many digits it has; others count as missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Texts that mean the value is missing, besides the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonFile {
    /// The column.
    pub column: String,
    /// Its levels, closest first; the last is `else`.
    pub levels: Vec<String>,
    /// Agreement on a rare value weighs more than on a frequent one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub frequency: bool,
    /// Agreement here links only if what else is compared does not speak against it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_alone: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A blocking rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockFile {
    /// `column`, or `column.form`.
    pub keys: Vec<String>,
    /// Own bound on the block's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<usize>,
}

/// How twins are recognised: the same birth date, the same mother or consecutive acts, and names that differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinsFile {
    /// Column of the name, kind `name`.
    pub name: String,
    /// Column of the birth date, kind `date`.
    pub birth: String,
    /// Columns that name the mother.
    #[serde(default)]
    pub mother: Vec<String>,
    /// Column of the birth act, kind `act`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// Columns of numbers: where one is the same, the two are no twins.
    #[serde(default)]
    pub numbers: Vec<String>,
}

/// Probability of a level among records of one person (m) and of two persons (u).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odds {
    /// Among pairs of one person.
    pub m: f64,
    /// Among pairs of two persons.
    pub u: f64,
}

/// Learned weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// A hash over the rest of the weights and what is compared: kept with each link that was made by them.
    pub version: String,
    /// Probability that two records taken at random speak of one person.
    pub prior: f64,
    /// By column and level.
    pub odds: BTreeMap<String, BTreeMap<String, Odds>>,
    /// How frequent values are, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub frequency: BTreeMap<String, FrequencyFile>,
}

/// How frequent values are. Only values that many records share are listed: nobody is singled out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrequencyFile {
    /// Of a value that is not listed.
    pub rest: f64,
    /// Listed values, without marks, with their share of the records.
    pub values: BTreeMap<String, f64>,
}
