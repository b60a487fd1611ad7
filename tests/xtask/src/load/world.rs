//! A stack and a deployment for one load: made from nothing, with the settings as shipped, running the release binary.

use super::Options;
use crate::step::Step;
use acceptance::pipeline::{Deployment, DeploymentOptions};
use acceptance::population::{self, Community, Plan, Rates, SourceDatabases};
use acceptance::stack::{Stack, StackOptions};
use anyhow::Context;
use prerequisites::say;
use sqlx::Connection as _;
use std::path::{Path, PathBuf};

/// What a load works on.
#[derive(Debug)]
pub(super) struct World {
    pub(super) stack: Stack,
    /// Prepared; nothing of it runs until the load starts it.
    pub(super) deployment: Deployment,
    /// The agencies' databases with the agencies' own rights.
    pub(super) databases: SourceDatabases,
}

impl World {
    pub(super) async fn start(options: &Options) -> anyhow::Result<Self> {
        let binary = build().await?;
        let dir = crate::demo::state_dir(&options.state)?;
        crate::demo::reset(&dir)?;
        say(format_args!("starting Kafka, Apicurio and three PostgreSQL clusters in {}", dir.display()));
        let stack = Stack::start(&dir, &StackOptions::default()).await?;
        match prepare(&stack, &dir, binary).await {
            Ok((deployment, databases)) => Ok(Self { stack, deployment, databases }),
            Err(error) => {
                stack.stop().await.ok();
                Err(error)
            }
        }
    }

    /// Fills the source databases with synthetic citizens; answers with who they are.
    pub(super) async fn fill(&self, options: &Options) -> anyhow::Result<Community> {
        say(format_args!("{} synthetic citizens, seed {}", options.people, options.seed));
        let today = crate::demo::today();
        let plan = Plan { people: options.people, seed: options.seed, today, rates: Rates::default() };
        let population = population::generate(&plan);
        population::load(&population, &self.databases).await?;
        Ok(population.community)
    }

    /// Lets the clusters note when each transaction committed. They start anew for it; no service may run yet.
    pub(super) async fn note_commit_times(&self) -> anyhow::Result<()> {
        for cluster in self.stack.clusters() {
            let mut administrator = cluster.administer("postgres").await?;
            sqlx::raw_sql("alter system set track_commit_timestamp = on").execute(&mut administrator).await?;
            administrator.close().await?;
            cluster.restart().await?;
        }
        Ok(())
    }

    /// Ends everything in order, all of it even where one part fails.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let stopped = self.deployment.stop().await;
        let ended = self.stack.stop().await;
        stopped.and(ended)
    }
}

async fn prepare(
    stack: &Stack,
    dir: &Path,
    binary: PathBuf,
) -> anyhow::Result<(Deployment, SourceDatabases)> {
    let (suffix, topic_prefix) = (String::new(), "dansync.".to_owned());
    let options = DeploymentOptions { suffix, topic_prefix, dir: dir.to_owned() };
    let mut deployment = Deployment::prepare(stack, options).await?;
    deployment.binary = Some(binary);
    let databases = deployment.source_databases().await?;
    Ok((deployment, databases))
}

/// The services as they are shipped, not as they are debugged: built, and where cargo has put them.
async fn build() -> anyhow::Result<PathBuf> {
    let outcome = Step::cargo("build", "build --release --package dansync").run().await?;
    anyhow::ensure!(outcome.passed, "the services do not build");
    let own = std::env::current_exe().context("the running program has no path")?;
    let mut folders = own.ancestors().skip(2).map(|target| target.join("release/dansync"));
    folders.find(|file| file.is_file()).context("the release binary is not where cargo puts it")
}
