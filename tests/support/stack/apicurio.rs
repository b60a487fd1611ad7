//! Apicurio Registry with its H2 file store; or the address of a schema registry that somebody else runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use tokio::sync::Mutex;

use super::ports::{self, Port};
use super::process::{Launch, Process};

const READY_WITHIN: Duration = Duration::from_secs(90);
const GRACE: Duration = Duration::from_secs(20);
const HEAP: &str = "-Xmx256m";
const RUNNER: &str = "apicurio-registry-app-2.6.13.Final-runner.jar";

/// A schema registry behind the Confluent API.
#[derive(Debug)]
pub struct Apicurio {
    url: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    folder: PathBuf,
    home: PathBuf,
    log: PathBuf,
    port: Port,
    running: Mutex<Option<Process>>,
}

impl Apicurio {
    /// Starts it under `dir`; `home` is the folder of the unpacked artefact.
    pub async fn start(dir: &Path, home: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        let folder = dir.join("apicurio");
        fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
        let port = ports::choose(&folder.join("port"), port)?;
        let log = dir.join("log").join("apicurio.log");
        let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", port.number());
        let own = Own { folder, home: home.to_path_buf(), log, port, running: Mutex::new(None) };
        let apicurio = Self { url, own: Some(own) };
        apicurio.restart().await?;
        Ok(apicurio)
    }

    /// Takes a schema registry that somebody else runs.
    pub async fn external(url: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        if !answers(&format!("{url}/subjects")).await {
            return Err(
                prerequisites::Unavailable(format!("no schema registry answers at {url}/subjects")).into()
            );
        }
        Ok(Self { url: url.to_owned(), own: None })
    }

    /// The Confluent API's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id, where it is our own and runs.
    pub async fn pid(&self) -> Option<i32> {
        self.own.as_ref()?.running.lock().await.as_ref().map(Process::pid)
    }

    /// Ends it in order.
    pub async fn stop(&self) -> anyhow::Result<()> {
        match self.own()?.running.lock().await.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Ends it where it is our own; somebody else's goes on.
    pub(super) async fn end(&self) -> anyhow::Result<()> {
        if self.own.is_none() { Ok(()) } else { self.stop().await }
    }

    /// Crashes it.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        if let Some(process) = self.own()?.running.lock().await.take() {
            process.kill9().await;
        }
        Ok(())
    }

    /// Starts it again on the same data and port, after ending it in order where it runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let own = self.own()?;
        let mut running = own.running.lock().await;
        if let Some(process) = running.take() {
            process.stop().await?;
        }
        let process = own.launch().await?;
        let url = format!("{}/subjects", self.url);
        process.ready(READY_WITHIN, async || answers(&url).await).await?;
        *running = Some(process);
        // The rule for all subjects does not survive a crash, so each start sets it.
        require_compatibility(&self.url).await
    }

    fn own(&self) -> anyhow::Result<&Own> {
        self.own
            .as_ref()
            .with_context(|| format!("the schema registry at {} is run by somebody else", self.url))
    }
}

impl Own {
    async fn launch(&self) -> anyhow::Result<Process> {
        // Without the write delay a crash takes the schemas of the last half second with it.
        let store = format!("jdbc:h2:file:{};WRITE_DELAY=0", self.folder.join("registry").display());
        let mut command = Command::new("java");
        command.args([
            "-Xms32m",
            HEAP,
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
        ]);
        command.args(["-Dquarkus.http.host=127.0.0.1", "-Dquarkus.log.level=WARN"]);
        command.arg(format!("-Dquarkus.http.port={}", self.port.number()));
        command.arg(format!("-Dquarkus.datasource.jdbc.url={store}"));
        command.arg(format!("-Dregistry.datasource.url={store}"));
        command.arg("-jar").arg(self.home.join(RUNNER)).current_dir(&self.folder);
        Process::launch(Launch {
            name: "Apicurio Registry".to_owned(),
            command,
            log: self.log.clone(),
            stop: Signal::SIGTERM,
            orphaned: Signal::SIGKILL,
            grace: GRACE,
        })
        .await
    }
}

async fn answers(url: &str) -> bool {
    let url = url.to_owned();
    let asked = tokio::task::spawn_blocking(move || agent().get(&url).call().is_ok());
    asked.await.unwrap_or(false)
}

async fn require_compatibility(url: &str) -> anyhow::Result<()> {
    let url = format!("{url}/config");
    let rule = serde_json::json!({ "compatibility": "BACKWARD_TRANSITIVE" });
    let asked = tokio::task::spawn_blocking(move || agent().put(&url).send_json(rule));
    match asked.await? {
        Ok(_accepted) => Ok(()),
        Err(error) => bail!("the schema registry refused the compatibility rule: {error}"),
    }
}

fn agent() -> ureq::Agent {
    // Without a proxy that the environment may name: the address is on this machine or given on purpose.
    ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10))).build().into()
}
