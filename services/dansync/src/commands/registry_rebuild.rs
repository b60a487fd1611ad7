//! `dansync registry rebuild`: what is derived, made anew from what is kept.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use event_log::SchemaRegistry;
use reconciler::{LoadStage, NotAlone, PresentTaken, Reconciler, StoreError, Summary, TakeOverError};
use registry_store::{RegistryState, registry_state};
use serde::Serialize;
use service_runtime::{Clock as _, SystemClock};
use sqlx::PgPool;
use tokio::time::Interval;

use super::rules_file;
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, registry_pool};

/// A transaction that loses against nobody's is a fault; some of a restarted database are to be expected.
const MOST_RETRIES: u32 = 20;
/// Who holds the matcher's lease meanwhile.
const MATCHER: &str = "rebuild";
/// How often that lease is looked at while a reconciler that was just stopped still has it.
const LEASE_LOOK: Duration = Duration::from_millis(200);

/// `dansync registry rebuild`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rebuild {
    /// From every record version that was kept, with the ids that were given: the whole history stays. Stop the reconcilers
    /// before.
    #[command(after_help = "Example:
  dansync registry rebuild versions --config /etc/dansync/reconciler.toml")]
    Versions(Whole),
    /// A new registry from the topics: days and rules, ids and last words first; start the reconcilers after it, which read
    /// the sources' topics from their beginning and match anew what no number places: links by score are on no topic.
    #[command(after_help = "Example:
  dansync migrate registry --config owner.toml
  dansync registry rebuild topics --rules field-catalogue-2025.toml --config /etc/dansync/reconciler.toml
  dansync run reconciler --config /etc/dansync/reconciler.toml")]
    Topics(Topics),
}

/// From the topics.
#[derive(Debug, Args)]
pub(crate) struct Topics {
    /// A rule set that was in force beside the configured one; once for each, that with which the registry began first. The
    /// log has their names only.
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    whole: Whole,
}

/// The whole registry.
#[derive(Debug, Args)]
pub(crate) struct Whole {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Rebuild {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Versions(whole) => {
                let config: reconciler::Config = whole.file.load()?;
                let rebuilt = executor::run(versions(&config))?;
                whole.output.show(&rebuilt)
            }
            Self::Topics(Topics { rules, whole }) => {
                let config: reconciler::Config = whole.file.load()?;
                let earlier = rules.iter().map(|path| rule_set(path)).collect::<anyhow::Result<Vec<_>>>()?;
                let taken = executor::run(topics(&config, &earlier))?;
                whole.output.show(&taken)
            }
        }
    }
}

fn rule_set(path: &Path) -> anyhow::Result<String> {
    let text = rules_file::text(path).context("--rules")?;
    rules_file::parse(&text).with_context(|| format!("--rules: {}", path.display()))?;
    Ok(text)
}

/// Nobody else may be at work: what runs would go on with what it remembers.
async fn alone(pool: &PgPool) -> anyhow::Result<()> {
    match reconciler::wait_alone(pool, reconciler::LAST_SESSIONS).await {
        Ok(()) => Ok(()),
        Err(NotAlone::Store(error)) => Err(error).classed(),
        Err(error @ NotAlone::AtWork(_)) => Err(error.into()),
    }
}

async fn versions(config: &reconciler::Config) -> anyhow::Result<Rebuilt> {
    let pool = registry_pool(&config.registry)?;
    alone(&pool).await?;
    let reconciler = reconciler::open_alone(config, SystemClock.business_date()).await?;
    let read = reconciler.rebuild().await.classed()?;
    if !finish(&reconciler).await? {
        bail!(
            "the first load has not seen the end of every source's snapshot: start the reconcilers, or let it go on \
             without a source (`dansync load waive`)"
        );
    }
    let state = registry_state(&pool).await.classed()?;
    Ok(Rebuilt::of(read, &state))
}

/// Does the stages of the first load and all that is due; `false`: a source is still awaited.
async fn finish(reconciler: &Reconciler) -> anyhow::Result<bool> {
    let mut retries = 0;
    let mut look = tokio::time::interval(LEASE_LOOK);
    loop {
        match step(reconciler, &mut look).await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => retries = 0,
            Err(error) if error.is_contention() && retries < MOST_RETRIES => retries += 1,
            Err(error) => return Err(error).classed(),
        }
    }
}

/// One transaction; whether the work is done, once there is none.
async fn step(reconciler: &Reconciler, look: &mut Interval) -> Result<Option<bool>, StoreError> {
    let mut summary = Summary::default();
    match reconciler.advance().await? {
        LoadStage::Keep => Ok(Some(false)),
        LoadStage::Attach | LoadStage::Facts | LoadStage::Merge => {
            reconciler.load_slice(&mut summary).await?;
            Ok(None)
        }
        LoadStage::Match => {
            if reconciler.match_step(MATCHER, &mut summary).await?.stands_by {
                look.tick().await;
            }
            Ok(None)
        }
        LoadStage::Live => Ok((reconciler.merge_due(&mut summary).await? == 0).then_some(true)),
    }
}

async fn topics(config: &reconciler::Config, earlier: &[String]) -> anyhow::Result<Taken> {
    alone(&registry_pool(&config.registry)?).await?;
    let reconciler = reconciler::open_alone(config, SystemClock.business_date()).await?;
    let schemas = SchemaRegistry::new(&config.schema_registry);
    let taken = match reconciler.take_over(&config.kafka, &schemas, earlier).await {
        Ok(taken) => taken,
        Err(TakeOverError::Store(error)) => return Err(error).classed(),
        Err(TakeOverError::Topic(error)) => return Err(error).classed(),
        Err(error @ (TakeOverError::NotEmpty | TakeOverError::Message { .. })) => {
            return Err(error)
                .context("nothing was taken over; make a new database for it (`dansync migrate registry`)");
        }
    };
    let PresentTaken { days, rules, unknown, assumed } = taken.present;
    Ok(Taken {
        version: 1,
        days,
        rules,
        rules_unknown: unknown,
        rules_assumed: assumed,
        links: taken.links,
        persons: taken.persons,
        matcher_sweeps: config.matching.is_some(),
    })
}

/// What was made anew.
#[derive(Debug, Serialize)]
struct Rebuilt {
    version: u32,
    record_versions: u64,
    records: u64,
    state_hash: String,
    persons_live: i64,
    persons_merged: i64,
    cases_open: i64,
}

impl Rebuilt {
    fn of(read: reconciler::Rebuilt, state: &RegistryState) -> Self {
        Self {
            version: 1,
            record_versions: read.versions,
            records: read.records,
            state_hash: state.hash.to_string(),
            persons_live: state.counts.persons_live,
            persons_merged: state.counts.persons_merged,
            cases_open: state.counts.cases_open,
        }
    }
}

impl Answer for Rebuilt {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { record_versions, records, persons_live, persons_merged, cases_open, .. } = self;
        writeln!(out, "{}", self.state_hash)?;
        writeln!(out, "{record_versions} versions of {records} records were read")?;
        writeln!(out, "{persons_live} persons, {persons_merged} merged ids, {cases_open} open cases")
    }
}

/// What was taken over from the registry's topics.
#[derive(Debug, Serialize)]
struct Taken {
    version: u32,
    /// Messages that opened a day, each with the log's time.
    days: u64,
    /// Messages that put a rule set in force.
    rules: u64,
    /// Rule sets among them that no file gave.
    rules_unknown: BTreeSet<String>,
    /// The rule set that all begins with, where the log does not say which it was.
    rules_assumed: Option<String>,
    links: u64,
    persons: u64,
    /// Whether links by score, which are on no topic, are decided anew by the reconcilers.
    matcher_sweeps: bool,
}

impl Answer for Taken {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { days, rules, links, persons, .. } = self;
        writeln!(
            out,
            "{days} messages that opened a day and {rules} about rule sets are taken over, with their times"
        )?;
        for unknown in &self.rules_unknown {
            writeln!(
                out,
                "rule set {unknown} was in force, and no file says what it said: the one before it stands for its time; \
                 with its file (--rules) begin again on a new database"
            )?;
        }
        if let Some(assumed) = &self.rules_assumed {
            writeln!(
                out,
                "the log does not say with which rules all began: {assumed} is taken; if it was another one, \
                 begin again on a new database with its file (--rules)"
            )?;
        }
        writeln!(out, "{links} messages about ids and {persons} about persons are taken over")?;
        writeln!(out, "start the reconcilers: they read the sources' topics from the beginning")?;
        if self.matcher_sweeps {
            writeln!(
                out,
                "links by score are on no topic: in the first load the matcher decides them anew; which of them stood \
                 before now is not known any more"
            )?;
        }
        Ok(())
    }
}
