//! `dansync match`: record linkage over any table, by the code that the registry matches with.

mod evaluate;
mod explain;
mod files;
mod learn;
mod rows;
mod show;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `dansync match`.
#[derive(Debug, Subcommand)]
pub(crate) enum Match {
    /// Find the records of one person; with the truth at hand, say how well.
    #[command(after_help = "Examples:
  dansync match evaluate --records people.csv --model people.toml --out found
  dansync match evaluate --records people.csv --truth truth.csv --model people.toml --out found --explain 17,23 -o json")]
    Evaluate(evaluate::Evaluate),
    /// Learn a model's weights from records.
    #[command(after_help = "Example:
  dansync match learn --records people.csv --model schemas/linkage/people-en.toml --out people.toml")]
    Learn(learn::Learn),
    /// Why two records weigh what they weigh, comparison by comparison.
    #[command(after_help = "Example:
  dansync match explain 17 23 --records people.csv --model people.toml")]
    Explain(explain::Explain),
    /// The recorded links of a record without a number, each with its waterfall, its candidates and its margin.
    #[command(after_help = "Example:
  dansync match show medical/birth_notice/17/child --config /etc/dansync/reconciler.toml")]
    Show(show::Show),
}

/// A table and a model.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// The records (CSV, UTF-8): first column `record_id`, and the columns that the model names.
    #[arg(long, value_name = "FILE")]
    records: PathBuf,
    /// The model (TOML).
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
}

impl Match {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Evaluate(evaluate) => evaluate.execute(),
            Self::Learn(learn) => learn.execute(),
            Self::Explain(explain) => explain.execute(),
            Self::Show(show) => show.execute(),
        }
    }
}
