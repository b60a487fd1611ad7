//! Kafka in KRaft mode, one node or three: formatted on first use, started, stopped, crashed and restarted on the same data
//! and ports; or the address of one that somebody else runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::kafka_fence;
use super::kafka_fence::fence_crashed;
use super::kafka_metadata::brokers_known;
use super::ports::{self, Port};
use super::process::{Launch, Process};

/// After a crash the node reads its logs again.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A controlled shutdown moves leaders away and writes out what it holds.
const GRACE: Duration = Duration::from_secs(45);

/// Three of these, Apicurio, three clusters and the services fit into 4 GiB.
const HEAP: &str = "-Xmx384m";

const COMMON: &str = include_str!("../../../deploy/local/kafka/server.properties");
const LOGGING: &str = include_str!("../../../deploy/local/kafka/log4j2.xml");

/// A Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    bootstrap: String,
    nodes: Vec<Node>,
}

/// One broker and controller of our own.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: usize,
    pub(super) folder: PathBuf,
    jars: PathBuf,
    pub(super) log: PathBuf,
    port: Port,
    controller_port: Port,
    running: Mutex<Option<Process>>,
}

impl Kafka {
    /// Starts `count` nodes under `dir`; `jars` is the folder of Kafka's jars, `port` that of the first node.
    pub async fn start(dir: &Path, jars: &Path, count: u8, port: Option<u16>) -> anyhow::Result<Self> {
        let nodes = (1..=usize::from(count))
            .map(|id| Node::plan(dir, jars, id, port.filter(|_| id == 1)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let bootstrap = nodes.iter().map(Node::address).collect::<Vec<_>>().join(",");
        let kafka = Self { bootstrap, nodes };
        let cluster = cluster_id(dir)?;
        for node in &kafka.nodes {
            node.configure(&kafka.nodes)?;
            node.format(&cluster).await?;
        }
        kafka.restart().await?;
        Ok(kafka)
    }

    /// Takes a Kafka that somebody else runs.
    pub async fn external(bootstrap: &str) -> anyhow::Result<Self> {
        for address in bootstrap.split(',') {
            if brokers_known(address.trim()).await.is_some() {
                return Ok(Self { bootstrap: bootstrap.to_owned(), nodes: Vec::new() });
            }
        }
        Err(prerequisites::Unavailable(format!("no Kafka broker answers at {bootstrap} (without TLS)"))
            .into())
    }

    /// `host:port,…` for clients.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The process ids of the nodes that run; none where the cluster is somebody else's.
    pub async fn pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for node in &self.nodes {
            pids.extend(node.running.lock().await.as_ref().map(Process::pid));
        }
        pids
    }

    /// Ends all nodes in order.
    pub async fn stop(&self) -> anyhow::Result<()> {
        // With the controllers' majority gone a node cannot hand over any more: all are asked at once.
        let stops = self.own()?.iter().map(Node::stop);
        futures_util::future::try_join_all(stops).await.map(drop)
    }

    /// Ends it where it is our own; somebody else's goes on.
    pub(super) async fn end(&self) -> anyhow::Result<()> {
        if self.nodes.is_empty() { Ok(()) } else { self.stop().await }
    }

    /// Crashes all nodes at once.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        for node in self.own()? {
            node.kill9().await;
        }
        Ok(())
    }

    /// Crashes the node with this number, counted from 1.
    pub async fn kill9_node(&self, id: usize) -> anyhow::Result<()> {
        self.node(id)?.kill9().await;
        Ok(())
    }

    /// Starts a crashed node again and waits until all nodes know each other.
    pub async fn restart_node(&self, id: usize) -> anyhow::Result<()> {
        let node = self.node(id)?;
        node.launch().await?;
        node.ready(self.nodes.len()).await
    }

    /// Starts all nodes again on the same data and ports, after ending in order those that run.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        fence_crashed(&self.nodes).await?;
        for node in self.own()? {
            node.launch().await?;
        }
        for node in &self.nodes {
            node.ready(self.nodes.len()).await?;
        }
        Ok(())
    }

    fn own(&self) -> anyhow::Result<&[Node]> {
        if self.nodes.is_empty() {
            bail!("the Kafka at {} is run by somebody else", self.bootstrap);
        }
        Ok(&self.nodes)
    }

    fn node(&self, id: usize) -> anyhow::Result<&Node> {
        let found = self.own()?.iter().find(|node| node.id == id);
        found.with_context(|| format!("there is no Kafka node {id}"))
    }
}

impl Node {
    fn plan(dir: &Path, jars: &Path, id: usize, port: Option<u16>) -> anyhow::Result<Self> {
        let folder = dir.join("kafka").join(format!("node-{id}"));
        fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
        Ok(Self {
            id,
            jars: jars.to_path_buf(),
            log: dir.join("log").join(format!("kafka-{id}.log")),
            port: ports::choose(&folder.join("port"), port)?,
            controller_port: ports::choose(&folder.join("controller-port"), None)?,
            folder,
            running: Mutex::new(None),
        })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn configure(&self, all: &[Self]) -> anyhow::Result<()> {
        let voters: Vec<String> = all
            .iter()
            .map(|node| format!("{}@127.0.0.1:{}", node.id, node.controller_port.number()))
            .collect();
        let copies = all.len();
        // Of three copies two must be written: one node may be away.
        let written = copies.div_ceil(2);
        let (id, port, controller_port) = (self.id, self.port.number(), self.controller_port.number());
        let text = format!(
            "{COMMON}\nnode.id={id}\ncontroller.quorum.voters={voters}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={data}\n\
             default.replication.factor={copies}\nmin.insync.replicas={written}\n\
             offsets.topic.replication.factor={copies}\n\
             transaction.state.log.replication.factor={copies}\ntransaction.state.log.min.isr={written}\n\
             share.coordinator.state.topic.replication.factor={copies}\nshare.coordinator.state.topic.min.isr={written}\n",
            voters = voters.join(","),
            data = self.folder.join("data").display(),
        );
        let voters = voters.join(",");
        let fencing = kafka_fence::properties(id, controller_port, &voters, &self.folder);
        fs::write(self.folder.join(kafka_fence::PROPERTIES), fencing)
            .with_context(|| format!("the configuration of Kafka node {id} could not be written"))?;
        let written = fs::write(self.properties(), text)
            .and_then(|()| fs::write(self.folder.join("log4j2.xml"), LOGGING));
        written.with_context(|| format!("the configuration of Kafka node {id} could not be written"))
    }

    pub(super) fn java(&self) -> Command {
        let mut command = Command::new("java");
        command.args([
            "-Xms64m",
            HEAP,
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
        ]);
        command.arg(format!("-Dlog4j2.configurationFile={}", self.folder.join("log4j2.xml").display()));
        command.arg("-cp").arg(self.jars.join("*")).current_dir(&self.folder);
        command
    }

    async fn format(&self, cluster: &str) -> anyhow::Result<()> {
        if self.folder.join("data/meta.properties").is_file() {
            return Ok(());
        }
        let mut command = self.java();
        command
            .args(["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c"])
            .arg(self.properties());
        let output =
            tokio::process::Command::from(command).output().await.context("java could not be started")?;
        if !output.status.success() {
            bail!(
                "Kafka node {} could not be formatted: {}",
                self.id,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    async fn launch(&self) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        if running.as_ref().is_some_and(Process::is_running) {
            return Ok(());
        }
        let mut command = self.java();
        command.arg("kafka.Kafka").arg(self.properties());
        let process = Process::launch(Launch {
            name: format!("Kafka node {}", self.id),
            command,
            log: self.log.clone(),
            stop: Signal::SIGTERM,
            // A broker without its program must not outlive it; its log recovers from that.
            orphaned: Signal::SIGKILL,
            grace: GRACE,
        });
        *running = Some(process.await?);
        Ok(())
    }

    /// Waits until the node knows `count` brokers and a controller.
    async fn ready(&self, count: usize) -> anyhow::Result<()> {
        let running = self.running.lock().await;
        let Some(process) = running.as_ref() else { bail!("Kafka node {} was not started", self.id) };
        let address = self.address();
        process
            .ready(READY_WITHIN, async || brokers_known(&address).await.is_some_and(|known| known >= count))
            .await
    }

    async fn stop(&self) -> anyhow::Result<()> {
        match self.running.lock().await.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    async fn kill9(&self) {
        if let Some(process) = self.running.lock().await.take() {
            process.kill9().await;
        }
    }
}

/// 16 random bytes as 22 characters, the same for all nodes and runs of a state directory.
fn cluster_id(dir: &Path) -> anyhow::Result<String> {
    let file = dir.join("kafka/cluster-id");
    if let Ok(kept) = fs::read_to_string(&file) {
        return Ok(kept);
    }
    let id = base64_22(Uuid::new_v4().as_u128());
    fs::write(&file, &id).with_context(|| format!("{} could not be written", file.display()))?;
    Ok(id)
}

/// URL-safe base64 of 128 bits, without padding. The first character is never `-`, which Kafka's tool takes for an option.
fn base64_22(bits: u128) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = bits & (u128::MAX >> 1);
    let digit = |shift: u32| u8::try_from(bits >> shift & 63).unwrap_or_default();
    let last = u8::try_from(bits << 4 & 63).unwrap_or_default();
    let digits = (0..21).map(|index| digit(122 - 6 * index)).chain([last]);
    digits.filter_map(|digit| ALPHABET.get(usize::from(digit))).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::base64_22;

    #[test]
    fn cluster_ids_are_22_characters_and_no_option() {
        assert_eq!(base64_22(0), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(base64_22(u128::MAX), "f____________________w");
        assert_eq!(base64_22(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10), "AQIDBAUGBwgJCgsMDQ4PEA");
    }
}
