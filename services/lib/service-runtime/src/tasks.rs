//! Named tasks with a declared fate: none ends unseen, and all have ended before the process does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::backoff::{Backoff, MAX_DELAY, Policy};
use crate::drain::Drain;
use crate::exit::ExitClass;
use crate::metrics::{Counters, Label, LabelSets, Metrics, catalogue};

/// What the end of a task means to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The service cannot go on without it: any end before the drain ends the service.
    EndsService,
    /// It may finish its work and end; an error still ends the service.
    MayFinish,
}

/// The tasks of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Tasks {
    drain: Drain,
    panics: Counters<1>,
    tracker: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<u64, Arc<str>>,
    spawned: u64,
    first_error: Option<anyhow::Error>,
}

impl Tasks {
    /// No tasks yet.
    pub fn new(drain: Drain, metrics: &Metrics) -> Self {
        let panics = metrics.counters(&catalogue::TASK_PANICS, LabelSets::none());
        Self { drain, panics, tracker: TaskTracker::new(), state: Arc::default() }
    }

    /// Starts a task. It watches the drain itself and returns soon after the request. `name` is shown in logs and as
    /// a label: code or configuration gives it, never data.
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, fate: Fate, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = name.into();
        let span = tracing::info_span!("task", task = &*name);
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that spawns; the supervisor waits for the handle"
        )]
        let handle = tokio::spawn(future.instrument(span));
        self.supervise(name, fate, handle);
    }

    /// Starts work that blocks its thread (a client library without async, a long computation).
    pub fn spawn_blocking<F>(&self, name: impl Into<Arc<str>>, fate: Fate, work: F)
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        let name = name.into();
        let span = tracing::info_span!("task", task = &*name);
        let handle = tokio::task::spawn_blocking(move || span.in_scope(work));
        self.supervise(name, fate, handle);
    }

    /// Starts a task that is begun anew after an error, with waits by `policy`; it ends with `Ok`, with the drain, or
    /// with its last error when the policy's attempts are used up, which ends the service.
    pub fn spawn_restarting<M, F>(&self, name: impl Into<Arc<str>>, policy: Policy, mut make: M)
    where
        M: FnMut() -> F + Send + 'static,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let drain = self.drain.clone();
        self.spawn(name, Fate::MayFinish, async move {
            let mut backoff = Backoff::new(policy);
            loop {
                let began = Instant::now();
                let Err(error) = make().await else { return Ok(()) };
                tracing::warn!(error = format!("{error:#}"), "the task failed and begins anew");
                if began.elapsed() > MAX_DELAY {
                    backoff.reset();
                }
                let goes_on = backoff.wait(&drain).await;
                if drain.is_requested() {
                    return Ok(());
                } else if !goes_on {
                    return Err(error);
                }
            }
        });
    }

    /// Waits for the drain, then for every task, and returns the first error that any of them ended with.
    pub async fn join(&self) -> anyhow::Result<()> {
        self.drain.requested().await;
        self.tracker.close();
        self.tracker.wait().await;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).first_error.take().map_or(Ok(()), Err)
    }

    /// The names of the tasks that have not ended.
    pub fn running(&self) -> Vec<Arc<str>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).running.values().cloned().collect()
    }

    fn supervise(&self, name: Arc<str>, fate: Fate, handle: JoinHandle<anyhow::Result<()>>) {
        let id = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.spawned += 1;
            let id = state.spawned;
            state.running.insert(id, Arc::clone(&name));
            id
        };
        let panics = self.panics.with([Label::id(&name)]);
        let tasks = self.clone();
        self.tracker.spawn(async move {
            let outcome = if let Ok(outcome) = handle.await {
                outcome.with_context(|| format!("task {name}"))
            } else {
                panics.increment();
                Err(anyhow!("task {name} panicked; the log names the place").context(ExitClass::Bug))
            };
            tasks.end(id, &name, fate, outcome);
        });
    }

    fn end(&self, id: u64, name: &str, fate: Fate, outcome: anyhow::Result<()>) {
        let is_early = fate == Fate::EndsService && !self.drain.is_requested();
        let error = match outcome {
            Err(error) => Some(error),
            Ok(()) if is_early => Some(anyhow!("task {name} ended before the drain")),
            Ok(()) => None,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.remove(&id);
        let Some(error) = error else { return };
        tracing::error!(task = name, error = format!("{error:#}"), "the task failed; the service ends");
        state.first_error.get_or_insert(error);
        drop(state);
        self.drain.request();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn tasks() -> (Tasks, Drain, Metrics) {
        let (drain, metrics) = (Drain::new(), Metrics::new());
        (Tasks::new(drain.clone(), &metrics), drain, metrics)
    }

    #[tokio::test]
    async fn all_tasks_are_joined_at_the_drain() {
        let (tasks, drain, _) = tasks();
        let ended = Arc::new(AtomicU32::new(0));
        for name in ["one", "two"] {
            let (drain, ended) = (drain.clone(), Arc::clone(&ended));
            tasks.spawn(name, Fate::EndsService, async move {
                drain.requested().await;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
        assert_eq!(tasks.running().len(), 2);
        drain.request();
        tasks.join().await.unwrap();
        assert_eq!(ended.load(Ordering::SeqCst), 2);
        assert!(tasks.running().is_empty());
    }

    #[tokio::test]
    async fn an_error_drains_the_service_and_is_returned() {
        let (tasks, drain, _) = tasks();
        let waits = drain.clone();
        tasks.spawn("waits", Fate::EndsService, async move {
            waits.requested().await;
            Ok(())
        });
        tasks.spawn("fails", Fate::MayFinish, async {
            Err(anyhow!("broken").context(ExitClass::Unavailable))
        });
        let error = tasks.join().await.unwrap_err();
        assert!(drain.is_requested());
        assert_eq!(ExitClass::code_of(&error), 69);
        assert!(format!("{error:#}").starts_with("task fails"));
    }

    #[tokio::test]
    async fn a_panic_is_counted_and_ends_the_service() {
        let (tasks, _, metrics) = tasks();
        tasks.spawn("falls", Fate::MayFinish, async { panic!("0123456789") });
        let error = tasks.join().await.unwrap_err();
        assert_eq!(ExitClass::code_of(&error), 70);
        assert!(!format!("{error:#}").contains("0123456789"));
        assert!(metrics.render().contains("dansync_task_panics_total{task=\"falls\"} 1"));
    }

    #[tokio::test]
    async fn an_early_end_ends_the_service_only_where_declared() {
        let (tasks, drain, metrics) = tasks();
        tasks.spawn_blocking("done", Fate::MayFinish, || Ok(()));
        assert!(metrics.render().contains("dansync_task_panics_total{task=\"done\"} 0"));
        tasks.spawn("needed", Fate::EndsService, async { Ok(()) });
        let error = tasks.join().await.unwrap_err();
        assert!(drain.is_requested());
        assert!(format!("{error:#}").contains("needed ended before the drain"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_restarting_task_begins_anew() {
        let (tasks, drain, _) = tasks();
        let tries = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&tries);
        tasks.spawn_restarting("again", Policy::DEPENDENCY, move || {
            let works = seen.fetch_add(1, Ordering::SeqCst) == 3;
            let outcome = works.then_some(()).ok_or_else(|| anyhow!("away"));
            async move { outcome }
        });
        tasks.tracker.close();
        tasks.tracker.wait().await;
        drain.request();
        tasks.join().await.unwrap();
        assert_eq!(tries.load(Ordering::SeqCst), 4);
    }
}
