//! After a crash of all brokers: the controllers run alone until they have declared the brokers dead.
//!
//! Kafka answers a commit before its markers stand in the partitions. A broker that starts again while the metadata still
//! calls it the leader takes its transactions up at once, sees its partitions lose their leader when it registers anew,
//! takes them for deleted and forgets the markers: readers of committed records stop there for good. Where the metadata
//! names no leader to begin with, it takes them up when the partitions have one again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;

use super::kafka::Node;
use super::process::{Launch, Process};

pub(super) const PROPERTIES: &str = "controller.properties";

/// A broker that was dead already is not declared so again: then this much time is lost.
const FENCED_WITHIN: Duration = Duration::from_secs(20);

const GRACE: Duration = Duration::from_secs(20);

/// The node as a controller only, which gives up on a silent broker soon.
pub(super) fn properties(id: usize, port: u16, voters: &str, folder: &Path) -> String {
    format!(
        "process.roles=controller\nnode.id={id}\ncontroller.quorum.voters={voters}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://127.0.0.1:{port}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT\nlog.dirs={data}\n\
         broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=500\n",
        data = folder.join("data").display(),
    )
}

/// Has the nodes that crashed declared dead, where no node has ended in order.
pub(super) async fn fence_crashed(nodes: &[Node]) -> anyhow::Result<()> {
    if nodes.is_empty() || !nodes.iter().all(has_crashed) {
        return Ok(());
    }
    let mut controllers = Vec::new();
    for node in nodes {
        controllers.push(launch(node).await?);
    }
    let first = controllers.first().context("no controller was started")?;
    // Whoever leads the controllers says it; when nobody does, the brokers start as they are.
    let declared = first.ready(FENCED_WITHIN, async || all_declared_dead(nodes)).await;
    for controller in &controllers {
        controller.stop().await?;
    }
    if let Err(error) = declared {
        prerequisites::say(format_args!("Kafka's brokers were not declared dead after the crash: {error:#}"));
    }
    Ok(())
}

/// It has run, and has not left the mark of an orderly end.
fn has_crashed(node: &Node) -> bool {
    let data = node.folder.join("data");
    data.join("__cluster_metadata-0/quorum-state").is_file() && !data.join(".kafka_cleanshutdown").is_file()
}

async fn launch(node: &Node) -> anyhow::Result<Process> {
    let log = log(node);
    fs::write(&log, "").with_context(|| format!("{} could not be written", log.display()))?;
    let mut command = node.java();
    command.arg("-Ddansync.replication.log=INFO").arg("kafka.Kafka").arg(node.folder.join(PROPERTIES));
    Process::launch(Launch {
        name: format!("controller of Kafka node {}", node.id),
        command,
        log,
        stop: Signal::SIGTERM,
        orphaned: Signal::SIGKILL,
        grace: GRACE,
    })
    .await
}

fn log(node: &Node) -> std::path::PathBuf {
    node.log.with_extension("fencing.log")
}

fn all_declared_dead(nodes: &[Node]) -> bool {
    let said: String = nodes.iter().map(|node| fs::read_to_string(log(node)).unwrap_or_default()).collect();
    nodes.iter().all(|node| said.contains(&format!("Fencing broker {}", node.id)))
}
