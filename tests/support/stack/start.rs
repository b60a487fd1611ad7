//! Starts all parts at once and ends them in order.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use prerequisites::TO_START;

use super::apicurio::Apicurio;
use super::artefacts::Artefacts;
use super::kafka::Kafka;
use super::options::{ExternalCluster, StackOptions};
use super::postgres::PostgresCluster;
use super::user::ServerUser;

/// The clusters, by the names that options and folders use.
const CLUSTERS: [&str; 3] = ["agencies", "registry", "sectors"];

/// What a state directory holds of ours; nothing else in it is touched.
const FOLDERS: [&str; 5] = ["apicurio", "kafka", "log", "postgres", "secrets"];

const LOCK: &str = "stack.lock";

/// Everything the services stand on.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    /// The broker.
    pub kafka: Kafka,
    /// The schema registry.
    pub apicurio: Apicurio,
    /// Cluster of the four agencies' databases.
    pub agencies: Arc<PostgresCluster>,
    /// Cluster of the registry, disclosure and console databases.
    pub registry: Arc<PostgresCluster>,
    /// Cluster of the sectors' databases.
    pub sectors: Arc<PostgresCluster>,
    /// Held while the stack lives: one program at a time uses a state directory.
    _lock: File,
}

impl Stack {
    /// Installs and fetches what is missing, then starts all parts under `dir`, on the data of an earlier run if there is
    /// one.
    ///
    /// # Errors
    /// [`prerequisites::Unavailable`] somewhere in the chain where the machine lacks something (exit code 69).
    pub async fn start(dir: &Path, options: &StackOptions) -> anyhow::Result<Self> {
        let dir = prepare(dir)?;
        let lock = lock(&dir)?;
        let external = &options.external;
        prerequisites::ensure(TO_START)?;
        let artefacts = Artefacts::fetch().await?;
        let durable = options.durable;
        let kafka = async {
            match &external.kafka {
                Some(bootstrap) => Kafka::external(bootstrap).await,
                None => Kafka::start(&dir, &artefacts.kafka, options.kafka_nodes, options.ports.kafka).await,
            }
        };
        let apicurio = async {
            match &external.schema_registry {
                Some(url) => Apicurio::external(url).await,
                None => Apicurio::start(&dir, &artefacts.apicurio, options.ports.schema_registry).await,
            }
        };
        let [agencies, registry, sectors] = CLUSTERS;
        let ports = &options.ports;
        let (kafka, apicurio, agencies, registry, sectors) = tokio::try_join!(
            kafka,
            apicurio,
            cluster(&dir, agencies, external.agencies.as_ref(), ports.agencies, durable),
            cluster(&dir, registry, external.registry.as_ref(), ports.registry, durable),
            cluster(&dir, sectors, external.sectors.as_ref(), ports.sectors, durable),
        )?;
        let [agencies, registry, sectors] = [agencies, registry, sectors].map(Arc::new);
        Ok(Self { dir, kafka, apicurio, agencies, registry, sectors, _lock: lock })
    }

    /// The state directory, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The three clusters.
    pub fn clusters(&self) -> [&PostgresCluster; 3] {
        [&self.agencies, &self.registry, &self.sectors]
    }

    /// Ends in order what is our own, all of it even where one part fails, and returns the first failure.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { dir: _, kafka, apicurio, agencies, registry, sectors, _lock } = self;
        let ends = tokio::join!(kafka.end(), apicurio.end(), agencies.end(), registry.end(), sectors.end());
        ends.0.and(ends.1).and(ends.2).and(ends.3).and(ends.4)
    }

    /// Removes what a stack under `dir` has left, and nothing else.
    ///
    /// # Errors
    /// When the stack is running, or a folder cannot be removed.
    pub fn reset(dir: &Path) -> anyhow::Result<()> {
        let dir = prepare(dir)?;
        let _lock = lock(&dir)?;
        let user = ServerUser::find()?;
        let elsewhere = CLUSTERS.map(|name| user.reachable(&dir.join("postgres").join(name)));
        for folder in FOLDERS.iter().map(|name| dir.join(name)).chain(elsewhere) {
            if folder.is_dir() {
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("{} could not be removed", folder.display()))?;
            }
        }
        Ok(())
    }
}

async fn cluster(
    dir: &Path,
    name: &str,
    external: Option<&ExternalCluster>,
    port: Option<u16>,
    durable: bool,
) -> anyhow::Result<PostgresCluster> {
    match external {
        Some(given) => PostgresCluster::external(dir, name, given).await,
        None => PostgresCluster::start(dir, name, port, durable).await,
    }
}

/// Makes the directory and says its absolute name without links, which is how running servers name it.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(dir.join("log")).with_context(|| format!("{} could not be made", dir.display()))?;
    dir.canonicalize().with_context(|| format!("{} could not be found", dir.display()))
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let lock = File::create(dir.join(LOCK)).with_context(|| format!("{} is not writable", dir.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another run uses {}: end it first, or name another state directory", dir.display())
        }
        Err(fs::TryLockError::Error(error)) => Err(error).context("the state directory could not be locked"),
    }
}
