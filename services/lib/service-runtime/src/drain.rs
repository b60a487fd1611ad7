//! One signal by which everything in a process ends in order.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a drain may take unless the command line says otherwise: below the 30 s that container platforms grant
/// before they kill.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(25);

/// A clonable view of whether the process is to end. Requested once, it stays requested.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
}

impl Drain {
    /// A drain that nobody has requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything to finish the step it is in and end.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until somebody asks. Safe to use in `select!`.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Runs `future` unless the drain comes first; `None` then, with `future` dropped.
    pub async fn unless_requested<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.token.run_until_cancelled(future).await
    }

    /// A part of the process that may end alone: it ends with this drain too, never the other way round.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { token: self.token.child_token() }
    }
}

/// The signals that ask a process to end.
#[derive(Debug)]
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next signal, as the exit code by which shells name it.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_every_clone_and_every_part() {
        let drain = Drain::new();
        let (clone, part) = (drain.clone(), drain.part());
        assert!(!clone.is_requested() && !part.is_requested());
        drain.request();
        clone.requested().await;
        part.requested().await;
    }

    #[tokio::test]
    async fn a_part_ends_alone() {
        let drain = Drain::new();
        let part = drain.part();
        part.request();
        assert!(part.is_requested());
        assert!(!drain.is_requested());
    }

    #[tokio::test]
    async fn what_runs_is_dropped_at_the_request() {
        let drain = Drain::new();
        assert_eq!(drain.unless_requested(async { 7 }).await, Some(7));
        drain.request();
        assert_eq!(drain.unless_requested(std::future::pending::<u8>()).await, None);
    }
}
