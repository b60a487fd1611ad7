//! One registry from its first load to the last of life's changes, timed, with its baseline.

use super::super::report::Metric;
use super::super::world::World;
use super::bare::Bare;
use acceptance::pipeline::{Deployment, DeploymentOptions};
use anyhow::ensure;
use prerequisites::say;
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How often the registry is asked how far it is.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// The longest wait for it.
pub(super) const WITHIN: Duration = Duration::from_hours(1);

/// A registry of its own, and so many reconcilers.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) deployment: Deployment,
    instances: usize,
    pub(super) metrics: Vec<Metric>,
}

/// How far a registry is.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Progress {
    claims: i64,
    records: i64,
    stage: String,
    due: i64,
}

/// When what was reached, from the moment in which the partitions were claimed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Laps {
    kept: Duration,
    /// Of it what the matcher took.
    matching: Duration,
    pub(super) merged: Duration,
}

impl Course {
    pub(super) async fn prepare(world: &World, instances: usize) -> anyhow::Result<Self> {
        let suffix = format!("_load_{instances}");
        let database = format!("registry{suffix}");
        world.stack.registry.drop_database(&database).await?;
        let dir = world.stack.dir().join(format!("reconcilers-{instances}"));
        let topic_prefix = world.deployment.options.topic_prefix.clone();
        let options = DeploymentOptions { suffix, topic_prefix, dir };
        let mut deployment = Deployment::prepare(&world.stack, options).await?;
        deployment.binary.clone_from(&world.deployment.binary);
        Ok(Self { deployment, instances, metrics: Vec::new() })
    }

    pub(super) fn into_metrics(self) -> Vec<Metric> {
        self.metrics
    }

    /// From the empty registry until all are merged; then the same rows as bare SQL.
    pub(super) async fn first_load(&mut self, records: u64) -> anyhow::Result<()> {
        let laps = self.reconcile(i64::try_from(records)?).await?;
        let registry = &self.deployment.registries.registry;
        let bare = Bare::fork(registry, "bare").await?;
        let floor = bare.refill(transactions(records), self.instances).await?;
        bare.end().await?;
        self.note("first_load", records, laps.merged.saturating_sub(laps.matching), Some(floor));
        self.note("first_load.kept", records, laps.kept, None);
        self.note("first_load.with_matching", records, laps.merged, None);
        Ok(())
    }

    /// Life's changes, which have come meanwhile; then the same changes of rows as bare SQL.
    pub(super) async fn changes(&mut self, records: u64, new: u64) -> anyhow::Result<()> {
        let registry = self.deployment.registries.registry.clone();
        let bare = Bare::fork(&registry, "before").await?;
        let since = bare.mark(&registry).await?;
        let laps = self.reconcile(i64::try_from(records)?).await?;
        bare.take_over(&registry, since).await?;
        let floor = bare.apply(transactions(new), self.instances).await?;
        bare.end().await?;
        self.note("changes", new, laps.merged, Some(floor));
        Ok(())
    }

    fn note(&mut self, what: &str, records: u64, took: Duration, floor: Option<Duration>) {
        let name = format!("merge.{what}.{}_instances", self.instances);
        #[expect(clippy::cast_precision_loss, reason = "counts of a load are far below 2^52")]
        let rate = |time: Duration| records as f64 / time.as_secs_f64();
        let bare = floor.map(|floor| format!(", bare SQL {:.1} s", floor.as_secs_f64())).unwrap_or_default();
        say(format_args!("{name}: {records} records in {:.1} s{bare}", took.as_secs_f64()));
        self.metrics.push(match floor {
            Some(floor) => Metric::beside(name, "records/s", rate(took), rate(floor)),
            None => Metric::new(name, "records/s", rate(took)),
        });
    }

    /// Starts the reconcilers and waits until so many records are merged and nobody is due.
    pub(super) async fn reconcile(&mut self, records: i64) -> anyhow::Result<Laps> {
        let pool = self.deployment.registries.registry.administrator().await?;
        sqlx::query("checkpoint").execute(&pool).await?;
        let before = look(&pool).await?;
        let instances = self.instances.to_string();
        let starting = self
            .deployment
            .launch_those(|one| one.service == "reconciler" && one.name.as_str() <= instances.as_str());
        let done = tokio::try_join!(starting, watch(&pool, &before, records));
        let stopped = self.deployment.stop().await;
        pool.close().await;
        let ((), laps) = done?;
        stopped?;
        Ok(laps)
    }
}

fn transactions(records: u64) -> i64 {
    i64::try_from(records.div_ceil(super::BATCH)).unwrap_or(i64::MAX)
}

pub(super) async fn look(pool: &PgPool) -> anyhow::Result<Progress> {
    let progress = sqlx::query_as(
        "select coalesce(sum(owner_epoch), 0)::bigint as claims,
           coalesce(sum(applied + no_change + duplicate + stale + quarantined), 0)::bigint as records,
           (select stage from load_state) as stage,
           (select count(*) from due d, business_day b where d.on_date <= b.date) as due
         from consumer_position",
    )
    .fetch_one(pool)
    .await?;
    Ok(progress)
}

pub(super) async fn watch(pool: &PgPool, before: &Progress, records: i64) -> anyhow::Result<Laps> {
    let deadline = Instant::now() + WITHIN;
    let mut turns = tokio::time::interval(LOOK);
    let mut laps = Laps::default();
    let mut began = None;
    let mut last = before.clone();
    loop {
        turns.tick().await;
        let now = look(pool).await?;
        if now.claims == before.claims {
            ensure!(Instant::now() < deadline, "no partition was claimed within {WITHIN:?}");
            continue;
        }
        let began = *began.get_or_insert_with(Instant::now);
        if now.records == records && last.records != records {
            laps.kept = began.elapsed();
        }
        if now.stage != last.stage {
            if now.stage == "match" {
                laps.matching = began.elapsed();
            } else if last.stage == "match" {
                laps.matching = began.elapsed().saturating_sub(laps.matching);
            }
            say(format_args!("  {:>6.1} s: {}", began.elapsed().as_secs_f64(), now.stage));
        }
        if now.records == records && now.stage == "live" && now.due == 0 {
            laps.merged = began.elapsed();
            return Ok(laps);
        }
        ensure!(Instant::now() < deadline, "{} of {records} records after {WITHIN:?}", now.records);
        last = now;
    }
}
