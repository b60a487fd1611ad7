//! `dansync match evaluate`: pairs, clusters and figures.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use record_linkage::{
    Agreement, Band, Blocks, Clusters, Judged, Model, OverBound, Table, agreement, candidates, cluster, judge,
};
use serde::Serialize;

use super::explain::{Explained, explained, scorer};
use super::{Input, files};
use crate::output::{Answer, Output};

/// Blocks over their bound that the answer lists; all of them are in `over_bound.csv`.
const LISTED: usize = 20;

/// `dansync match evaluate`.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    input: Input,
    /// The truth (CSV: `record_id,cluster_id`).
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Decided pairs (CSV: `left_id,right_id,decision`; `different` or `twins`).
    #[arg(long, value_name = "FILE")]
    decided: Option<PathBuf>,
    /// Folder for `pairs.csv`, `clusters.csv` and `over_bound.csv`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Explain this pair too.
    #[arg(long, value_name = "LEFT,RIGHT", value_parser = pair)]
    explain: Option<(String, String)>,
    #[command(flatten)]
    output: Output,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (left, right) = text.split_once(',').ok_or("want two record ids with a comma between them")?;
    Ok((left.trim().to_owned(), right.trim().to_owned()))
}

impl Evaluate {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let model = files::model(&self.input.model)?.model;
        self.output.show(&self.report(&model)?)
    }

    fn report(&self, model: &Model) -> anyhow::Result<Report> {
        let mut clock = Clock(Instant::now());
        let mut seconds = Seconds::default();
        let files::Records { table, unused } = files::records(&self.input.records, model)?;
        let truth = self.truth.as_deref().map(|path| files::truth(path, &table)).transpose()?;
        let decided = files::decided(self.decided.as_deref(), &table)?;
        let mut scorer = scorer(&table, model)?;
        seconds.read = clock.lap();
        let blocks = Blocks::of(&table, model);
        seconds.block = clock.lap();
        let (kept, compared) = candidates(&blocks, &mut scorer);
        seconds.compare = clock.lap();
        let mut judged = judge(&kept, &mut scorer, &decided);
        let clusters = cluster(&mut judged, &scorer, &decided);
        seconds.judge = clock.lap();
        write_files(&self.out, &table, &judged, &clusters, blocks.over_bound())?;
        seconds.write = clock.lap();
        let explained = self
            .explain
            .as_ref()
            .map(|(left, right)| explained(&mut scorer, &self.input.records, [left, right]))
            .transpose()?;
        let figures = truth.map(|truth| Figures::of(&truth, &clusters));
        let weights = model.weights().map(|weights| weights.version.clone());
        Ok(Report {
            version: 1,
            model: model.name().to_owned(),
            weights_version: weights.unwrap_or_default(),
            records: table.len(),
            pairs_compared: compared,
            pairs_per_second: rate(compared, seconds.compare),
            seconds,
            bands: Bands::of(&judged, compared),
            reasons: reasons(&judged),
            clusters: clusters.count(),
            precision: figures.as_ref().map(|f| f.precision),
            recall: figures.as_ref().map(|f| f.recall),
            f1: figures.as_ref().map(|f| f.f1),
            truth: figures,
            over_bound_blocks: blocks.over_bound().len(),
            over_bound: blocks.over_bound().iter().take(LISTED).map(Over::of).collect(),
            unreadable: table
                .unreadable(model)
                .filter(|(_, count)| *count > 0)
                .map(|(column, count)| (column.to_owned(), count))
                .collect(),
            unused_columns: unused,
            explained,
        })
    }
}

/// Time since the last lap.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = now.duration_since(self.0).as_secs_f64();
        self.0 = now;
        seconds
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people to read"
)]
fn rate(pairs: u64, seconds: f64) -> u64 {
    (pairs as f64 / seconds.max(1e-9)) as u64
}

fn write_files(
    folder: &Path,
    table: &Table,
    judged: &[Judged],
    clusters: &Clusters,
    over: &[OverBound],
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let file = |name: &str| {
        let path = folder.join(name);
        csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))
    };
    let mut pairs = file("pairs.csv")?;
    pairs.write_record(["left_id", "right_id", "weight", "probability", "band"])?;
    for pair in judged {
        let (weight, probability) = (format!("{:.4}", pair.weight), format!("{:.9}", pair.probability));
        let band = pair.band.as_str();
        pairs.write_record([table.id(pair.left), table.id(pair.right), &weight, &probability, band])?;
    }
    pairs.flush()?;
    let mut out = file("clusters.csv")?;
    out.write_record(["record_id", "cluster_id"])?;
    for (of, record) in clusters.iter().zip(0..) {
        out.write_record([table.id(record), table.id(of)])?;
    }
    out.flush()?;
    let mut out = file("over_bound.csv")?;
    out.write_record(["rule", "key", "records", "bound"])?;
    for block in over {
        out.write_record([&block.rule, &block.key, &block.records.to_string(), &block.bound.to_string()])?;
    }
    out.flush().context("writing over_bound.csv")
}

fn reasons(judged: &[Judged]) -> BTreeMap<&'static str, u64> {
    let mut reasons = BTreeMap::new();
    for pair in judged {
        *reasons.entry(pair.reason.as_str()).or_default() += 1;
    }
    reasons
}

/// What was found. The keys are what outside programs rely on.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    model: String,
    weights_version: String,
    records: usize,
    pairs_compared: u64,
    /// On one core, while comparing.
    pairs_per_second: u64,
    seconds: Seconds,
    bands: Bands,
    /// Why the listed pairs are in their bands.
    reasons: BTreeMap<&'static str, u64>,
    clusters: usize,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    truth: Option<Figures>,
    over_bound_blocks: usize,
    over_bound: Vec<Over>,
    /// Values that could not be read and counted as missing, by column.
    unreadable: BTreeMap<String, u64>,
    /// Columns of the table that the model does not name.
    unused_columns: Vec<String>,
    explained: Option<Explained>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Seconds {
    read: f64,
    block: f64,
    compare: f64,
    judge: f64,
    write: f64,
}

/// Compared pairs by band.
#[derive(Debug, Serialize)]
struct Bands {
    link: u64,
    review: u64,
    separate: u64,
}

impl Bands {
    fn of(judged: &[Judged], compared: u64) -> Self {
        let count = |band| judged.iter().filter(|pair| pair.band == band).count() as u64;
        let (link, review) = (count(Band::Link), count(Band::Review));
        Self { link, review, separate: compared - link - review }
    }
}

/// How well clusters agree with the truth, in pairs of records.
#[derive(Debug, Serialize)]
struct Figures {
    /// Records whose truth is known; the others are left out.
    records: usize,
    pairs_found: u64,
    pairs_true: u64,
    pairs_both: u64,
    #[serde(skip)]
    precision: f64,
    #[serde(skip)]
    recall: f64,
    #[serde(skip)]
    f1: f64,
}

impl Figures {
    fn of(truth: &[Option<u32>], clusters: &Clusters) -> Self {
        let known: Vec<(u32, u32)> =
            clusters.iter().zip(truth).filter_map(|(found, truth)| Some((found, (*truth)?))).collect();
        let records = known.len();
        let measured = agreement(known);
        let Agreement { found, truth, both } = measured;
        Self {
            records,
            pairs_found: found,
            pairs_true: truth,
            pairs_both: both,
            precision: measured.precision(),
            recall: measured.recall(),
            f1: measured.f1(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Over {
    rule: String,
    records: usize,
    bound: usize,
}

impl Over {
    fn of(block: &OverBound) -> Self {
        Self { rule: block.rule.clone(), records: block.records, bound: block.bound }
    }
}

impl Answer for Report {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { model, weights_version, records, pairs_compared, pairs_per_second, .. } = self;
        writeln!(out, "{model}, weights {weights_version}")?;
        writeln!(out, "{records} records, {pairs_compared} pairs compared, {pairs_per_second} a second")?;
        let Bands { link, review, separate } = self.bands;
        writeln!(out, "{link} linked, {review} to review, {separate} separate; {} clusters", self.clusters)?;
        if let Some(Figures { precision, recall, f1, .. }) = self.truth {
            writeln!(out, "precision {precision:.5}, recall {recall:.5}, F1 {f1:.5}")?;
        }
        if self.over_bound_blocks > 0 {
            writeln!(
                out,
                "{} blocks over their bound, not compared (over_bound.csv):",
                self.over_bound_blocks
            )?;
        }
        for Over { rule, records, bound } in &self.over_bound {
            writeln!(out, "  {rule}: {records} records, bound {bound}")?;
        }
        for (column, count) in &self.unreadable {
            writeln!(out, "column {column}: {count} values could not be read and count as missing")?;
        }
        if !self.unused_columns.is_empty() {
            writeln!(out, "columns that the model does not name: {}", self.unused_columns.join(", "))?;
        }
        self.explained.as_ref().map_or(Ok(()), |explained| {
            writeln!(out)?;
            explained.write_text(out)
        })
    }
}
