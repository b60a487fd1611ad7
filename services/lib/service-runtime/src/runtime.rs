//! What a service is given when it starts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::clock::{Clock, SystemClock};
use crate::drain::{Drain, EndSignals};
use crate::exit::ExitClass;
use crate::metrics::{Label, LabelSets, Metrics, catalogue};
use crate::readiness::Readiness;
use crate::tasks::Tasks;

/// A service at work, until the drain or its error. Boxed by the service's own crate: so the code of what it awaits is made
/// there, once, and not again in every program and test that starts it.
pub type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// The surroundings of a service. Clones share everything.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Says when to end.
    pub drain: Drain,
    /// Runs what goes on beside the main future.
    pub tasks: Tasks,
    /// Counts.
    pub metrics: Metrics,
    /// Says whether the service can do its work.
    pub readiness: Readiness,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl Runtime {
    /// Surroundings with the given clock and without signals: for tests, and for a service inside another process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (drain, metrics) = (Drain::new(), Metrics::new());
        let tasks = Tasks::new(drain.clone(), &metrics);
        let readiness = Readiness::new(&metrics);
        let build = [
            Label::fixed(env!("CARGO_PKG_VERSION")),
            Label::fixed(option_env!("DANSYNC_COMMIT").unwrap_or("unknown")),
            Label::fixed(env!("CARGO_PKG_RUST_VERSION")),
        ];
        metrics.gauges(&catalogue::BUILD_INFO, LabelSets::none()).with(build).set(1.0);
        Self { drain, tasks, metrics, readiness, clock }
    }

    /// Runs a service as the whole of a process: with the machine's clock, SIGTERM and SIGINT as the drain, and at
    /// most `grace` between the request and the end. Must be called within a tokio runtime.
    pub async fn run<F>(grace: Duration, service: impl FnOnce(Self) -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let runtime = Self::new(Arc::new(SystemClock));
        let mut signals = EndSignals::listen().context("listening for SIGTERM and SIGINT")?;
        let drain = runtime.drain.clone();
        let ending = async move {
            tokio::select! {
                code = signals.next() => {
                    tracing::info!(signal = code - SIGNAL_BASE, "asked to end; the service drains");
                    drain.request();
                }
                () = drain.requested() => {}
            }
            tokio::select! {
                code = signals.next() => Ended::BySecondSignal(code),
                () = elapsed(grace) => Ended::ByGrace,
            }
        };
        let tasks = runtime.tasks.clone();
        let serving = async {
            let drain = runtime.drain.clone();
            let outcome = service(runtime).await;
            drain.request();
            // The service's own error names the cause; a task that failed because of it comes second.
            let joined = tasks.join().await;
            outcome.and(joined)
        };
        tokio::select! {
            outcome = serving => outcome,
            ended = ending => Err(ended.into_error(&tasks, grace)),
        }
    }
}

/// Shells name the end by signal N as exit code 128 + N.
const SIGNAL_BASE: u8 = 128;

async fn elapsed(grace: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a limit for the whole process, which no drain cuts short"
    )]
    tokio::time::sleep(grace).await;
}

/// Why a drain was cut short.
#[derive(Debug)]
enum Ended {
    BySecondSignal(u8),
    ByGrace,
}

impl Ended {
    fn into_error(self, tasks: &Tasks, grace: Duration) -> anyhow::Error {
        let running = tasks.running().join(", ");
        match self {
            Self::BySecondSignal(code) => {
                anyhow!("a second signal ended the drain; still running: {running}")
                    .context(EndedBySignal(code))
            }
            Self::ByGrace => anyhow!("the drain took longer than {grace:?}; still running: {running}")
                .context(ExitClass::Bug),
        }
    }
}

/// The process ended by a second signal; holds the exit code that shells use for it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("ended by a signal")]
pub struct EndedBySignal(pub u8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Fate;

    #[tokio::test]
    async fn the_end_of_the_service_ends_its_tasks() {
        let outcome = Runtime::run(Duration::from_secs(5), |runtime| async move {
            let drain = runtime.drain.clone();
            runtime.tasks.spawn("waits", Fate::EndsService, async move {
                drain.requested().await;
                Ok(())
            });
            Ok(())
        });
        outcome.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_without_end_is_cut_short() {
        let outcome = Runtime::run(Duration::from_secs(5), |runtime| async move {
            runtime.tasks.spawn("stuck", Fate::EndsService, std::future::pending());
            runtime.drain.request();
            runtime.tasks.join().await
        });
        let error = outcome.await.unwrap_err();
        assert_eq!(ExitClass::code_of(&error), 70);
        assert!(format!("{error:#}").contains("stuck"));
    }

    #[test]
    fn the_build_is_shown() {
        let runtime = Runtime::new(Arc::new(SystemClock));
        assert!(runtime.metrics.render().contains("dansync_build_info{commit="));
    }
}
