//! Starts the parts of a reconciler and waits for the drain.

use crate::apply::Summary;
use crate::config::{BatchConfig, Config};
use crate::figures::{FigureMetrics, show_figures};
use crate::giving_way::LogActivity;
use crate::matcher_standing::{MatcherSigns, show_matcher};
use crate::metrics::ReconcilerMetrics;
use crate::reconciler::{Reconciler, Settings};
use crate::reporter::Reporters;
use crate::{consume, day, matcher};
use anyhow::{Context as _, anyhow};
use event_log::{Admin, KafkaConfig, SchemaRegistry, TopicSpec};
use registry_rules::FEEDBACK;
use registry_store::{LoadStage, StoreError, fingerprint_key, record_counts};
use secrecy::ExposeSecret as _;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::{Clock, DatabaseConfig, Drain, ExitClass, Readiness, Running, Runtime};
use sqlx::postgres::{PgConnectOptions, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How often the registry is asked for what is due without anybody having said so: other instances' work, dates.
const LOOK: Duration = Duration::from_millis(500);
/// The same while the first load's slices are under way.
const LOAD_LOOK: Duration = Duration::from_millis(50);
/// Those who work off what waits, and whether each stays after the first load. Its slices touch nobody else's, so two take
/// them: one computes while the other's statements run. Later they would stand in each other's way.
const WORKERS: [(&str, bool); 2] = [("due", true), ("load", false)];
/// How often persons are counted for the metrics.
const COUNT: Duration = Duration::from_secs(15);

/// What all parts share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) kafka: Arc<KafkaConfig>,
    pub(crate) schemas: SchemaRegistry,
    pub(crate) source_of_topic: Arc<BTreeMap<String, Arc<str>>>,
    pub(crate) group: String,
    pub(crate) instance: String,
    pub(crate) batch: BatchConfig,
    /// Something is due.
    pub(crate) wake: Arc<Notify>,
    /// The first load has got on.
    pub(crate) loaded: Arc<Notify>,
    /// Whether what is read from the log is being applied, after the first load.
    pub(crate) log: Arc<LogActivity>,
    pub(crate) metrics: ReconcilerMetrics,
    pub(crate) figures: FigureMetrics,
    /// Who may report errors in what.
    pub(crate) reporters: Arc<Reporters>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    pub(crate) readiness: Readiness,
}

impl Shared {
    /// Runs a transaction until it succeeds: at once after losing against another one, with patience while the database
    /// is away. None if the drain came first.
    pub(crate) async fn steadily<T, F>(&self, mut transaction: impl FnMut() -> F) -> anyhow::Result<Option<T>>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let ready = self.readiness.check("registry");
        let mut contention = Backoff::new(Policy { max_attempts: None, ..Policy::CONTENTION });
        let mut absence = Backoff::new(Policy::DEPENDENCY);
        loop {
            let error = match transaction().await {
                Ok(value) => {
                    ready.set(true);
                    return Ok(Some(value));
                }
                Err(error) => error,
            };
            let goes_on = if error.is_contention() {
                self.metrics.retried();
                contention.wait(&self.drain).await
            } else if error.is_unavailable() {
                ready.set(false);
                tracing::warn!(%error, "the registry is away; trying again");
                absence.wait(&self.drain).await
            } else {
                return Err(anyhow::Error::new(error));
            };
            if !goes_on {
                return Ok(None);
            }
        }
    }

    pub(crate) fn source_of(&self, topic: &str) -> String {
        self.source_of_topic
            .get(topic)
            .map_or_else(|| "control".to_owned(), |source| source.as_ref().to_owned())
    }
}

/// Runs a reconciler until the drain; returns when everything under way has ended.
pub fn run(config: Config, runtime: Runtime) -> Running {
    Box::pin(serve(config, runtime))
}

async fn serve(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let catalogue = std::fs::read_to_string(&config.catalogue)
        .with_context(|| format!("catalogue: {} cannot be read", config.catalogue.display()))
        .context(ExitClass::Configuration)?;
    // Known from the start, so that nobody sees an instance ready that has not begun.
    for part in ["log", "registry"] {
        runtime.readiness.check(part);
    }
    let partitions = make_topics(&config, &runtime.drain).await?;
    let Some(partitions) = partitions else { return Ok(()) };
    let shared = open(config, &runtime, partitions, &catalogue).await?;
    let Some(shared) = shared else { return Ok(()) };
    let policy = Policy::DEPENDENCY;
    let part = shared.clone();
    runtime.tasks.spawn_restarting("consume", policy, move || consume::consume(part.clone()));
    for (name, stays) in WORKERS {
        let part = shared.clone();
        runtime.tasks.spawn_restarting(name, policy, move || work_off(part.clone(), stays));
    }
    let part = shared.clone();
    runtime.tasks.spawn_restarting("match", policy, move || matcher::task::match_records(part.clone()));
    let part = shared.clone();
    runtime.tasks.spawn_restarting("day", policy, move || day::open_days(part.clone()));
    let part = shared.clone();
    runtime.tasks.spawn_restarting("figures", policy, move || show_figures(part.clone()));
    let signs = MatcherSigns::new(&runtime.metrics, runtime.readiness.detail("matcher"));
    let part = shared.clone();
    runtime
        .tasks
        .spawn_restarting("matcher_standing", policy, move || show_matcher(part.clone(), signs.clone()));
    runtime.tasks.spawn_restarting("count", policy, move || count(shared.clone()));
    runtime.tasks.join().await
}

/// Makes missing topics; answers with the partitions of each source's. None if the drain came first.
async fn make_topics(config: &Config, drain: &Drain) -> anyhow::Result<Option<BTreeMap<String, i32>>> {
    let topics = config.kafka.topics();
    let mut specs: Vec<TopicSpec> =
        config.sources.iter().map(|source| TopicSpec::state(topics.source(source))).collect();
    specs.push(TopicSpec::history(topics.feedback()));
    specs.push(TopicSpec::control(topics.control()));
    let admin = Admin::open(&config.kafka)?;
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    while let Err(error) = admin.ensure(&specs).await {
        tracing::warn!(%error, "the topics cannot be made; trying again");
        if !backoff.wait(drain).await {
            return Ok(None);
        }
    }
    let mut partitions = BTreeMap::new();
    for source in &config.sources {
        let count = admin.partition_count(&topics.source(source)).await?;
        partitions.insert(source.clone(), i32::try_from(count)?);
    }
    Ok(Some(partitions))
}

async fn open(
    config: Config,
    runtime: &Runtime,
    partitions: BTreeMap<String, i32>,
    catalogue: &str,
) -> anyhow::Result<Option<Shared>> {
    let pool =
        registry_store::connect(config.registry.url().expose_secret(), config.registry.max_connections)
            .map_err(|_| anyhow!("registry.dsn is not a PostgreSQL URL: postgres://role@host:port/database"))
            .context(ExitClass::Configuration)?;
    let disclosure = config.reporters.as_ref().map(disclosure_pool).transpose()?;
    let topics = config.kafka.topics();
    let group = format!("{}reconciler", config.kafka.topic_prefix);
    let sources = config.sources.iter();
    let mut source_of_topic: BTreeMap<String, Arc<str>> =
        sources.map(|source| (topics.source(source).as_ref().to_owned(), source.as_str().into())).collect();
    source_of_topic.insert(topics.feedback().as_ref().to_owned(), FEEDBACK.into());
    let read: Vec<String> = source_of_topic.values().map(|source| source.as_ref().to_owned()).collect();
    let settings = Settings {
        group: group.clone(),
        sources: partitions,
        topics,
        key: fingerprint_key(config.fingerprint_key_file.secret().expose_secret()),
        matching: config.match_model()?,
    };
    let today = runtime.clock.business_date();
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    let reconciler = loop {
        match Reconciler::open(pool.clone(), settings.clone(), catalogue, today).await {
            Ok(reconciler) => break reconciler,
            Err(error) if error.is_unavailable() || error.is_contention() => {
                tracing::warn!(%error, "the registry is away; trying again");
                if !backoff.wait(&runtime.drain).await {
                    return Ok(None);
                }
            }
            Err(error) => {
                let way = "the registry has not this program's schema; run: dansync registry migrate";
                return Err(anyhow::Error::new(error).context(way).context(ExitClass::Configuration));
            }
        }
    };
    Ok(Some(Shared {
        pool,
        reconciler: Arc::new(reconciler),
        schemas: SchemaRegistry::new(&config.schema_registry),
        kafka: Arc::new(config.kafka),
        source_of_topic: Arc::new(source_of_topic),
        metrics: ReconcilerMetrics::new(&runtime.metrics, &read, &group),
        figures: FigureMetrics::new(&runtime.metrics),
        reporters: Arc::new(Reporters::new(disclosure)),
        group,
        instance: config.instance,
        batch: config.batch,
        wake: Arc::default(),
        loaded: Arc::default(),
        log: Arc::default(),
        clock: Arc::clone(&runtime.clock),
        drain: runtime.drain.clone(),
        readiness: runtime.readiness.clone(),
    }))
}

/// A pool for a database that need not answer yet. The driver's error may quote the URL, and with it the password.
fn disclosure_pool(config: &DatabaseConfig) -> anyhow::Result<PgPool> {
    let options: PgConnectOptions = config
        .url()
        .expose_secret()
        .parse()
        .map_err(|_| anyhow!("reporters.dsn is not a PostgreSQL URL: postgres://role@host:port/database"))
        .context(ExitClass::Configuration)?;
    Ok(disclosure_store::connect(options, config.max_connections))
}

/// Works off what waits in the registry: the first load, sweeps, whoever is due. Until the drain, or to the first load's end.
async fn work_off(shared: Shared, stays: bool) -> anyhow::Result<()> {
    let mut before = LoadStage::Keep;
    loop {
        let Some(stage) = shared.steadily(|| shared.reconciler.advance()).await? else { return Ok(()) };
        if stage != before {
            tracing::info!(stage = stage.as_str(), "the first load goes on");
            shared.loaded.notify_waiters();
            before = stage;
        }
        if stage == LoadStage::Live && !stays {
            return Ok(());
        }
        let began = Instant::now();
        let Some(worked) = step(&shared, stage).await? else { return Ok(()) };
        if worked {
            if stage == LoadStage::Live {
                shared.drain.unless_requested(shared.log.give_way(began.elapsed())).await;
            }
            continue;
        }
        let pause = if stage.takes_records() { LOOK } else { LOAD_LOOK };
        let waiting = tokio::time::timeout(pause, shared.wake.notified());
        if shared.drain.unless_requested(waiting).await.is_none() {
            return Ok(());
        }
    }
}

/// One transaction's worth of work; whether there was any.
async fn step(shared: &Shared, stage: LoadStage) -> anyhow::Result<Option<bool>> {
    if shared.drain.is_requested() {
        return Ok(None);
    }
    let outcome = shared
        .steadily(|| async {
            let mut summary = Summary::default();
            let worked = match stage {
                LoadStage::Attach | LoadStage::Facts | LoadStage::Merge => {
                    shared.reconciler.load_slice(&mut summary).await?
                }
                LoadStage::Keep => shared.reconciler.sweep(shared.clock.now(), &mut summary).await?,
                // The matcher's alone.
                LoadStage::Match => false,
                LoadStage::Live => {
                    shared.reconciler.merge_due(&mut summary).await? > 0
                        || shared.reconciler.sweep(shared.clock.now(), &mut summary).await?
                }
            };
            Ok((worked, summary))
        })
        .await?;
    Ok(outcome.map(|(worked, summary)| {
        shared.metrics.merged(&summary);
        worked
    }))
}

/// Shows how many persons there are.
async fn count(shared: Shared) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(COUNT);
    while shared.drain.unless_requested(look.tick()).await.is_some() {
        let Some(counts) = shared.steadily(|| record_counts(&shared.pool)).await? else { break };
        shared.metrics.persons(counts.persons_live, counts.persons_merged);
    }
    Ok(())
}
