//! Background work gives way to the log. It and a batch touch the same persons and keys, so that one waits for the other
//! whichever comes first; what waits in the registry can wait a little longer, what waits in the log is news.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long the log must have been quiet before others have the registry to themselves.
const QUIET: Duration = Duration::from_millis(50);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// While the log is busy, one part in so many of the time goes to each kind of background work: it falls behind, but goes on.
const PARTS: u32 = 5;
/// The longest rest, however long a transaction took.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Whether this instance applies what it reads from the log.
#[derive(Debug)]
pub(crate) struct LogActivity(Mutex<Activity>);

#[derive(Clone, Copy, Debug)]
enum Activity {
    Applying,
    QuietSince(Instant),
}

impl Default for LogActivity {
    fn default() -> Self {
        Self(Mutex::new(Activity::QuietSince(Instant::now())))
    }
}

impl LogActivity {
    /// A batch is being applied from now on.
    pub(crate) fn begin(&self) {
        self.set(Activity::Applying);
    }

    /// It is applied.
    pub(crate) fn end(&self) {
        self.set(Activity::QuietSince(Instant::now()));
    }

    fn set(&self, activity: Activity) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }

    fn is_quiet(&self) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Activity::Applying => false,
            Activity::QuietSince(since) => since.elapsed() >= QUIET,
        }
    }

    /// After a transaction of background work that took so long: returns when the log is quiet, or the work has rested.
    pub(crate) async fn give_way(&self, took: Duration) {
        let rested = Instant::now() + (took * (PARTS - 1)).min(LONGEST_REST);
        let mut looks = tokio::time::interval(LOOK);
        while !self.is_quiet() && Instant::now() < rested {
            looks.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest(activity: &LogActivity, took: Duration) -> Duration {
        let began = Instant::now();
        activity.give_way(took).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn background_work_rests_in_proportion_while_the_log_is_busy_and_not_at_all_while_it_is_quiet() {
        let activity = LogActivity::default();
        tokio::time::advance(QUIET).await;
        let took = Duration::from_millis(200);
        assert_eq!(rest(&activity, took).await, Duration::ZERO);
        activity.begin();
        assert_eq!(rest(&activity, took).await, took * 4);
        assert_eq!(rest(&activity, Duration::from_mins(1)).await, LONGEST_REST, "it is never given up");
        activity.end();
        assert_eq!(rest(&activity, took).await, QUIET, "the next batch may be at the door");
    }
}
