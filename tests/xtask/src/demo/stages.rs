//! The demo's stages, each told before it begins.

use super::{Demo, Options};
use acceptance::life::LifeStream;
use acceptance::pipeline::{self, ConsoleUser, Deployment, DeploymentOptions, Summary};
use acceptance::population::{self, Plan, Rates, SourceDatabases};
use acceptance::stack::{Stack, StackOptions, secret};
use anyhow::Context;
use chrono::{FixedOffset, NaiveDate, Utc};
use prerequisites::say;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Vietnam keeps UTC+7 all year.
const VIETNAM: i32 = 7 * 3600;

/// The day in Vietnam.
pub(crate) fn today() -> NaiveDate {
    FixedOffset::east_opt(VIETNAM)
        .map_or_else(|| Utc::now().date_naive(), |zone| Utc::now().with_timezone(&zone).date_naive())
}

/// Seconds of each stage.
pub(super) struct Stopwatch {
    last: Instant,
    laps: BTreeMap<String, f64>,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { last: Instant::now(), laps: BTreeMap::new() }
    }

    pub(super) fn lap(&mut self, stage: &str) {
        self.laps.insert(stage.to_owned(), (self.last.elapsed().as_secs_f64() * 10.0).round() / 10.0);
        self.last = Instant::now();
    }

    pub(super) fn seconds(&self) -> BTreeMap<String, f64> {
        self.laps.clone()
    }
}

/// Ctrl-C, or a request to end.
pub(super) struct Interrupt(Signal, Signal);

impl Interrupt {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    pub(super) async fn pressed(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Removes what an earlier run left: the stack's folders and ours, nothing else.
pub(crate) fn reset(state: &Path) -> anyhow::Result<()> {
    Stack::reset(state)?;
    for folder in ["services", "log"] {
        let path = state.join(folder);
        if path.is_dir() {
            std::fs::remove_dir_all(&path)
                .with_context(|| format!("{} could not be removed", path.display()))?;
        }
    }
    forget_addresses(state);
    Ok(())
}

/// The addresses are those of a running demo only.
pub(super) fn forget_addresses(state: &Path) {
    // Gone already is as good.
    std::fs::remove_file(state.join("addresses.json")).ok();
}

pub(super) async fn start(options: &Options, state: &Path, watch: &mut Stopwatch) -> anyhow::Result<Demo> {
    say("starting Kafka, Apicurio and three PostgreSQL clusters");
    let stack_options = options.stack.as_deref().map(StackOptions::load).transpose()?.unwrap_or_default();
    let stack = Stack::start(state, &stack_options).await?;
    watch.lap("stack");
    say("preparing databases, roles, agreements and keys");
    let deployment_options = DeploymentOptions {
        suffix: String::new(),
        topic_prefix: "dansync.".to_owned(),
        dir: state.to_owned(),
    };
    let mut deployment = Deployment::prepare(&stack, deployment_options).await?;
    let databases = deployment.source_databases().await?;
    if deployment.agencies.new {
        fill(options, &databases).await?;
    }
    watch.lap("fill");
    say("starting the services");
    deployment.start().await?;
    watch.lap("services");
    let users = deployment.console_users().await?;
    let topics = deployment.topics(&stack);
    let addresses = pipeline::addresses(&stack, &deployment, &topics, &users)?;
    secret::write_private(&state.join("addresses.json"), &serde_json::to_string_pretty(&addresses)?)?;
    tell(&stack, &deployment, &topics, &users);
    Ok(Demo { stack, deployment, databases })
}

async fn fill(options: &Options, databases: &SourceDatabases) -> anyhow::Result<()> {
    say(format_args!(
        "filling the source databases: {} synthetic citizens, seed {}",
        options.people, options.seed
    ));
    let plan = Plan { people: options.people, seed: options.seed, today: today(), rates: Rates::default() };
    let population = population::generate(&plan);
    population::load(&population, databases).await?;
    for source in population::SOURCES {
        let expected = population.expected(source);
        say(format_args!(
            "  {source:<13} {:>8} rows, {} of them unreadable",
            expected.rows, expected.quarantined
        ));
    }
    Ok(())
}

fn tell(stack: &Stack, deployment: &Deployment, topics: &BTreeMap<String, String>, users: &[ConsoleUser]) {
    say("where to look, ready to paste:");
    for line in pipeline::where_to_look(stack, deployment, topics, users) {
        say(format_args!("  {line}"));
    }
    say("  the same for programs: addresses.json in the state folder");
}

/// Lets life go on at a rate: so many changes, or for ever.
pub(super) async fn changes(life: &mut LifeStream, count: Option<u64>, rate: f64) -> anyhow::Result<()> {
    let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / rate.clamp(0.01, 10_000.0)));
    let mut made = 0;
    while count.is_none_or(|count| made < count) {
        turns.tick().await;
        life.next().await?;
        made += 1;
    }
    Ok(())
}

/// The account on the screen.
pub(super) fn print(summary: &Summary) {
    say("");
    say(format_args!("{:<16}{:>10}{:>10}{:>13}{:>10}", "source", "rows", "mapped", "quarantined", "records"));
    for (name, s) in &summary.sources {
        say(format_args!(
            "{name:<16}{:>10}{:>10}{:>13}{:>10}",
            s.rows, s.rows_mapped, s.rows_quarantined, s.records
        ));
    }
    let r = &summary.registry;
    say("");
    say(format_args!(
        "registry        applied {}, no change {}, duplicate {}, stale {}, quarantined {}",
        r.applied, r.no_change, r.duplicate, r.stale, r.quarantined
    ));
    say(format_args!(
        "                persons {}, merged ids {}, open cases {}",
        r.persons_live, r.persons_merged, r.cases_open
    ));
    say(format_args!("                state {}", r.state_hash));
    say("");
    say(format_args!(
        "{:<16}{:>11}{:>9}{:>12}{:>11}{:>12}{:>11}",
        "agreement", "population", "held", "authorised", "delivered", "superseded", "withdrawn"
    ));
    for (name, a) in &summary.agreements {
        say(format_args!(
            "{name:<16}{:>11}{:>9}{:>12}{:>11}{:>12}{:>11}",
            a.population, a.held, a.authorised, a.delivered, a.superseded, a.withdrawn
        ));
    }
    let stages: Vec<String> = summary.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1} s")).collect();
    say("");
    say(format_args!("took            {}", stages.join(", ")));
    for difference in &summary.differences {
        say(format_args!("DIFFERENCE      {difference}"));
    }
    say(if summary.adds_up { "it adds up" } else { "it does not add up" });
}
