//! What a dispatcher may be told.

use event_log::{KafkaConfig, SchemaRegistryConfig};
use serde::Deserialize;
use service_runtime::config::Dsn;
use service_runtime::{AdminConfig, DatabaseConfig, HumanDuration, SecretFile};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The brokers.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub schema_registry: SchemaRegistryConfig,
    /// The disclosure database, in which agreements, holdings and the ledger are.
    pub disclosure: DatabaseConfig,
    /// Keys.
    pub keys: KeysConfig,
    /// Sector databases by agreement. An agreement with mode `database` and without entry here is left to other instances.
    #[serde(default)]
    pub sectors: BTreeMap<String, SectorConfig>,
    /// Outgoing topics.
    #[serde(default)]
    pub topics: TopicsConfig,
    /// Metrics and readiness.
    #[serde(default)]
    pub admin: AdminConfig,
}

/// Where the keys are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// File with the master key in hexadecimal (`openssl rand -hex 32`): references and the ledger's hashes come from it.
    pub master: SecretFile,
}

/// A sector's database and what goes where in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectorConfig {
    /// `deploy/sectors/<agreement>.toml`.
    pub mapping: PathBuf,
    /// `postgres://role@host:port/database`, without a password.
    pub dsn: Dsn,
    /// The file with the role's password.
    #[serde(default)]
    pub password_file: Option<SecretFile>,
}

/// Connections to one sector: one that sends; one more while a broken one is found out.
const SECTOR_CONNECTIONS: u32 = 2;

impl SectorConfig {
    /// How to connect.
    pub fn database(&self) -> DatabaseConfig {
        DatabaseConfig {
            dsn: self.dsn.clone(),
            password_file: self.password_file.clone(),
            max_connections: SECTOR_CONNECTIONS,
        }
    }
}

/// Settings of `out.<agreement>`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicsConfig {
    /// The promised window in which a subscriber can read every record again.
    pub replay: HumanDuration,
}

/// A week: a subscriber may be away over the Tết holiday.
const REPLAY_SECONDS: u64 = 7 * 24 * 3600;

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { replay: HumanDuration::from_secs(REPLAY_SECONDS) }
    }
}
