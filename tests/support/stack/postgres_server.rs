//! The server of a PostgreSQL cluster of our own: initdb, settings, process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use prerequisites::{Unavailable, postgres_bin};
use tokio::sync::Mutex;

use super::ports::Port;
use super::postgres_crash::{crash, until};
use super::process::{Launch, Process};
use super::secret;
use super::user::ServerUser;

/// Starting includes crash recovery.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A fast shutdown writes a checkpoint.
const GRACE: Duration = Duration::from_secs(30);

/// Longest path of a Unix socket (`sun_path` without its end), less the file name PostgreSQL adds.
const LONGEST_SOCKET_FOLDER: usize = 107 - "/.s.PGSQL.65535".len();

/// What only a cluster of our own has.
pub(super) struct Server {
    folder: PathBuf,
    bin: PathBuf,
    user: ServerUser,
    log: PathBuf,
    port: Port,
    running: Mutex<Option<Process>>,
}

impl Server {
    /// Makes the cluster on first use; its administrator is `administrator`.
    pub(super) async fn prepare(
        dir: &Path,
        name: &str,
        port: Port,
        first: Administrator<'_>,
    ) -> anyhow::Result<Self> {
        let bin = postgres_bin()
            .ok_or_else(|| Unavailable("no PostgreSQL 15+ server on this machine".to_owned()))?;
        let user = ServerUser::find()?;
        let folder = user.reachable(&dir.join("postgres").join(name));
        user.own_folder(&folder)?;
        let log = dir.join("log").join(format!("postgres-{name}.log"));
        let server = Self { folder, bin, user, log, port, running: Mutex::new(None) };
        server
            .initialise(first)
            .await
            .with_context(|| format!("the PostgreSQL cluster {name} could not be made"))?;
        Ok(server)
    }

    /// The process id while it runs.
    pub(super) async fn pid(&self) -> Option<i32> {
        self.running.lock().await.as_ref().map(Process::pid)
    }

    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        match self.running.lock().await.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    pub(super) async fn kill9(&self) {
        if let Some(process) = self.running.lock().await.take() {
            crash(&process).await;
        }
    }

    pub(super) async fn restart(&self, name: &str) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        if let Some(process) = running.take() {
            process.stop().await?;
        }
        *running = Some(self.run(name).await?);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn socket_folder(&self) -> Option<PathBuf> {
        let folder = self.folder.join("socket");
        (folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER).then_some(folder)
    }

    /// Runs initdb beside the data folder and gives the result its name, so that a broken-off one is done again.
    async fn initialise(&self, first: Administrator<'_>) -> anyhow::Result<()> {
        if self.data().is_dir() {
            return Ok(());
        }
        let partial = self.folder.join("data.partial");
        if partial.is_dir() {
            fs::remove_dir_all(&partial).context("a half-made cluster could not be removed")?;
        }
        let password_file = self.folder.join("initdb-password");
        secret::write_private(&password_file, first.password)?;
        self.user.own(&password_file)?;
        let mut command = Command::new(self.bin.join("initdb"));
        command.args([
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "--data-checksums",
            "--no-sync",
            "--no-instructions",
        ]);
        command.args(["-U", first.name]).arg("-D").arg(&partial).arg("--pwfile").arg(&password_file);
        command.current_dir("/");
        self.user.apply(&mut command);
        let output =
            tokio::process::Command::from(command).output().await.context("initdb could not be started")?;
        fs::remove_file(&password_file).context("initdb's password file could not be removed")?;
        if !output.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&output.stderr));
        }
        let main = partial.join("postgresql.conf");
        let mut text = fs::read_to_string(&main).context("postgresql.conf could not be read")?;
        text.push_str("\ninclude 'dansync.conf'\n");
        fs::write(&main, text).context("postgresql.conf could not be written")?;
        fs::rename(&partial, self.data()).context("the new cluster could not be put in place")
    }

    /// Writes the settings, anew for each run.
    pub(super) fn configure(&self, durable: bool) -> anyhow::Result<()> {
        let port = self.port.number();
        let sockets = self.socket_folder();
        if let Some(folder) = &sockets {
            self.user.own_folder(folder)?;
        }
        let sockets = sockets.unwrap_or_default();
        let switch = if durable { "on" } else { "off" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\n\
             fsync = {switch}\nfull_page_writes = {switch}\n{SETTINGS}",
            sockets = sockets.display().to_string().replace('\'', "''"),
        );
        let file = self.data().join("dansync.conf");
        fs::write(&file, settings).with_context(|| format!("{} could not be written", file.display()))?;
        self.user.own(&file)
    }

    async fn run(&self, name: &str) -> anyhow::Result<Process> {
        self.predecessor_gone().await?;
        let mut command = Command::new(self.bin.join("postgres"));
        command.arg("-D").arg(self.data()).current_dir("/");
        self.user.apply(&mut command);
        let process = Process::launch(Launch {
            name: format!("PostgreSQL cluster {name}"),
            command,
            log: self.log.clone(),
            stop: Signal::SIGINT,
            orphaned: Signal::SIGINT,
            grace: GRACE,
        })
        .await?;
        process.ready(READY_WITHIN, || std::future::ready(self.says_ready(process.pid()))).await?;
        Ok(process)
    }

    /// `postmaster.pid`: first line the id, eighth line the state.
    fn says_ready(&self, pid: i32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let same = lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid);
        same && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    /// A server whose program was killed shuts down by itself; its successor waits for that.
    async fn predecessor_gone(&self) -> anyhow::Result<()> {
        let data = self.data();
        let gone = until(move || !serves(&data));
        match tokio::time::timeout(GRACE, gone).await {
            Ok(()) => Ok(()),
            Err(_late) => bail!("another PostgreSQL server is still running on {}", self.data().display()),
        }
    }
}

/// The first role of a new cluster.
#[derive(Clone, Copy)]
pub(super) struct Administrator<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

/// What every cluster has, beside where it listens and whether it is durable.
const SETTINGS: &str = include_str!("../../../deploy/local/postgres/postgresql.conf");

/// Whether the process named in `postmaster.pid` lives and works in that folder.
fn serves(data: &Path) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let pid = text.lines().next().unwrap_or_default().trim();
    !pid.is_empty() && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == *data)
}
