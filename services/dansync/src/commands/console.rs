//! `dansync console`: who may use the stewards' console.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use service_runtime::config::ConfigFault;
use service_runtime::{ConfigFaults, DatabaseConfig, ExitClass, SecretFile};
use sqlx::postgres::PgPoolOptions;
use steward_console::Role;

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, connect_options};

/// A server that does not answer by then is away.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// `dansync console`.
#[derive(Debug, Subcommand)]
pub(crate) enum Console {
    /// Users of the console; for the database's owner.
    #[command(subcommand)]
    User(User),
}

/// `dansync console user`.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make a user, or give an existing one this role and password and sign them out.
    #[command(after_help = "Example:
  dansync console user add le.thi.an --role steward --password-file an.password --config owner.toml

owner.toml has [database] (or [console]) with the owner's dsn, as for `dansync migrate console`.")]
    Add(Add),
}

/// `dansync console user add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The user's name.
    name: String,
    /// `steward` (looks and decides) or `reader` (looks).
    #[arg(long)]
    role: Role,
    /// The file with the password; readable by its owner and group at most.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// The console's owner.
#[derive(Debug, Deserialize)]
struct Owner {
    database: Option<DatabaseConfig>,
    console: Option<DatabaseConfig>,
}

impl Console {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::User(User::Add(add)) => add.execute(),
        }
    }
}

impl Add {
    fn execute(self) -> anyhow::Result<()> {
        let owner: Owner = self.file.sections()?;
        let database = owner.database.or(owner.console).ok_or_else(|| {
            ConfigFaults::from(ConfigFault::new("database", "missing; write the owner's dsn there"))
        })?;
        let password = SecretFile::read(&self.password_file)
            .context("--password-file")
            .context(ExitClass::Configuration)?;
        executor::run(async {
            let options = connect_options(&database, "database")?;
            let pool = PgPoolOptions::new().acquire_timeout(LONGEST_WAIT).connect_lazy_with(options);
            steward_console::ensure_user(&pool, &self.name, self.role, password.secret().clone())
                .await
                .classed()
        })?;
        self.output.show(&Added { version: 1, name: self.name, role: self.role })
    }
}

/// Who may sign in now.
#[derive(Debug, Serialize)]
struct Added {
    version: u32,
    name: String,
    role: Role,
}

impl Answer for Added {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} may sign in as {}", self.name, self.role.as_str())
    }
}
