//! `cargo xtask load`: what the pipeline carries on this machine, each figure beside its baseline from the same run.

mod capture;
mod end_to_end;
mod floor;
mod generator;
mod latency;
mod machine;
mod merge;
mod process;
mod report;
mod subjects;
mod trail;
mod world;

use acceptance::pipeline;
use anyhow::Context;
use clap::{Args, ValueEnum};
use prerequisites::say;
use report::{Metric, Report};
use std::path::PathBuf;
use std::process::ExitCode;
use world::World;

/// `cargo xtask load`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// What is measured
    what: Load,
    /// Rows of a snapshot and of a backlog (capture), records (merge)
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How long each rate lasts (end-to-end)
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Changes a second, one run after another (end-to-end)
    #[arg(long, value_delimiter = ',', default_values_t = [100_u32, 500])]
    rates: Vec<u32>,
    /// Citizens who are there before (end-to-end, merge, match, rebuild)
    #[arg(long, default_value_t = 20_000)]
    people: usize,
    /// Changes of life merged as a backlog (merge)
    #[arg(long, default_value_t = 10_000)]
    changes: u64,
    /// A script that prints an independent floor; by default the one beside the working tree, if there is one (merge)
    #[arg(long, value_name = "FILE")]
    floor: Option<PathBuf>,
    /// The same seed gives the same citizens and the same changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the run's data and logs; what an earlier run left in it is removed
    #[arg(long, value_name = "DIR", default_value = ".dansync/load")]
    state: PathBuf,
    /// Write the report here, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Snapshot and backlog of a source, beside `pg_recvlogical` on the same slot's backlog
    Capture,
    /// Records merged, beside the same writes as bare SQL on the same cluster
    Merge,
    /// Records without a number linked, among so many citizens
    Match,
    /// A registry made anew from its versions and from its topics, and rules rehearsed, beside its first load
    Rebuild,
    /// From the commit at a source to the commit at a sector, at a steady rate
    EndToEnd,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Merge => "merge",
            Self::Match => "match",
            Self::Rebuild => "rebuild",
            Self::EndToEnd => "end-to-end",
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut world = Box::pin(World::start(&options)).await?;
    let measured = measure(&mut world, &options).await;
    let stopped = world.stop().await;
    let metrics = measured?;
    stopped?;
    let report = Report { name: options.what.name().to_owned(), machine: machine::describe(), metrics };
    for line in report.lines() {
        say(line);
    }
    if let Some(file) = &options.json {
        pipeline::write_whole(file, &serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("{} could not be written", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    match options.what {
        Load::Capture => Box::pin(capture::run(world, options)).await,
        Load::Merge => Box::pin(merge::run(world, options)).await,
        Load::Match => Box::pin(merge::run_matching(world, options)).await,
        Load::Rebuild => Box::pin(merge::run_rebuild(world, options)).await,
        Load::EndToEnd => Box::pin(end_to_end::run(world, options)).await,
    }
}
