//! `dansync match show`: the recorded links of a record without a number, and what each was found by. No values are shown: the
//! registry keeps levels and weights with a link, not what was compared.

use std::io::{self, Write};

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use clap::Args;
use registry_store::{ReviewPair, ScoredLink, match_records, open_reviews, scored_history};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_runtime::{DatabaseConfig, ExitClass};

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, registry_pool};
use crate::table::write_table;

/// Links of one source key that are shown: the newest.
const LINKS: i64 = 20;

/// `dansync match show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The record: `source/entity/key/role`.
    #[arg(value_name = "RECORD_KEY")]
    record_key: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Deserialize)]
struct Settings {
    registry: DatabaseConfig,
}

impl Show {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let settings: Settings = self.file.sections()?;
        self.output.show(&executor::run(shown(&settings, &self.record_key))?)
    }
}

async fn shown(settings: &Settings, record_key: &str) -> anyhow::Result<Shown> {
    let pool = registry_pool(&settings.registry)?;
    let mut connection = pool.acquire().await.map_err(registry_store::StoreError::from).classed()?;
    let mut known = match_records(&mut connection, &[record_key]).await.classed()?;
    let record = known.pop().ok_or_else(|| {
        anyhow!("RECORD_KEY: nothing of such a record is compared; `dansync registry show` lists a person's records")
    });
    let record = record.context(ExitClass::BadData)?;
    let links = scored_history(&mut connection, &record.source_key, LINKS).await.classed()?;
    let reviews = open_reviews(&mut connection, &[record_key]).await.classed()?;
    Ok(Shown {
        version: 1,
        record_key: record.record_key,
        source_key: record.source_key,
        placed_by_score: record.movable,
        links: links.into_iter().map(Link::of).collect(),
        reviews: reviews.into_iter().map(Review::of).collect(),
    })
}

/// What is recorded. The keys are what outside programs rely on.
#[derive(Debug, Serialize)]
struct Shown {
    version: u32,
    record_key: String,
    source_key: String,
    /// Nothing but evidence can say whose the record is.
    placed_by_score: bool,
    links: Vec<Link>,
    reviews: Vec<Review>,
}

#[derive(Debug, Serialize)]
struct Link {
    anchor: String,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    evidence: Value,
}

impl Link {
    fn of(link: ScoredLink) -> Self {
        Self { anchor: link.anchor, since: link.since, until: link.until, evidence: link.evidence }
    }
}

#[derive(Debug, Serialize)]
struct Review {
    record_key: String,
    other_key: String,
    reason: String,
    twins: bool,
    since: DateTime<Utc>,
    evidence: Value,
}

impl Review {
    fn of(pair: ReviewPair) -> Self {
        let ReviewPair { record_key, other_key, reason, twins, since, evidence, .. } = pair;
        Self { record_key, other_key, reason, twins, since, evidence }
    }
}

impl Answer for Shown {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}, source key {}", self.record_key, self.source_key)?;
        if !self.placed_by_score {
            writeln!(out, "a number, its source key or a decision says whose it is; no score is asked")?;
        }
        for link in &self.links {
            let until = link.until.map_or_else(|| "now".to_owned(), |until| until.to_rfc3339());
            writeln!(out, "\nlinked to {} from {} until {until}", link.anchor, link.since.to_rfc3339())?;
            write_evidence(out, &link.evidence)?;
        }
        for review in &self.reviews {
            let Review { record_key, other_key, reason, .. } = review;
            writeln!(out, "\n{record_key} and {other_key} wait for a human: {reason}")?;
            write_evidence(out, &review.evidence)?;
        }
        Ok(())
    }
}

/// A waterfall, and who else there was.
fn write_evidence(out: &mut dyn Write, evidence: &Value) -> io::Result<()> {
    let text = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => "-".to_owned(),
    };
    let list = |key: &str| evidence.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    writeln!(
        out,
        "weight {} bits, margin {}, weights {}, from a prior of {}",
        text(evidence, "weight"),
        text(evidence, "margin"),
        text(evidence, "weights"),
        text(evidence, "prior")
    )?;
    let steps: Vec<[String; 5]> = list("steps")
        .iter()
        .map(|step| ["column", "level", "bits", "rarity", "sum"].map(|key| text(step, key)))
        .collect();
    write_table(out, ["COLUMN", "LEVEL", "BITS", "RARITY", "SUM"], &steps)?;
    let candidates: Vec<[String; 4]> = list("candidates")
        .iter()
        .map(|one| ["anchor", "weight", "band", "reason"].map(|key| text(one, key)))
        .collect();
    write_table(out, ["CANDIDATE", "WEIGHT", "BAND", "REASON"], &candidates)
}
