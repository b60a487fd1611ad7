//! `dansync match show`: the recorded links of a record without a number, and what each was found by. No values are shown: the
//! registry keeps levels and weights with a link, not what was compared. What tells of a family secret is left out, as in
//! `dansync registry show`.

use std::io::{self, Write};

use std::collections::BTreeSet;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use clap::Args;
use registry_rules::RecordKey;
use registry_store::{
    FamilySecrets, MatchRecord, ReviewPair, ScoredLink, find_person, match_records, open_reviews,
    scored_history, secrets_around,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_runtime::{DatabaseConfig, ExitClass};

use sqlx::PgPool;

use crate::classed::ResultExt as _;
use crate::commands::registry_secret::Purpose;
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
    purpose: Purpose,
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
        self.output.show(&executor::run(shown(&settings, &self.record_key, &self.purpose))?)
    }
}

async fn shown(settings: &Settings, record_key: &str, purpose: &Purpose) -> anyhow::Result<Shown> {
    let pool = registry_pool(&settings.registry)?;
    let mut connection = pool.acquire().await.map_err(registry_store::StoreError::from).classed()?;
    let record = match_records(&mut connection, &[record_key]).await.classed()?.pop();
    let record = known(record)?;
    let links = scored_history(&mut connection, &record.source_key, LINKS + 1).await.classed()?;
    let reviews = open_reviews(&mut connection, &[record_key]).await.classed()?;
    drop(connection);
    let secrets = secrets(&pool, &record, &links, &reviews, purpose).await?;
    let record = known(Some(record).filter(|record| !hides_record(&secrets, &record.record_key)))?;
    let most = usize::try_from(LINKS).unwrap_or_default();
    Ok(Shown {
        version: 1,
        source_key: record.source_key,
        placed_by_score: record.movable,
        truncated: links.len() > most,
        links: links.into_iter().take(most).filter_map(|link| Link::of(link, &secrets)).collect(),
        reviews: reviews.into_iter().filter_map(|pair| Review::of(pair, &secrets)).collect(),
        record_key: record.record_key,
    })
}

fn known(record: Option<MatchRecord>) -> anyhow::Result<MatchRecord> {
    let unknown = || {
        anyhow!(
            "RECORD_KEY: nothing of such a record is compared; `dansync registry show` lists a person's records"
        )
    };
    record.ok_or_else(unknown).context(ExitClass::BadData)
}

/// What must be left out: the secrets of all whom the evidence names. With a purpose nothing, once the view is noted.
async fn secrets(
    pool: &PgPool,
    record: &MatchRecord,
    links: &[ScoredLink],
    reviews: &[ReviewPair],
    purpose: &Purpose,
) -> anyhow::Result<FamilySecrets> {
    if purpose.is_given() {
        let person = find_person(pool, &record.record_key).await.classed()?;
        let person = person.context("the record belongs to nobody whose view could be noted")?;
        purpose.note(pool, person, "match show").await?;
        return Ok(FamilySecrets::default());
    }
    let mut records = BTreeSet::from([record.record_key.clone()]);
    let mut anchors = BTreeSet::from([record.source_key.clone(), record.place.clone()]);
    let evidence = links.iter().map(|link| &link.evidence).chain(reviews.iter().map(|pair| &pair.evidence));
    for evidence in evidence {
        records.extend(named(evidence, "pair", "record_key"));
        anchors.extend(named(evidence, "candidates", "anchor"));
    }
    anchors.extend(links.iter().map(|link| link.anchor.clone()));
    for pair in reviews {
        records.extend([pair.record_key.clone(), pair.other_key.clone()]);
        anchors.insert(pair.anchor.clone());
    }
    secrets_around(pool, &records, &anchors).await.classed()
}

/// The texts under a key in a list of the evidence.
fn named(evidence: &Value, list: &str, key: &str) -> Vec<String> {
    let items = evidence.get(list).and_then(Value::as_array);
    let texts = items.into_iter().flatten().filter_map(|item| item.get(key)?.as_str());
    texts.map(ToOwned::to_owned).collect()
}

fn hides_record(secrets: &FamilySecrets, record_key: &str) -> bool {
    RecordKey::try_from(record_key.to_owned()).is_ok_and(|key| secrets.hides_record(&key))
}

/// Leaves out of what a link was found by whom a secret hides.
fn redact_evidence(evidence: &mut Value, secrets: &FamilySecrets) {
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    if let Some(candidates) = evidence.get_mut("candidates").and_then(Value::as_array_mut) {
        candidates.retain(|one| !text(one, "anchor").is_some_and(|anchor| secrets.hides_anchor(&anchor)));
    }
    if let Some(pair) = evidence.get_mut("pair").and_then(Value::as_array_mut) {
        pair.retain(|one| !text(one, "record_key").is_some_and(|key| hides_record(secrets, &key)));
    }
}

/// What is recorded. The keys are what outside programs rely on.
#[derive(Debug, Serialize)]
struct Shown {
    version: u32,
    record_key: String,
    source_key: String,
    /// Nothing but evidence can say whose the record is.
    placed_by_score: bool,
    /// The newest first.
    links: Vec<Link>,
    /// Whether it had older ones.
    truncated: bool,
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
    /// None: a secret hides it.
    fn of(mut link: ScoredLink, secrets: &FamilySecrets) -> Option<Self> {
        redact_evidence(&mut link.evidence, secrets);
        let ScoredLink { anchor, since, until, evidence, .. } = link;
        (!secrets.hides_anchor(&anchor)).then_some(Self { anchor, since, until, evidence })
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
    /// None: a secret hides it.
    fn of(mut pair: ReviewPair, secrets: &FamilySecrets) -> Option<Self> {
        redact_evidence(&mut pair.evidence, secrets);
        let ReviewPair { record_key, other_key, reason, twins, since, evidence, .. } = pair;
        let is_hidden = [&record_key, &other_key].into_iter().any(|key| hides_record(secrets, key));
        (!is_hidden).then_some(Self { record_key, other_key, reason, twins, since, evidence })
    }
}

impl Answer for Shown {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}, source key {}", self.record_key, self.source_key)?;
        if !self.placed_by_score {
            writeln!(out, "a number, its source key or a decision says whose it is; no score is asked")?;
        }
        if self.placed_by_score && self.links.is_empty() && self.reviews.is_empty() {
            writeln!(out, "no link and no question")?;
        }
        for link in &self.links {
            let until = link.until.map_or_else(|| "now".to_owned(), |until| until.to_rfc3339());
            writeln!(out, "\nlinked to {} from {} until {until}", link.anchor, link.since.to_rfc3339())?;
            write_evidence(out, &link.evidence)?;
        }
        if self.truncated {
            writeln!(
                out,
                "\nolder links are not shown; `dansync registry history` of the person lists them"
            )?;
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
