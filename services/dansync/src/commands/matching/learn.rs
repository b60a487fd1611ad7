//! `dansync match learn`: a model's weights from records.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use record_linkage::write_model;
use serde::Serialize;
use service_runtime::ExitClass;

use super::{Input, files};
use crate::output::{Answer, Output};

/// `dansync match learn`.
#[derive(Debug, Args)]
pub(crate) struct Learn {
    #[command(flatten)]
    input: Input,
    /// Where the model with its weights is written; comments stay where the weights stand last in the file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The truth (CSV: `record_id,cluster_id`): then the weights are counted instead of estimated.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Learn {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let read = files::model(&self.input.model)?;
        let table = files::records(&self.input.records, &read.model)?.table;
        let truth = self.truth.as_deref().map(|path| files::truth(path, &table)).transpose()?;
        // A record without truth is a person of its own: it makes no pair.
        let alone = |(place, cluster): (usize, &Option<u32>)| {
            cluster.unwrap_or_else(|| u32::MAX - u32::try_from(place).unwrap_or(0))
        };
        let truth: Option<Vec<u32>> = truth.map(|truth| truth.iter().enumerate().map(alone).collect());
        let learned = record_linkage::learn(&table, &read.model, truth.as_deref())
            .with_context(|| self.input.records.display().to_string())
            .context(ExitClass::BadData)?;
        let text = files::text_for(&read.text, &read.model, &self.input.model, &self.out);
        let model = learned.model;
        let written = write_model(&text, &model);
        std::fs::write(&self.out, written).with_context(|| format!("writing {}", self.out.display()))?;
        let weights = model.weights().context("nothing was learned").context(ExitClass::Bug)?;
        self.output.show(&Said {
            version: 1,
            model: model.name().to_owned(),
            weights_version: weights.version.clone(),
            records: table.len(),
            pairs: learned.pairs,
            matches_expected: learned.matches,
            prior: weights.prior,
            unlearned: learned.unlearned,
        })
    }
}

#[derive(Debug, Serialize)]
struct Said {
    version: u32,
    model: String,
    weights_version: String,
    records: usize,
    /// Compared to learn from.
    pairs: u64,
    /// Of one person, among all pairs of records.
    matches_expected: f64,
    prior: f64,
    /// Comparisons whose m stayed what it was before learning: every rule with matches compares their column.
    unlearned: Vec<String>,
}

impl Answer for Said {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { model, weights_version, records, pairs, matches_expected, .. } = self;
        writeln!(out, "{model}: weights {weights_version} from {records} records, {pairs} pairs")?;
        writeln!(out, "about {matches_expected:.0} pairs of one person")?;
        for column in &self.unlearned {
            writeln!(out, "not learned: {column}; add a blocking rule that does not compare it")?;
        }
        Ok(())
    }
}
