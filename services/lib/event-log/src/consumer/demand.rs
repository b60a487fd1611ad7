//! A batch is handed over when it is asked for: what comes while its taker is busy goes together, instead of waiting in a
//! row of small batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Whether the taker waits for a batch.
#[derive(Debug, Default)]
pub(super) struct Demand {
    asked: AtomicBool,
    changed: Notify,
}

impl Demand {
    /// The taker is free.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// A batch is on its way.
    pub(super) fn met(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// Waits outside the runtime until the taker asks; whether it did within the time.
    pub(super) fn wait(&self, runtime: &Handle, limit: Duration) -> bool {
        let asked = async {
            while !self.is_asked() {
                self.changed.notified().await;
            }
        };
        self.is_asked() || runtime.block_on(async { tokio::time::timeout(limit, asked).await.is_ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::Demand;
    use std::time::Duration;

    #[test]
    fn what_is_asked_is_met_once() {
        // One with threads of its own: they run its clock while this one waits.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let demand = Demand::default();
        assert!(!demand.wait(runtime.handle(), Duration::ZERO));
        demand.ask();
        assert!(demand.wait(runtime.handle(), Duration::ZERO));
        demand.met();
        // The notice of what was met is no new demand.
        assert!(!demand.wait(runtime.handle(), Duration::ZERO));
    }
}
