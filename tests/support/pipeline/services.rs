//! The services of a deployment, each an own process of the one binary.

use super::Instance;
use crate::stack::{Launch, Process};
use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A service that has not ended its drain by then is ended.
const GRACE: Duration = Duration::from_secs(30);
/// Connecting, checking preconditions and creating topics take a few seconds on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// What it is.
    pub instance: Instance,
    /// Its process.
    pub process: Process,
}

/// The `dansync` binary beside the running program's own.
pub fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("the running program has no path")?;
    let folders = own.ancestors().skip(1).take(2);
    match folders.map(|folder| folder.join("dansync")).find(|file| file.is_file()) {
        Some(file) => Ok(file),
        None => bail!("the dansync binary is not built; run: cargo build -p dansync"),
    }
}

impl Service {
    /// Starts it; its log is `<dir>/<service>-<instance>.log`.
    pub async fn start(
        instance: Instance,
        log_dir: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_binary(&binary()?, instance, log_dir, environment).await
    }

    /// The same from a chosen binary: load figures are those of a release build.
    pub async fn start_binary(
        binary: &Path,
        instance: Instance,
        log_dir: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let name = format!("{}-{}", instance.service, instance.name);
        std::fs::create_dir_all(log_dir)?;
        let mut command = Command::new(binary);
        command.args(["run", instance.service, "--log-format", "json", "--config"]).arg(&instance.file);
        command.envs(environment.iter().copied());
        let log = log_dir.join(format!("{name}.log"));
        let launch =
            Launch { name, command, log, stop: Signal::SIGTERM, orphaned: Signal::SIGTERM, grace: GRACE };
        Ok(Self { instance, process: Process::launch(launch).await? })
    }

    /// Base address of its admin port.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.instance.admin_port)
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.admin_url());
        let name = format!("{} {}", self.instance.service, self.instance.name);
        self.process
            .ready(READY_WITHIN, || {
                let url = url.clone();
                async move { answers(url).await }
            })
            .await
            .with_context(|| format!("{name} did not become ready"))
    }
}

async fn answers(url: String) -> bool {
    let asked = tokio::task::spawn_blocking(move || ureq::get(&url).call().is_ok());
    asked.await.unwrap_or(false)
}
