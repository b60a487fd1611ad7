//! A reconciler without a log, for an operator's work on the whole registry.

use crate::config::Config;
use crate::reconciler::{Reconciler, Settings};
use anyhow::{Context as _, anyhow};
use chrono::NaiveDate;
use registry_store::{StoreError, connect, fingerprint_key, sessions_at_work};
use secrecy::ExposeSecret as _;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::{Drain, ExitClass};
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How long the sessions of a reconciler that has just ended may take to end too: the server finds a lost client at the next
/// thing it says to it, at the latest when the statement is through. More would only keep an operator waiting who forgot
/// to stop one.
pub const LAST_SESSIONS: Duration = Duration::from_secs(10);

/// How often that is looked at: a look is one row of a view.
const LOOK: Policy =
    Policy { initial: Duration::from_millis(50), cap: Duration::from_millis(500), max_attempts: None };

/// Why nobody works alone on a registry.
#[derive(Debug, thiserror::Error)]
pub enum NotAlone {
    /// Reconcilers, or what their role reads with.
    #[error(
        "{0} other sessions of this role are at work on the registry; stop the reconcilers, then try again"
    )]
    AtWork(i64),
    /// The registry could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Waits until nobody else is at work on the registry, at most for `last_sessions`: what runs would go on with what it
/// remembers, and of a reconciler that has just ended a session lives some moments.
pub async fn wait_alone(pool: &PgPool, last_sessions: Duration) -> Result<(), NotAlone> {
    // Whoever gives up waiting ends the process: nothing is held meanwhile.
    let drain = Drain::new();
    let (ends, mut looks) = (Instant::now() + last_sessions, Backoff::new(LOOK));
    loop {
        match others(pool).await? {
            0 => return Ok(()),
            others if Instant::now() >= ends => return Err(NotAlone::AtWork(others)),
            _ => looks.wait(&drain).await,
        };
    }
}

async fn others(pool: &PgPool) -> Result<i64, StoreError> {
    sessions_at_work(&mut *pool.acquire().await?).await
}

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
