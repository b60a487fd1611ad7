//! `cargo xtask demo`: synthetic citizens from four source databases through Kafka into the registry and out to three sectors.

mod options;
mod progress;
mod stages;

pub(crate) use options::{Options, state_dir};
pub(crate) use stages::{reset, today};

use crate::step::Step;
use acceptance::life::LifeStream;
use acceptance::pipeline::{self, Deployment, Summary};
use acceptance::population::SourceDatabases;
use acceptance::stack::Stack;
use anyhow::Context;
use prerequisites::say;
use progress::Progress;
use stages::Stopwatch;
use std::process::ExitCode;
use std::time::Duration;

/// The longest wait for the first load of a large population.
const LOAD_WITHIN: Duration = Duration::from_hours(1);
/// The longest wait for the last change to arrive.
const DRAIN_WITHIN: Duration = Duration::from_mins(10);

/// A running demo.
pub(crate) struct Demo {
    pub(crate) stack: Stack,
    pub(crate) deployment: Deployment,
    pub(crate) databases: SourceDatabases,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut watch = Stopwatch::start();
    let state = options.state_dir()?;
    if options.reset {
        say(format_args!("removing what an earlier run left in {}", state.display()));
        stages::reset(&state)?;
    }
    build().await?;
    watch.lap("build");
    let mut interrupt = stages::Interrupt::listen()?;
    let demo = tokio::select! {
        demo = stages::start(&options, &state, &mut watch) => demo?,
        () = interrupt.pressed() => anyhow::bail!("interrupted while starting; run the command again to go on"),
    };
    finish(demo, &options, watch, &mut interrupt).await
}

/// The services' binary, built with its output on the screen; with the whole workspace, whose features are those that the
/// dependencies were compiled with for this program.
async fn build() -> anyhow::Result<()> {
    let outcome = Step::cargo("build", "build --workspace").run().await?;
    anyhow::ensure!(outcome.passed, "the services do not build");
    Ok(())
}

async fn finish(
    mut demo: Demo,
    options: &Options,
    mut watch: Stopwatch,
    interrupt: &mut stages::Interrupt,
) -> anyhow::Result<ExitCode> {
    let progress = Progress::open(&demo.deployment).await?;
    let account = live(&demo, options, &mut watch, &progress, interrupt).await;
    say("draining and stopping the services");
    let stopped = demo.deployment.stop().await;
    stages::forget_addresses(&options.state_dir()?);
    watch.lap("stop");
    let ended = demo.stack.stop().await;
    let mut summary: Summary = account?;
    stopped.and(ended)?;
    summary.seed = options.seed;
    summary.seconds = watch.seconds();
    stages::print(&summary);
    if let Some(file) = &options.json {
        pipeline::write_whole(file, &serde_json::to_string_pretty(&summary)?)
            .with_context(|| format!("{} could not be written", file.display()))?;
    }
    Ok(if summary.adds_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// First load, live changes, the closing account.
async fn live(
    demo: &Demo,
    options: &Options,
    watch: &mut Stopwatch,
    progress: &Progress,
    interrupt: &mut stages::Interrupt,
) -> anyhow::Result<Summary> {
    tokio::select! {
        done = progress.until_settled(LOAD_WITHIN) => done?,
        () = interrupt.pressed() => say("interrupted: no live changes; adding up what there is"),
    }
    watch.lap("first_load");
    let today = stages::today();
    let mut life = LifeStream::open(demo.databases.clone(), options.seed, today).await?;
    let goes_on = if options.until_drained { Some(options.changes) } else { None };
    say(match goes_on {
        Some(n) => format!("live changes: {n} at {} a second", options.rate),
        None => format!("live changes: {} a second, until Ctrl-C", options.rate),
    });
    tokio::select! {
        made = stages::changes(&mut life, goes_on, options.rate) => made?,
        never = progress.forever() => match never {},
        () = interrupt.pressed() => say("Ctrl-C: letting the last changes arrive"),
    }
    life.settle().await?;
    watch.lap("live");
    let summary = tokio::select! {
        summary = pipeline::audit(&demo.stack, &demo.deployment, DRAIN_WITHIN) => summary,
        never = progress.forever() => match never {},
    };
    watch.lap("drain");
    summary
}
