//! `dansync migrate`: the tables of our own databases, and the rights of the roles that use them.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use service_runtime::config::ConfigFault;
use service_runtime::{ConfigFaults, DatabaseConfig, ExitClass};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::classed::{Classed, ResultExt as _};
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, connect_options};

/// One connection migrates; an owner's other work goes on beside it.
const CONNECTIONS: u32 = 2;

/// A server that does not answer by then is away.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

const REGISTRY_EXAMPLE: &str = "Example:
  dansync migrate registry --config owner.toml

owner.toml:
  [database]                    # or [registry], as in the reconciler's own file
  dsn = \"postgres://owner@127.0.0.1:5432/registry\"
  password_file = \"/etc/dansync/owner.password\"
  [roles]                       # login roles that exist; those left out get nothing
  reconciler = \"dansync_reconciler\"
  capture = \"dansync_registry_capture\"
  console = \"dansync_console\"";

const DISCLOSURE_EXAMPLE: &str = "Example:
  dansync migrate disclosure --config owner.toml

owner.toml:
  [database]                    # or [disclosure], as in the dispatcher's own file
  dsn = \"postgres://owner@127.0.0.1:5432/disclosure\"
  [roles]                       # login roles that exist; those left out get nothing
  dispatcher = \"dansync_dispatcher\"
  officer = \"dansync_officer\"   # who imports and activates agreements
  stewards = \"dansync_console\"  # who may ask how many agreements hold an item
  reconciler = \"dansync_reconciler\"  # who may ask whether an agreement holds what it reports an error in";

const CONSOLE_EXAMPLE: &str = "Example:
  dansync migrate console --config owner.toml

owner.toml:
  [database]                    # or [console], as in the console's own file
  dsn = \"postgres://owner@127.0.0.1:5432/console\"
  [roles]                       # login roles that exist; those left out get nothing
  console = \"dansync_console\"
  capture = \"dansync_capture\"";

/// `dansync migrate`.
#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// The population registry.
    #[command(after_help = REGISTRY_EXAMPLE)]
    Registry(Target),
    /// Agreements, holdings and the ledger.
    #[command(after_help = DISCLOSURE_EXAMPLE)]
    Disclosure(Target),
    /// The stewards' console.
    #[command(after_help = CONSOLE_EXAMPLE)]
    Console(Target),
}

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct Target {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// The registry's owner.
#[derive(Debug, Deserialize)]
struct RegistryOwner {
    database: Option<DatabaseConfig>,
    registry: Option<DatabaseConfig>,
    #[serde(default)]
    roles: RegistryRoles,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryRoles {
    reconciler: Option<String>,
    capture: Option<String>,
    console: Option<String>,
}

/// The disclosure database's owner.
#[derive(Debug, Deserialize)]
struct DisclosureOwner {
    database: Option<DatabaseConfig>,
    disclosure: Option<DatabaseConfig>,
    #[serde(default)]
    roles: DisclosureRoles,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DisclosureRoles {
    dispatcher: Option<String>,
    officer: Option<String>,
    stewards: Option<String>,
    reconciler: Option<String>,
}

/// The console's owner.
#[derive(Debug, Deserialize)]
struct ConsoleOwner {
    database: Option<DatabaseConfig>,
    console: Option<DatabaseConfig>,
    #[serde(default)]
    roles: ConsoleRoles,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleRoles {
    console: Option<String>,
    capture: Option<String>,
}

impl Migrate {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        let (target, migrated) = match self {
            Self::Registry(target) => {
                let owner = target.file.sections()?;
                (target, executor::run(registry(owner))?)
            }
            Self::Disclosure(target) => {
                let owner = target.file.sections()?;
                (target, executor::run(disclosure(owner))?)
            }
            Self::Console(target) => {
                let owner = target.file.sections()?;
                (target, executor::run(console(owner))?)
            }
        };
        target.output.show(&migrated)
    }
}

async fn registry(owner: RegistryOwner) -> anyhow::Result<Migrated> {
    let pool = owner_pool(owner.database.or(owner.registry), "registry").await?;
    registry_store::migrate(&pool).await.context("migrating").context(ExitClass::Configuration)?;
    let roles = owner.roles;
    let mut migrated = Migrated::new("registry");
    if let Some(role) = roles.reconciler {
        let granted = registry_store::grant_to_reconciler(&pool, &role).await;
        migrated.granted("reconciler", role, granted)?;
    }
    if let Some(role) = roles.capture {
        let granted = registry_store::grant_to_capture(&pool, &role).await;
        migrated.granted("capture", role, granted)?;
    }
    if let Some(role) = roles.console {
        let granted = registry_store::grant_to_console(&pool, &role).await;
        migrated.granted("console", role, granted)?;
    }
    Ok(migrated)
}

async fn disclosure(owner: DisclosureOwner) -> anyhow::Result<Migrated> {
    let pool = owner_pool(owner.database.or(owner.disclosure), "disclosure").await?;
    disclosure_store::migrate(&pool).await.context("migrating").context(ExitClass::Configuration)?;
    let roles = owner.roles;
    let mut migrated = Migrated::new("disclosure");
    if let Some(role) = roles.dispatcher {
        let granted = disclosure_store::grant_dispatcher(&pool, &role).await;
        migrated.granted("dispatcher", role, granted)?;
    }
    if let Some(role) = roles.officer {
        let granted = disclosure_store::grant_to_officer(&pool, &role).await;
        migrated.granted("officer", role, granted)?;
    }
    if let Some(role) = roles.stewards {
        let granted = disclosure_store::grant_to_stewards(&pool, &role).await;
        migrated.granted("stewards", role, granted)?;
    }
    if let Some(role) = roles.reconciler {
        let granted = disclosure_store::grant_to_reconciler(&pool, &role).await;
        migrated.granted("reconciler", role, granted)?;
    }
    Ok(migrated)
}

async fn console(owner: ConsoleOwner) -> anyhow::Result<Migrated> {
    let pool = owner_pool(owner.database.or(owner.console), "console").await?;
    steward_console::migrate(&pool).await.context("migrating").context(ExitClass::Configuration)?;
    let roles = owner.roles;
    let mut migrated = Migrated::new("console");
    if let Some(role) = roles.console {
        let granted = steward_console::grant_to_console(&pool, &role).await;
        migrated.granted("console", role, granted)?;
    }
    if let Some(role) = roles.capture {
        let granted = steward_console::grant_to_capture(&pool, &role).await;
        migrated.granted("capture", role, granted)?;
    }
    Ok(migrated)
}

/// The owner's pool, with a server that answers: what fails from here on is for a human to change.
async fn owner_pool(database: Option<DatabaseConfig>, section: &'static str) -> anyhow::Result<PgPool> {
    let database = database.ok_or_else(|| {
        let reason = format!("missing; write the owner's dsn there, or name a file with [{section}]");
        ConfigFaults::from(ConfigFault::new("database", reason))
    })?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(LONGEST_WAIT)
        .connect_lazy_with(connect_options(&database, section)?);
    sqlx::query("select 1").execute(&pool).await.classed().context(section)?;
    Ok(pool)
}

/// What was done.
#[derive(Debug, Serialize)]
struct Migrated {
    version: u32,
    database: &'static str,
    grants: Vec<Grant>,
}

#[derive(Debug, Serialize)]
struct Grant {
    /// What the role is for.
    to: &'static str,
    role: String,
}

impl Migrated {
    const fn new(database: &'static str) -> Self {
        Self { version: 1, database, grants: Vec::new() }
    }

    fn granted<E>(&mut self, to: &'static str, role: String, granted: Result<(), E>) -> anyhow::Result<()>
    where
        E: Classed + std::error::Error + Send + Sync + 'static,
    {
        granted.classed().with_context(|| format!("roles.{to}: granting to {role}"))?;
        self.grants.push(Grant { to, role });
        Ok(())
    }
}

impl Answer for Migrated {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: the tables are up to date", self.database)?;
        self.grants.iter().try_for_each(|grant| writeln!(out, "{}: rights of {}", grant.role, grant.to))
    }
}
