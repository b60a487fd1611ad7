//! The adapter's configuration file.

use event_log::{KafkaConfig, SchemaRegistryConfig};
use serde::Deserialize;
use service_runtime::config::Dsn;
use service_runtime::{AdminConfig, ByteSize, DatabaseConfig, HumanDuration, SecretFile};
use std::path::PathBuf;
use std::time::Duration;

/// One adapter: one source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The source.
    pub source: SourceConfig,
    /// The brokers.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub schema_registry: SchemaRegistryConfig,
    /// The admin port.
    #[serde(default)]
    pub admin: AdminConfig,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// Where the source is and how it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The database, without password. The role needs REPLICATION, CONNECT and SELECT on the mapped tables.
    pub dsn: Dsn,
    /// The role's password.
    #[serde(default)]
    pub password_file: Option<SecretFile>,
    /// The mapping file (`deploy/sources/README.md`).
    pub mapping: PathBuf,
    /// Directory of the code lists (`schemas/codes`).
    pub codes: PathBuf,
    /// Longest silence that is normal for this source; shown as a metric for the alert "silent".
    #[serde(default = "expected_interval")]
    pub expected_interval: HumanDuration,
}

const fn expected_interval() -> HumanDuration {
    HumanDuration::from_secs(24 * 3600)
}

/// Bounds of the adapter; each has its reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Records of one Kafka transaction: its fixed cost is spread thin by then.
    pub batch_records: usize,
    /// Bytes of one Kafka transaction: two of them in memory bound the adapter.
    pub batch_bytes: ByteSize,
    /// Age of a batch while the stream never rests: what batching may cost in latency.
    pub batch_wait: HumanDuration,
    /// Shortest time from one Kafka transaction to the next while there is little to send: each costs the broker milliseconds
    /// of processor time however few records it holds. A lone change does not wait.
    pub batch_pace: HumanDuration,
    /// How often an idle source gets a heartbeat and its position is stored: log that it keeps for us in between.
    pub heartbeat: HumanDuration,
    /// Frames read ahead of the mapping.
    pub frames_ahead: usize,
    /// Largest single row change: it stands in memory as a whole.
    pub frame_bytes: ByteSize,
    /// Rows of one chunk of a redrive: what is held and compared between two watermarks.
    pub chunk_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_records: 10_000,
            batch_bytes: ByteSize::from_mib(8),
            batch_wait: HumanDuration(Duration::from_millis(20)),
            batch_pace: HumanDuration(Duration::from_millis(40)),
            heartbeat: HumanDuration::from_secs(10),
            frames_ahead: 8192,
            frame_bytes: ByteSize::from_mib(64),
            chunk_rows: 1000,
        }
    }
}

impl SourceConfig {
    /// The database as the runtime's type: one connection for control, one for a redrive.
    pub(crate) fn database(&self) -> DatabaseConfig {
        DatabaseConfig {
            dsn: self.dsn.clone(),
            password_file: self.password_file.clone(),
            max_connections: 2,
        }
    }
}
