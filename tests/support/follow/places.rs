//! Where a running deployment's parts are, as `addresses.json` says.

use crate::population::{SOURCES, SourceDatabases};
use anyhow::Context;
use event_log::KafkaConfig;
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A server that does not answer by then is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Looks at one database, one after another; a stream of life writes through one as well.
const CONNECTIONS: u32 = 3;

/// Connections to everything that a change passes.
#[derive(Debug)]
pub struct Places {
    /// How the brokers are reached.
    pub kafka: KafkaConfig,
    /// The agencies' databases, with the agencies' rights.
    pub sources: SourceDatabases,
    /// The console's database, whose decisions are captured like an agency's acts.
    pub console: PgPool,
    /// The population registry.
    pub registry: PgPool,
    /// Agreements, holdings, ledger.
    pub disclosure: PgPool,
    /// The sectors' databases by agreement.
    pub sectors: BTreeMap<String, Sector>,
}

/// A sector's database and its table.
#[derive(Debug)]
pub struct Sector {
    /// Its database.
    pub pool: PgPool,
    /// Its table.
    pub table: String,
    /// Its reference column.
    pub ref_column: String,
    /// The guard table.
    pub guard: String,
}

/// Of `addresses.json`, what following needs.
#[derive(Debug, Deserialize)]
struct Addresses {
    kafka: KafkaAddress,
    databases: BTreeMap<String, DatabaseAddress>,
    sectors: BTreeMap<String, SectorAddress>,
}

#[derive(Debug, Deserialize)]
struct KafkaAddress {
    bootstrap: String,
    topic_prefix: String,
}

#[derive(Debug, Deserialize)]
struct DatabaseAddress {
    dsn: String,
    password_file: PathBuf,
}

#[derive(Debug, Deserialize)]
struct SectorAddress {
    #[serde(flatten)]
    database: DatabaseAddress,
    table: String,
    ref_column: String,
    guard: String,
}

impl DatabaseAddress {
    async fn connect(&self, name: &str) -> anyhow::Result<PgPool> {
        let password = std::fs::read_to_string(&self.password_file)
            .with_context(|| format!("{} could not be read", self.password_file.display()))?;
        let options: PgConnectOptions = self.dsn.parse().with_context(|| format!("{name}: no address"))?;
        PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(LONGEST_WAIT)
            .connect_with(options.password(password.trim()))
            .await
            .with_context(|| format!("database {name} does not answer"))
    }
}

/// The source that the console's decisions are.
pub const STEWARD: &str = "steward";

impl Places {
    /// Every captured database whose changes can be followed.
    pub(super) fn captured(&self) -> [(&'static str, &PgPool); 5] {
        let SourceDatabases { civil_status, residence, identity, medical } = &self.sources;
        [
            ("civil_status", civil_status),
            ("residence", residence),
            ("identity", identity),
            ("medical", medical),
            (STEWARD, &self.console),
        ]
    }

    /// Connects to what `addresses.json` names.
    ///
    /// # Errors
    /// When the text is not understood or something does not answer.
    pub async fn open(addresses: &str) -> anyhow::Result<Self> {
        let found: Addresses = serde_json::from_str(addresses).context("addresses.json is not understood")?;
        let mut databases = BTreeMap::new();
        for name in SOURCES.into_iter().chain(["console", "registry", "disclosure"]) {
            let address = found.databases.get(name);
            let address = address.with_context(|| format!("addresses.json names no database {name}"))?;
            databases.insert(name, address.connect(name).await?);
        }
        let mut take =
            |name: &str| databases.remove(name).with_context(|| format!("database {name} was named twice"));
        let sources = SourceDatabases {
            civil_status: take("civil_status")?,
            residence: take("residence")?,
            identity: take("identity")?,
            medical: take("medical")?,
        };
        let (console, registry, disclosure) = (take("console")?, take("registry")?, take("disclosure")?);
        let mut sectors = BTreeMap::new();
        for (agreement, address) in found.sectors {
            let pool = address.database.connect(&agreement).await?;
            let SectorAddress { table, ref_column, guard, .. } = address;
            sectors.insert(agreement, Sector { pool, table, ref_column, guard });
        }
        let mut kafka = KafkaConfig::new(found.kafka.bootstrap);
        kafka.topic_prefix = found.kafka.topic_prefix;
        Ok(Self { kafka, sources, console, registry, disclosure, sectors })
    }
}
