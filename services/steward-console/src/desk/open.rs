//! What the desk works with: its own database, the registry's, the rules and the key.

use crate::config::Config;
use crate::database;
use crate::rules::Rules;
use anyhow::Context as _;
use chrono::TimeDelta;
use registry_rules::FingerprintKey;
use registry_store::{StoreError, fingerprint_key};
use secrecy::ExposeSecret as _;
use service_runtime::{Clock, ExitClass};
use sqlx::PgPool;
use std::sync::Arc;

/// The steward's desk. Clones share everything.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The console's own database.
    pub(crate) console: PgPool,
    /// The registry, read only.
    pub(crate) registry: PgPool,
    /// How many agreements hold what; without it cases weigh by their harm alone.
    pub(crate) disclosure: Option<PgPool>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) key: FingerprintKey,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether what moves persons waits for a second steward.
    pub(crate) second_approval: bool,
    /// How long a decision about a value can be undone; zero: it is recorded at once.
    pub(crate) undo_window: TimeDelta,
}

/// Why the desk cannot do its work now.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The registry's database.
    #[error("the registry database cannot be read")]
    Registry(#[from] StoreError),
    /// The disclosure database.
    #[error("the disclosure database cannot be read")]
    Disclosure(#[from] disclosure_store::StoreError),
    /// The console's database.
    #[error("the console database cannot be used")]
    Console(#[from] sqlx::Error),
}

impl Desk {
    /// Makes a desk; the databases are reached for when they are first needed.
    ///
    /// # Errors
    /// A database address that the driver refuses (exit 78).
    pub fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let secret = config.fingerprint_key_file.secret();
        Ok(Self {
            console: database::pool(&config.console).context("console").context(ExitClass::Configuration)?,
            registry: database::pool(&config.registry)
                .context("registry")
                .context(ExitClass::Configuration)?,
            disclosure: config
                .disclosure
                .as_ref()
                .map(database::pool)
                .transpose()
                .context("disclosure")
                .context(ExitClass::Configuration)?,
            rules: Arc::new(Rules::embedded().context(ExitClass::Bug)?),
            key: fingerprint_key(secret.expose_secret()),
            clock,
            second_approval: config.second_approval,
            undo_window: TimeDelta::from_std(config.undo_window.get())
                .context("undo_window")
                .context(ExitClass::Configuration)?,
        })
    }
}
