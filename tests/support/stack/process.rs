//! A child process with a log file, which ends when this program does, and which is stopped by its own id only.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getppid};
use tokio::sync::{oneshot, watch};

/// How often a readiness question is asked again. Each question is cheap; the wait ends with the answer.
const ASK_AGAIN: Duration = Duration::from_millis(25);

/// How much of a log an error quotes.
const LOG_TAIL_LINES: usize = 15;

/// What to start, and how it ends.
#[derive(Debug)]
pub struct Launch {
    /// Names the process in errors.
    pub name: String,
    /// Program, arguments, user and environment.
    pub command: Command,
    /// Both output streams go here, after what an earlier run left.
    pub log: PathBuf,
    /// Asks for an orderly end.
    pub stop: Signal,
    /// Sent when this program ends without having asked.
    pub orphaned: Signal,
    /// How long an orderly end may take before it is forced.
    pub grace: Duration,
}

/// A running child. Dropping it sends it the signal for orphans.
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    stop: Signal,
    orphaned: Signal,
    grace: Duration,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// True once the id is given back to the system, from when on it may be another's.
    reaped: Arc<Mutex<bool>>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Process {
    /// Starts the process.
    pub async fn launch(launch: Launch) -> anyhow::Result<Self> {
        let Launch { name, command, log, stop, orphaned, grace } = launch;
        let command = prepare(command, &log, orphaned)?;
        let (started, pid) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let reaped = Arc::new(Mutex::new(false));
        let gate = Arc::clone(&reaped);
        // The system sends the orphan's signal when the *thread* that started the child ends, so each child has a
        // thread that lives exactly as long as it does.
        std::thread::Builder::new()
            .name(format!("keep {name}"))
            .spawn(move || keep(command, started, &ended, &gate))
            .context("a thread to keep the process could not be started")?;
        let pid = pid.await.context("the thread that keeps the process ended")?;
        let pid = pid.with_context(|| format!("{name} could not be started"))?;
        Ok(Self { name, pid, log, stop, orphaned, grace, exit, reaped })
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Sends a signal, to this very process or to nobody.
    pub fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            // It may have ended a moment ago; then there is nobody to tell.
            kill(self.pid, signal).ok();
        }
    }

    /// Waits for its end.
    pub async fn exited(&self) {
        let mut exit = self.exit.clone();
        // An error says that the keeping thread is gone, which it is only after the child.
        drop(exit.wait_for(Option::is_some).await);
    }

    /// Asks for an orderly end, waits for it, and forces it when the grace is over.
    ///
    /// # Errors
    /// When it had to be forced: what it held may need recovery.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.signal(self.stop);
        if tokio::time::timeout(self.grace, self.exited()).await.is_ok() {
            return Ok(());
        }
        self.kill9().await;
        bail!("{} did not end within {:?} and was killed{}", self.name, self.grace, self.log_tail())
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub async fn kill9(&self) {
        self.signal(Signal::SIGKILL);
        self.exited().await;
    }

    /// Waits until `probe` answers yes.
    ///
    /// # Errors
    /// When the process ends first or the deadline passes; both quote the end of its log.
    pub async fn ready<P, F>(&self, within: Duration, mut probe: P) -> anyhow::Result<()>
    where
        P: FnMut() -> F,
        F: Future<Output = bool>,
    {
        let answered = async {
            let mut turns = tokio::time::interval(ASK_AGAIN);
            loop {
                turns.tick().await;
                if probe().await {
                    return;
                }
            }
        };
        tokio::select! {
            () = answered => Ok(()),
            () = self.exited() => bail!("{} ended while starting{}", self.name, self.log_tail()),
            () = expiry(within) => bail!("{} was not ready within {within:?}{}", self.name, self.log_tail()),
        }
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..).unwrap_or_default();
        format!("; the end of {}:\n{}", self.log.display(), tail.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.orphaned);
    }
}

/// Completes after `within`.
async fn expiry(within: Duration) {
    drop(tokio::time::timeout(within, std::future::pending::<()>()).await);
}

fn prepare(mut command: Command, log: &Path, orphaned: Signal) -> anyhow::Result<Command> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("the log {} could not be opened", log.display()))?;
    command.stdin(Stdio::null()).stdout(log.try_clone().context("the log could not be shared")?).stderr(log);
    // A Ctrl-C at the terminal is for us: the parts are stopped in order.
    command.process_group(0);
    end_with_us(&mut command, orphaned);
    Ok(command)
}

#[expect(unsafe_code, reason = "the only way to run prctl between fork and exec")]
fn end_with_us(command: &mut Command, orphaned: Signal) {
    let parent = Pid::this();
    // SAFETY: both calls are plain system calls: they neither allocate nor take a lock after the fork.
    unsafe {
        command.pre_exec(move || {
            set_pdeathsig(orphaned)?;
            // The parent may have ended before the request was in place.
            if getppid() == parent { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

fn keep(
    mut command: Command,
    started: oneshot::Sender<std::io::Result<Pid>>,
    ended: &watch::Sender<Option<ExitStatus>>,
    gate: &Mutex<bool>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            drop(started.send(Err(error)));
            return;
        }
    };
    let pid = Pid::from_raw(child.id().cast_signed());
    let nobody_waits = started.send(Ok(pid)).is_err();
    if nobody_waits {
        drop(child.kill());
    }
    // Notices the end without giving the id back, so that nobody signals a stranger in between.
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {
    }
    let mut reaped = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let status = child.wait().ok();
    *reaped = true;
    drop(reaped);
    ended.send_replace(Some(status.unwrap_or_default()));
}
