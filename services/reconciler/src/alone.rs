//! A reconciler without a log, for an operator's work on the whole registry.

use crate::config::Config;
use crate::reconciler::{Reconciler, Settings};
use anyhow::{Context as _, anyhow};
use chrono::NaiveDate;
use registry_store::{connect, fingerprint_key};
use secrecy::ExposeSecret as _;
use service_runtime::ExitClass;

/// Opens the registry of a configuration; a new one begins with the shipped rules today.
pub async fn open_alone(config: &Config, today: NaiveDate) -> anyhow::Result<Reconciler> {
    let catalogue = std::fs::read_to_string(&config.catalogue)
        .with_context(|| format!("catalogue: {} cannot be read", config.catalogue.display()))
        .context(ExitClass::Configuration)?;
    let pool = connect(config.registry.url().expose_secret(), config.registry.max_connections)
        .map_err(|_| anyhow!("registry.dsn is not a PostgreSQL URL: postgres://role@host:port/database"))
        .context(ExitClass::Configuration)?;
    let settings = Settings {
        group: format!("{}reconciler", config.kafka.topic_prefix),
        // No position is moved, so that the number of partitions does not matter.
        sources: config.sources.iter().map(|source| (source.clone(), 1)).collect(),
        topics: config.kafka.topics(),
        key: fingerprint_key(config.fingerprint_key_file.secret().expose_secret()),
        matching: config.match_model()?,
    };
    Ok(Reconciler::open(pool, settings, &catalogue, today).await?)
}
