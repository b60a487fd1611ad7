//! `dansync registry rebuild`: what is derived, made anew from what is kept.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use event_log::SchemaRegistry;
use reconciler::{LoadStage, Reconciler, StoreError, Summary, TakeOverError};
use registry_store::{RegistryState, registry_state, sessions_at_work};
use serde::Serialize;
use service_runtime::{Clock as _, SystemClock};
use sqlx::PgPool;
use tokio::time::Interval;

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
    /// A new registry from the topics: ids and last words first; start the reconcilers after it, which read the sources'
    /// topics from their beginning.
    #[command(after_help = "Example:
  dansync migrate registry --config owner.toml
  dansync registry rebuild topics --config /etc/dansync/reconciler.toml
  dansync run reconciler --config /etc/dansync/reconciler.toml")]
    Topics(Whole),
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
            Self::Topics(whole) => {
                let config: reconciler::Config = whole.file.load()?;
                let taken = executor::run(topics(&config))?;
                whole.output.show(&taken)
            }
        }
    }
}

/// Nobody else may be at work: what runs would go on with what it remembers.
async fn alone(pool: &PgPool) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await.classed()?;
    let others = sessions_at_work(&mut connection).await.classed()?;
    if others > 0 {
        bail!(
            "{others} other sessions of this role are at work on the registry; stop the reconcilers, then try again"
        );
    }
    Ok(())
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

async fn topics(config: &reconciler::Config) -> anyhow::Result<Taken> {
    alone(&registry_pool(&config.registry)?).await?;
    let reconciler = reconciler::open_alone(config, SystemClock.business_date()).await?;
    let schemas = SchemaRegistry::new(&config.schema_registry);
    let taken = match reconciler.take_over(&config.kafka, &schemas).await {
        Ok(taken) => taken,
        Err(TakeOverError::Store(error)) => return Err(error).classed(),
        Err(TakeOverError::Topic(error)) => return Err(error).classed(),
        Err(error @ (TakeOverError::NotEmpty | TakeOverError::Message { .. })) => {
            return Err(error)
                .context("nothing was taken over; make a new database for it (`dansync migrate registry`)");
        }
    };
    Ok(Taken { version: 1, links: taken.links, persons: taken.persons })
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
    links: u64,
    persons: u64,
}

impl Answer for Taken {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { links, persons, .. } = self;
        writeln!(out, "{links} messages about ids and {persons} about persons are taken over")?;
        writeln!(out, "start the reconcilers: they read the sources' topics from the beginning")
    }
}
