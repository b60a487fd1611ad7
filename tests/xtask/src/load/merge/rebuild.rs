//! A registry made anew from what it kept, and from its topics; new rules rehearsed: each beside the first load of the same
//! records in the same run.

use super::super::world::World;
use super::course::Course;
use super::topics;
use crate::load::report::Metric;
use acceptance::pipeline::{self, Instance};
use anyhow::{Context, ensure};
use prerequisites::say;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

impl Course {
    /// From the empty registry to all merged; then everything derived thrown away and made anew.
    pub(super) async fn rebuilt(&mut self, world: &World, records: u64) -> anyhow::Result<()> {
        let load = self.reconcile(i64::try_from(records)?).await?;
        let hash = self.ask(&["registry", "hash"]).await?.1;
        let persons = hash["persons_live"].as_u64().context("persons")?;
        let [by_records, by_persons] = [records, persons].map(|count| Rate { count, took: load.merged });
        say(format_args!("first load: {by_records}, {persons} persons"));
        self.metrics.push(Metric::new("rebuild.first_load", "records/s", by_records.a_second()));

        let (took, rebuilt) = self.ask(&["registry", "rebuild", "versions"]).await?;
        ensure!(rebuilt["state_hash"] == hash["state_hash"], "another state: {rebuilt} instead of {hash}");
        let versions = rebuilt["record_versions"].as_u64().context("versions")?;
        self.beside("rebuild.versions", "records/s", Rate { count: versions, took }, by_records);

        let catalogue = pipeline::project().join("schemas/field-catalogue.toml");
        let catalogue = catalogue.to_str().context("a path in UTF-8")?;
        let (took, report) = self.ask(&["rules", "rehearse", "--catalogue", catalogue]).await?;
        ensure!(report["persons_changed"] == 0, "the rules in force change nobody: {report}");
        let count = report["persons"].as_u64().context("persons")?;
        self.beside("rules.rehearse", "persons/s", Rate { count, took }, by_persons);

        let now = chrono::Utc::now().to_rfc3339();
        let (took, _) = self.ask(&["registry", "hash", "--as-known", &now]).await?;
        self.beside("registry.hash_as_known", "persons/s", Rate { count: persons, took }, by_persons);
        self.from_topics(world, records, by_records).await
    }

    /// Another registry takes over what this one published, and reads the sources' topics.
    async fn from_topics(&mut self, world: &World, records: u64, load: Rate) -> anyhow::Result<()> {
        self.deployment.launch_those(publishes).await?;
        let pool = self.deployment.registries.registry.administrator().await?;
        let published = topics::until_published(world, &pool).await;
        pool.close().await;
        self.deployment.stop().await?;
        say(format_args!("{} messages are in the registry's topics", published?));
        let mut other = Self::prepare(world, 2).await?;
        let (took, taken) = other.ask(&["registry", "rebuild", "topics"]).await?;
        let count = ["links", "persons"].iter().filter_map(|key| taken[*key].as_u64()).sum();
        let taken_over = Rate { count, took };
        say(format_args!("rebuild.topics.taken_over: {taken_over}"));
        self.metrics.push(Metric::new("rebuild.topics.taken_over", "messages/s", taken_over.a_second()));
        let again = other.reconcile(i64::try_from(records)?).await?;
        let whole = Rate { count: records, took: took + again.merged };
        self.beside("rebuild.topics", "records/s", whole, load);
        Ok(())
    }

    fn beside(&mut self, name: &str, unit: &'static str, measured: Rate, load: Rate) {
        say(format_args!("{name}: {measured}"));
        self.metrics.push(Metric::beside(name, unit, measured.a_second(), load.a_second()));
    }

    /// Runs a command on this registry; how long it took, and its answer.
    async fn ask(&self, words: &[&str]) -> anyhow::Result<(Duration, Value)> {
        let reconciler = self.deployment.instances.iter().find(|one| one.service == "reconciler");
        let file = reconciler.context("a reconciler's configuration")?.file.clone();
        let binary = self.deployment.binary.clone().context("the program")?;
        let mut command = command(&binary, words, &file);
        let began = Instant::now();
        let said = tokio::task::spawn_blocking(move || command.output()).await??;
        let took = began.elapsed();
        let error = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "{}: {error}", words.join(" "));
        Ok((took, serde_json::from_slice(&said.stdout)?))
    }
}

fn command(binary: &Path, words: &[&str], file: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(words).args(["-o", "json", "--config"]).arg(file);
    command
}

/// The adapter that publishes what the registry says.
fn publishes(instance: &Instance) -> bool {
    instance.service == "source-adapter" && instance.name == "registry"
}

/// So many in such a time.
#[derive(Debug, Clone, Copy)]
struct Rate {
    count: u64,
    took: Duration,
}

impl Rate {
    fn a_second(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of a load are far below 2^52")]
        let count = self.count as f64;
        count / self.took.as_secs_f64().max(1e-3)
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {:.1} s, {:.0} a second", self.count, self.took.as_secs_f64(), self.a_second())
    }
}
