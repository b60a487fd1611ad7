//! Starts the writer and waits for the drain.

use crate::bring;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::metrics::InboxMetrics;
use crate::positions::InboxPositions;
use crate::preconditions;
use crate::statements::Statements;
use anyhow::{Context as _, anyhow};
use event_log::{Admin, KafkaConfig, SchemaRegistry, TopicSpec};
use secrecy::ExposeSecret as _;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::{Clock, Drain, ExitClass, Readiness, Running, Runtime};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;

/// One that writes, one that claims.
const CONNECTIONS: u32 = 2;
/// A database that does not let us in by then is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A statement that takes longer waits for somebody at the office; it is tried again later.
const STATEMENT_TIMEOUT: (&str, &str) = ("statement_timeout", "10s");

/// What all parts share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) statements: Arc<Statements>,
    pub(crate) positions: InboxPositions,
    pub(crate) kafka: Arc<KafkaConfig>,
    pub(crate) schemas: SchemaRegistry,
    pub(crate) metrics: InboxMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    pub(crate) readiness: Readiness,
}

/// Brings answers until the drain; returns when everything under way has ended.
///
/// # Errors
/// An inbox that is not as its file says (exit 78).
pub fn run(config: Config, runtime: Runtime) -> Running {
    Box::pin(serve(config, runtime))
}

async fn serve(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    // Known from the start, so that nobody sees an instance ready that has not begun.
    for part in ["log", "source"] {
        runtime.readiness.check(part);
    }
    let shared = open(config, &runtime)?;
    if !wait_for_inbox(&shared).await? || !make_topic(&shared).await? {
        return Ok(());
    }
    runtime.tasks.spawn_restarting("bring", Policy::DEPENDENCY, move || bring::bring(shared.clone()));
    runtime.tasks.join().await
}

fn open(config: Config, runtime: &Runtime) -> anyhow::Result<Shared> {
    let path = &config.inbox;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("inbox: {} cannot be read", path.display()))
        .context(ExitClass::Configuration)?;
    let inbox =
        Inbox::parse(&text).with_context(|| path.display().to_string()).context(ExitClass::Configuration)?;
    let options: PgConnectOptions = config
        .source
        .url()
        .expose_secret()
        .parse()
        // The driver's error may quote the URL, and with it the password.
        .map_err(|_| anyhow!("source.dsn is not a PostgreSQL URL: postgres://role@host:port/database"))
        .context(ExitClass::Configuration)?;
    let pool = PgPoolOptions::new()
        .max_connections(config.source.max_connections.min(CONNECTIONS))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options.application_name("dansync-inbox").options([STATEMENT_TIMEOUT]));
    let statements = Arc::new(Statements::new(&inbox));
    let group: Arc<str> = format!("{}inbox.{}", config.kafka.topic_prefix, inbox.source).into();
    let positions =
        InboxPositions { pool: pool.clone(), group: Arc::clone(&group), statements: Arc::clone(&statements) };
    Ok(Shared {
        pool,
        statements,
        positions,
        schemas: SchemaRegistry::new(&config.schema_registry),
        kafka: Arc::new(config.kafka),
        metrics: InboxMetrics::new(&runtime.metrics, &inbox.source, &group),
        inbox: Arc::new(inbox),
        clock: Arc::clone(&runtime.clock),
        drain: runtime.drain.clone(),
        readiness: runtime.readiness.clone(),
    })
}

/// `false`: the drain came first.
async fn wait_for_inbox(shared: &Shared) -> anyhow::Result<bool> {
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    while !preconditions::holds(&shared.pool, &shared.inbox, &shared.statements, &shared.positions).await? {
        tracing::warn!(source = shared.inbox.source, "waiting for the source's database");
        if !backoff.wait(&shared.drain).await {
            return Ok(false);
        }
    }
    shared.readiness.check("source").set(true);
    Ok(true)
}

/// The topic is made by whoever comes first: its writer, or we. `false`: the drain came first.
async fn make_topic(shared: &Shared) -> anyhow::Result<bool> {
    let topics = shared.kafka.topics();
    let admin = Admin::open(&shared.kafka).context(ExitClass::Configuration)?;
    let specs =
        [TopicSpec::answers(topics.answers(&shared.inbox.source)), TopicSpec::history(topics.quarantine())];
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    loop {
        match admin.ensure(&specs).await {
            Ok(()) => return Ok(true),
            Err(error @ event_log::AdminError::Unavailable { .. }) => {
                tracing::warn!(%error, "waiting for Kafka");
                if !backoff.wait(&shared.drain).await {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error).context(ExitClass::Configuration),
        }
    }
}
