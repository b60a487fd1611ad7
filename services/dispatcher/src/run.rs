//! Starts the parts of a dispatcher and waits for the drain.

use crate::config::Config;
use crate::drift::DriftMetrics;
use crate::metrics::DispatcherMetrics;
use crate::sector::SectorMapping;
use crate::wake::Wake;
use crate::{authorise, backfill, drift, lanes, manage, review, wake};
use anyhow::{Context as _, anyhow, bail};
use event_log::{Admin, KafkaConfig, SchemaRegistry, TopicSpec};
use registry_rules::{FieldCatalogue, MasterKey};
use secrecy::ExposeSecret as _;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::{Clock, Drain, ExitClass, Readiness, Running, Runtime, Tasks};
use sqlx::postgres::{PgConnectOptions, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A sector database as this instance reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Sector {
    pub(crate) mapping: SectorMapping,
    pub(crate) options: PgConnectOptions,
    pub(crate) connections: u32,
}

/// What all parts share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) kafka: Arc<KafkaConfig>,
    pub(crate) schemas: SchemaRegistry,
    pub(crate) catalogue: Arc<FieldCatalogue>,
    pub(crate) master: MasterKey,
    pub(crate) sectors: Arc<BTreeMap<String, Sector>>,
    pub(crate) replay: Duration,
    pub(crate) wake: Wake,
    /// This instance, in leases.
    pub(crate) instance: Uuid,
    pub(crate) metrics: DispatcherMetrics,
    pub(crate) drift: DriftMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    pub(crate) readiness: Readiness,
    pub(crate) tasks: Tasks,
}

/// Runs a dispatcher until the drain; returns when everything under way has ended.
pub fn run(config: Config, runtime: Runtime) -> Running {
    Box::pin(serve(config, runtime))
}

async fn serve(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let shared = shared(config, &runtime)?;
    // Known from the start, so that nobody sees an instance ready that has not begun.
    for part in ["authorise", "lanes"] {
        shared.readiness.check(part);
    }
    wait_for_database(&shared).await?;
    make_topics(&shared).await?;
    let restarting = Policy::DEPENDENCY;
    let spawn = |name: &'static str| (name, restarting, shared.clone());
    let (name, policy, part) = spawn("authorise");
    runtime.tasks.spawn_restarting(name, policy, move || authorise::authorise(part.clone()));
    let (name, policy, part) = spawn("review");
    runtime.tasks.spawn_restarting(name, policy, move || review::review(part.clone()));
    let (name, policy, part) = spawn("backfill");
    runtime.tasks.spawn_restarting(name, policy, move || backfill::backfill(part.clone()));
    let (name, policy, part) = spawn("drift");
    runtime.tasks.spawn_restarting(name, policy, move || drift::drift(part.clone()));
    let (name, policy, part) = spawn("lanes");
    runtime.tasks.spawn_restarting(name, policy, move || lanes::lanes(part.clone()));
    let (name, policy, part) = spawn("announce");
    runtime.tasks.spawn_restarting(name, policy, move || wake::announce(part.clone()));
    let (name, policy, part) = spawn("listen");
    runtime.tasks.spawn_restarting(name, policy, move || wake::listen(part.clone()));
    runtime.tasks.join().await
}

fn shared(config: Config, runtime: &Runtime) -> anyhow::Result<Shared> {
    let master = MasterKey::from_hex(config.keys.master.secret().expose_secret())
        .map_err(|error| anyhow!("keys.master ({}): {error}", config.keys.master.path().display()))
        .context(ExitClass::Configuration)?;
    let sectors = sectors(&config)?;
    let options = options(config.disclosure.url().expose_secret())?;
    let metrics =
        DispatcherMetrics::new(&runtime.metrics, &crate::positions::group(&config.kafka.topic_prefix));
    Ok(Shared {
        pool: disclosure_store::connect(options, config.disclosure.max_connections),
        kafka: Arc::new(config.kafka),
        schemas: SchemaRegistry::new(&config.schema_registry),
        catalogue: Arc::new(manage::catalogue()?),
        master,
        sectors: Arc::new(sectors),
        replay: config.topics.replay.get(),
        wake: Wake::new(),
        instance: Uuid::new_v4(),
        metrics,
        drift: DriftMetrics::new(&runtime.metrics),
        clock: Arc::clone(&runtime.clock),
        drain: runtime.drain.clone(),
        readiness: runtime.readiness.clone(),
        tasks: runtime.tasks.clone(),
    })
}

/// The driver's error may quote the URL, and with it the password.
fn options(url: &str) -> anyhow::Result<PgConnectOptions> {
    url.parse()
        .map_err(|_| anyhow!("a dsn is not a PostgreSQL URL: postgres://role@host:port/database"))
        .context(ExitClass::Configuration)
}

fn sectors(config: &Config) -> anyhow::Result<BTreeMap<String, Sector>> {
    let mut sectors = BTreeMap::new();
    for (agreement, sector) in &config.sectors {
        let path = &sector.mapping;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("sectors.{agreement}.mapping: {} cannot be read", path.display()))
            .context(ExitClass::Configuration)?;
        let mapping = SectorMapping::parse(&text)
            .with_context(|| path.display().to_string())
            .context(ExitClass::Configuration)?;
        if mapping.agreement != *agreement {
            let found = mapping.agreement;
            let error = anyhow!("sectors.{agreement}.mapping: {} is that of {found}", path.display());
            return Err(error).context(ExitClass::Configuration);
        }
        let database = sector.database();
        let options = options(database.url().expose_secret())?;
        let connections = database.max_connections;
        sectors.insert(agreement.clone(), Sector { mapping, options, connections });
    }
    Ok(sectors)
}

async fn wait_for_database(shared: &Shared) -> anyhow::Result<()> {
    let ready = shared.readiness.check("disclosure");
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    loop {
        match disclosure_store::schema_is_current(&shared.pool).await {
            Ok(true) => {
                ready.set(true);
                return Ok(());
            }
            Ok(false) => {
                let error =
                    anyhow!("the disclosure database has not the tables of this version; migrate it first");
                return Err(error).context(ExitClass::Configuration);
            }
            Err(error) if error.is_outage() => {
                tracing::warn!(%error, "waiting for the disclosure database");
                if !backoff.wait(&shared.drain).await {
                    bail!("drained before the disclosure database answered");
                }
            }
            Err(error) => return Err(error).context(ExitClass::Configuration),
        }
    }
}

async fn make_topics(shared: &Shared) -> anyhow::Result<()> {
    let topics = shared.kafka.topics();
    let admin = Admin::open(&shared.kafka).context(ExitClass::Configuration)?;
    let specs = [
        TopicSpec::state(topics.registry_person()),
        TopicSpec::control(topics.control()),
        TopicSpec::history(topics.quarantine()),
    ];
    let mut backoff = Backoff::new(Policy::DEPENDENCY);
    loop {
        match admin.ensure(&specs).await {
            Ok(()) => return Ok(()),
            Err(error @ event_log::AdminError::Unavailable { .. }) => {
                tracing::warn!(%error, "waiting for Kafka");
                if !backoff.wait(&shared.drain).await {
                    bail!("drained before Kafka answered");
                }
            }
            Err(error) => return Err(error).context(ExitClass::Configuration),
        }
    }
}
