//! What an inbox's writer may be told.

use event_log::{KafkaConfig, SchemaRegistryConfig};
use serde::Deserialize;
use service_runtime::{AdminConfig, DatabaseConfig};
use std::path::PathBuf;

/// The configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The source's database, with the role that may write its inbox.
    pub source: DatabaseConfig,
    /// `deploy/inboxes/<source>.toml`: which table takes the answers.
    pub inbox: PathBuf,
    /// The brokers.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub schema_registry: SchemaRegistryConfig,
    /// Metrics and readiness.
    #[serde(default)]
    pub admin: AdminConfig,
}
