//! Waiting before trying again: exponential, with full jitter, capped, and cut short by the drain.
//!
//! The only place that uses the crate `backoff`.

use std::fmt::Display;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

use crate::drain::Drain;

/// No wait is longer: a dependency that returns is found within half a minute.
pub const MAX_DELAY: Duration = Duration::from_secs(30);

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The bound of the first wait.
    pub initial: Duration,
    /// The bound of every later wait; at most [`MAX_DELAY`].
    pub cap: Duration,
    /// How often to try at all; `None` until it works or the process drains.
    pub max_attempts: Option<u32>,
}

impl Policy {
    /// For a dependency that may be away: from 100 ms to 30 s, without end.
    pub const DEPENDENCY: Self =
        Self { initial: Duration::from_millis(100), cap: MAX_DELAY, max_attempts: None };

    /// For a database transaction that lost against another one (deadlock, serialization failure).
    pub const CONTENTION: Self =
        Self { initial: Duration::from_millis(5), cap: Duration::from_millis(500), max_attempts: Some(20) };
}

/// The waits of one series of attempts.
#[derive(Debug)]
pub struct Backoff {
    waits: ExponentialBackoff,
    policy: Policy,
    attempts: u32,
}

impl Backoff {
    /// A series that begins with the policy's first wait.
    pub fn new(policy: Policy) -> Self {
        // The crate draws from [interval × (1 − factor), interval × (1 + factor)]: with factor 1, half the bound as
        // interval gives the whole range from zero to the bound, which is full jitter.
        let interval = policy.initial.min(MAX_DELAY) / 2;
        let waits = ExponentialBackoff {
            current_interval: interval,
            initial_interval: interval,
            randomization_factor: 1.0,
            multiplier: 2.0,
            max_interval: policy.cap.min(MAX_DELAY) / 2,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { waits, policy, attempts: 0 }
    }

    /// How long to wait before the next attempt; `None` when the policy's attempts are used up.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        if self.policy.max_attempts.is_some_and(|limit| self.attempts >= limit) {
            return None;
        }
        self.waits.next_backoff().map(|delay| delay.min(MAX_DELAY))
    }

    /// Begins again, after a success.
    pub fn reset(&mut self) {
        self.attempts = 0;
        self.waits.reset();
    }

    /// Waits for the next attempt. `false`: there is none, because the attempts are used up or the process drains.
    pub async fn wait(&mut self, drain: &Drain) -> bool {
        match self.next_delay() {
            Some(delay) => wait_for(delay, drain).await,
            None => false,
        }
    }
}

/// Waits `delay`; `false` when the drain came first.
pub async fn wait_for(delay: Duration, drain: &Drain) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one place that may wait for time to pass")]
    let elapsed = drain.unless_requested(tokio::time::sleep(delay)).await;
    elapsed.is_some()
}

/// What an attempt's error says about another attempt.
#[derive(Debug)]
pub enum Attempt<E> {
    /// It may work later.
    Again(E),
    /// It never will.
    Never(E),
}

/// Why [`retry`] gave up.
#[derive(Debug, thiserror::Error)]
pub enum GaveUp<E> {
    /// An error that no other attempt would change.
    #[error("{0}")]
    Never(E),
    /// The policy's attempts are used up; the last error.
    #[error("still failing after the last attempt: {0}")]
    Exhausted(E),
    /// The process drains; the last error.
    #[error("stopped by the drain while failing: {0}")]
    Draining(E),
}

impl<E> GaveUp<E> {
    /// The error of the last attempt.
    pub fn into_error(self) -> E {
        match self {
            Self::Never(error) | Self::Exhausted(error) | Self::Draining(error) => error,
        }
    }
}

/// Runs `operation` until it succeeds, cannot succeed, has used up the policy's attempts, or the process drains.
/// `what` names it in the log. The error's text is logged: it must hold no personal value.
pub async fn retry<T, E, F>(
    policy: Policy,
    drain: &Drain,
    what: &'static str,
    mut operation: impl FnMut() -> F,
) -> Result<T, GaveUp<E>>
where
    E: Display,
    F: Future<Output = Result<T, Attempt<E>>>,
{
    let mut backoff = Backoff::new(policy);
    loop {
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(Attempt::Never(error)) => return Err(GaveUp::Never(error)),
            Err(Attempt::Again(error)) => error,
        };
        let Some(delay) = backoff.next_delay() else {
            return Err(GaveUp::Exhausted(error));
        };
        tracing::warn!(what, attempt = backoff.attempts, delay_ms = delay.as_millis(), %error, "trying again");
        if !wait_for(delay, drain).await {
            return Err(GaveUp::Draining(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_its_bound(initial in 1_u64..2_000, attempts in 1_u32..20) {
            let policy = Policy { initial: Duration::from_millis(initial), ..Policy::DEPENDENCY };
            let mut backoff = Backoff::new(policy);
            for attempt in 0..attempts {
                let bound = (policy.initial * 2_u32.pow(attempt.min(16))).min(MAX_DELAY) + Duration::from_micros(1);
                prop_assert!(backoff.next_delay().unwrap() <= bound);
            }
        }
    }

    #[test]
    fn waits_grow_and_a_reset_begins_again() {
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        let total: Duration = (0..200).map(|_| backoff.next_delay().unwrap()).sum();
        assert!(total > Duration::from_secs(1_000), "200 waits of up to 30 s took only {total:?}");
        backoff.reset();
        assert!(backoff.next_delay().unwrap() <= Policy::DEPENDENCY.initial);
    }

    #[tokio::test(start_paused = true)]
    async fn it_tries_until_it_works() {
        let tries = AtomicU32::new(0);
        let began = Instant::now();
        let drain = Drain::new();
        let outcome = retry(Policy::DEPENDENCY, &drain, "test", || async {
            match tries.fetch_add(1, Ordering::SeqCst) {
                0..4 => Err(Attempt::Again("away")),
                _ => Ok(9),
            }
        });
        assert_eq!(outcome.await.unwrap(), 9);
        assert_eq!(tries.load(Ordering::SeqCst), 5);
        assert!(began.elapsed() <= Duration::from_millis(100 + 200 + 400 + 800 + 10));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_at_an_error_for_good_and_at_the_last_attempt() {
        let drain = Drain::new();
        let never =
            retry(Policy::DEPENDENCY, &drain, "test", || async { Err::<(), _>(Attempt::Never("no")) }).await;
        assert!(matches!(never, Err(GaveUp::Never("no"))));
        let policy = Policy { max_attempts: Some(3), ..Policy::CONTENTION };
        let tries = AtomicU32::new(0);
        let exhausted = retry(policy, &drain, "test", || async {
            tries.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(Attempt::Again("busy"))
        });
        assert!(matches!(exhausted.await, Err(GaveUp::Exhausted("busy"))));
        assert_eq!(tries.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_drain_cuts_a_wait_short() {
        let drain = Drain::new();
        let waiting = wait_for(MAX_DELAY, &drain);
        let requesting = async { drain.request() };
        let (waited, ()) = tokio::join!(waiting, requesting);
        assert!(!waited);
    }
}
