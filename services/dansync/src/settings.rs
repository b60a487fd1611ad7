//! What a command reads of a configuration file: the sections it needs of the service's own file, or of a smaller one.
//!
//! Other sections are left alone; `dansync config validate` checks a service's file as a whole.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use event_log::{KafkaConfig, SchemaRegistryConfig};
use secrecy::ExposeSecret as _;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use service_runtime::config::{self, ConfigFaults};
use service_runtime::{DatabaseConfig, ExitClass};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::classed::ResultExt as _;

/// A command asks one thing at a time; a second connection serves functions that take one of their own.
const CONNECTIONS: u32 = 2;

/// The switch `--config`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFile {
    /// The configuration (TOML); `DANSYNC_SECTION__KEY` in the environment goes over it.
    #[arg(long, value_name = "FILE", env = "DANSYNC_CONFIG")]
    config: PathBuf,
}

impl ConfigFile {
    /// Reads the whole file as a service does.
    pub(crate) fn load<C: DeserializeOwned>(&self) -> Result<C, ConfigFaults> {
        config::load(&self.config)
    }

    /// Reads the sections that `C` names.
    pub(crate) fn sections<C: DeserializeOwned>(&self) -> Result<C, ConfigFaults> {
        sections(&self.config)
    }
}

/// Reads of a file the sections that `C` names; within them every fault is found.
pub(crate) fn sections<C: DeserializeOwned>(path: &Path) -> Result<C, ConfigFaults> {
    config::load::<Among<C>>(path).map(|among| among.0)
}

/// Some sections among others. A configuration's reader refuses keys that a type does not have, because it is told them
/// before it reads; here it is not.
struct Among<C>(C);

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Among<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        C::deserialize(Untold(deserializer)).map(Self)
    }
}

/// Reads a structure as a table of any keys.
struct Untold<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Untold<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The population registry.
#[derive(Debug, Deserialize)]
pub(crate) struct Registry {
    /// Its database.
    pub(crate) registry: DatabaseConfig,
}

/// The disclosure database.
#[derive(Debug, Deserialize)]
pub(crate) struct Disclosure {
    /// Its database.
    pub(crate) disclosure: DatabaseConfig,
}

/// The log alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Log {
    /// The brokers.
    pub(crate) kafka: KafkaConfig,
}

/// The log with its schemas.
#[derive(Debug, Deserialize)]
pub(crate) struct Schemas {
    /// The schema registry.
    pub(crate) schema_registry: SchemaRegistryConfig,
}

/// Opens the registry's database; the server is reached when it is first asked.
pub(crate) fn registry_pool(database: &DatabaseConfig) -> anyhow::Result<PgPool> {
    registry_store::connect(database.url().expose_secret(), CONNECTIONS)
        .context("registry")
        .context(ExitClass::Configuration)
}

/// Opens the disclosure database; the server is reached when it is first asked.
pub(crate) fn disclosure_pool(database: &DatabaseConfig) -> anyhow::Result<PgPool> {
    Ok(disclosure_store::connect(connect_options(database, "disclosure")?, CONNECTIONS))
}

/// Opens the console's database; the server is reached when it is first asked.
pub(crate) fn console_pool(database: &DatabaseConfig) -> anyhow::Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS);
    Ok(options.connect_lazy_with(connect_options(database, "console")?))
}

/// How the driver reaches a database; `section` is named where it cannot.
pub(crate) fn connect_options(
    database: &DatabaseConfig,
    section: &'static str,
) -> anyhow::Result<PgConnectOptions> {
    let options: Result<PgConnectOptions, sqlx::Error> = database.url().expose_secret().parse();
    options.classed().context(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_strictly_and_their_neighbours_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reconciler.toml");
        let text =
            "sources = [1]\n[registry]\ndsn = \"postgres://r@127.0.0.1/r\"\n[kafka]\nbootstrap = \"b\"\n";
        std::fs::write(&file, text).unwrap();
        let found: Registry = sections(&file).unwrap();
        assert_eq!(found.registry.dsn.as_str(), "postgres://r@127.0.0.1/r");
        assert_eq!(sections::<Log>(&file).unwrap().kafka.bootstrap, "b");
        assert!(sections::<Schemas>(&file).unwrap_err().to_string().contains("schema_registry"));
        std::fs::write(&file, format!("{text}bootsrap = 1\n")).unwrap();
        let faults = sections::<Log>(&file).unwrap_err().to_string();
        assert!(faults.contains("reconciler.toml:6: kafka.bootsrap: unknown key"), "{faults}");
    }
}
