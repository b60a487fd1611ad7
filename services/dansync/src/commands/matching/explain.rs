//! `dansync match explain`: the waterfall of a pair.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use clap::Args;
use record_linkage::{Model, Scorer};
use serde::Serialize;
use service_runtime::ExitClass;

use super::{Input, files};
use crate::output::{Answer, Output};
use crate::table::write_table;

/// `dansync match explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Id of one record.
    #[arg(value_name = "LEFT")]
    left: String,
    /// Id of the other.
    #[arg(value_name = "RIGHT")]
    right: String,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    output: Output,
}

impl Explain {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let model = files::model(&self.input.model)?.model;
        let table = files::records(&self.input.records, &model)?.table;
        let mut scorer = scorer(&table, &model)?;
        let explained = explained(&mut scorer, &self.input.records, [&self.left, &self.right])?;
        self.output.show(&explained)
    }
}

/// A scorer for a model with weights.
pub(super) fn scorer<'a>(table: &'a record_linkage::Table, model: &'a Model) -> anyhow::Result<Scorer<'a>> {
    Scorer::new(table, model)
        .context("the model has no weights; `dansync match learn` learns them from records")
        .context(ExitClass::Configuration)
}

/// A pair's waterfall, with the values compared.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    version: u32,
    left_id: String,
    right_id: String,
    /// Blocking rules that bring the two together; without any they are not compared.
    blocks: Vec<String>,
    prior: f64,
    steps: Vec<Line>,
    weight: f64,
    probability: f64,
    /// By the weight alone; guards and margin may make it less.
    band: &'static str,
}

#[derive(Debug, Serialize)]
struct Line {
    column: String,
    level: String,
    bits: f64,
    rarity: f64,
    sum: f64,
    left: String,
    right: String,
}

/// Explains a pair.
pub(super) fn explained(
    scorer: &mut Scorer<'_>,
    records: &Path,
    ids: [&str; 2],
) -> anyhow::Result<Explained> {
    let (table, model) = (scorer.table(), scorer.model());
    let find = |id: &str| {
        table.find(id).ok_or_else(|| {
            anyhow!(
                "{}: no record has the id that was asked for; look at column `record_id`",
                records.display()
            )
            .context(ExitClass::BadData)
        })
    };
    let (left, right) = (find(ids[0])?, find(ids[1])?);
    let [left_texts, right_texts] = files::texts(records, model, ids)?;
    let text = |texts: &[String], column: &str| {
        let place = model.columns().position(|known| known == column);
        place.and_then(|place| texts.get(place)).cloned().unwrap_or_default()
    };
    let fall = record_linkage::explain(scorer, left, right);
    let blocks = record_linkage::Blocks::of(table, model);
    let bands = model.bands();
    let steps = fall.steps.into_iter().map(|step| Line {
        level: step.level.unwrap_or_else(|| "missing".to_owned()),
        bits: step.bits,
        rarity: step.rarity,
        sum: step.sum,
        left: text(&left_texts, &step.column),
        right: text(&right_texts, &step.column),
        column: step.column,
    });
    let band = if fall.weight >= bands.link {
        "link"
    } else if fall.weight >= bands.review {
        "review"
    } else {
        "separate"
    };
    Ok(Explained {
        version: 1,
        left_id: ids[0].to_owned(),
        right_id: ids[1].to_owned(),
        blocks: record_linkage::rules_between(&blocks, model, left, right),
        prior: fall.prior,
        steps: steps.collect(),
        weight: fall.weight,
        probability: fall.probability,
        band,
    })
}

impl Answer for Explained {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = vec![
            ["(two records at random)", "", "", "", &format!("{:+.2}", self.prior), "", ""]
                .map(str::to_owned),
        ];
        rows.extend(self.steps.iter().map(|step| {
            [
                step.column.clone(),
                step.level.clone(),
                format!("{:+.2}", step.bits),
                format!("{:+.2}", step.rarity),
                format!("{:+.2}", step.sum),
                step.left.clone(),
                step.right.clone(),
            ]
        }));
        write_table(out, ["COLUMN", "LEVEL", "BITS", "RARITY", "SUM", "LEFT", "RIGHT"], &rows)?;
        writeln!(
            out,
            "\nweight {:.2}, probability {:.6}: {} by the weight alone",
            self.weight, self.probability, self.band
        )?;
        if self.blocks.is_empty() {
            return writeln!(out, "no blocking rule compares them");
        }
        writeln!(out, "compared under: {}", self.blocks.join("; "))
    }
}
