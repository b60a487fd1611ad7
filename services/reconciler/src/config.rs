//! What a reconciler is configured with.

use crate::matcher::MatchModel;
use anyhow::Context as _;
use event_log::{KafkaConfig, SchemaRegistryConfig};
use serde::Deserialize;
use service_runtime::{AdminConfig, ByteSize, DatabaseConfig, ExitClass, HumanDuration, SecretFile};
use std::path::PathBuf;
use std::sync::Arc;

/// Configuration of a reconciler.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `/metrics`, `/healthz` and `/readyz` are.
    #[serde(default)]
    pub admin: AdminConfig,
    /// The registry database.
    pub registry: DatabaseConfig,
    /// The disclosure database, of which the role may ask whether an agreement holds what it reports an error in, and nothing
    /// else; left out: error reports of agreements are rejected.
    #[serde(default)]
    pub reporters: Option<DatabaseConfig>,
    /// The event log.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub schema_registry: SchemaRegistryConfig,
    /// The sources read: the first load waits for the snapshot of each.
    pub sources: Vec<String>,
    /// The field catalogue: the rule set that a new registry begins with.
    pub catalogue: PathBuf,
    /// Key under which values are hashed for fingerprints; the console has the same.
    pub fingerprint_key_file: SecretFile,
    /// Name of this instance, for the lease of the day and the logs.
    #[serde(default = "instance")]
    pub instance: String,
    /// What one transaction takes.
    #[serde(default)]
    pub batch: BatchConfig,
    /// By what records without a number are matched; without it they stay where their source key puts them. All instances
    /// of one registry have the same.
    #[serde(default)]
    pub matching: Option<MatchingConfig>,
}

/// Probabilistic matching (rule 4).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchingConfig {
    /// The linkage model with its learned weights; its code lists are found beside it.
    pub model: PathBuf,
}

impl Config {
    /// Reads the model, where one is configured.
    ///
    /// # Errors
    /// With the place in the file and what would be right.
    pub(crate) fn match_model(&self) -> anyhow::Result<Option<Arc<MatchModel>>> {
        let matching = self.matching.as_ref();
        matching
            .map(|matching| MatchModel::read(&matching.model).context("matching.model").map(Arc::new))
            .transpose()
            .context(ExitClass::Configuration)
    }
}

fn instance() -> String {
    format!("reconciler-{}", std::process::id())
}

/// What one transaction takes.
#[expect(clippy::struct_field_names, reason = "they are limits, and say so in the file")]
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    /// Messages.
    pub max_records: usize,
    /// Bytes.
    pub max_bytes: ByteSize,
    /// Time to gather them in.
    pub max_wait: HumanDuration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_records: 2_000,
            max_bytes: ByteSize::from_mib(8),
            max_wait: HumanDuration::from_millis(20),
        }
    }
}
