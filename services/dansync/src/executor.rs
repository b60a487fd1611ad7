//! Runs a command that talks to databases and brokers.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

/// How often something is looked at that another process brings about: seldom enough to be no load.
const RHYTHM: Duration = Duration::from_millis(250);

/// Runs `work` to its end. Threads that still wait for a broker do not hold the process.
pub(crate) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the command's threads")?;
    let outcome = executor.block_on(work);
    executor.shutdown_background();
    outcome
}

/// Looks again until there is something or the time is over; looks once in any case.
pub(crate) async fn wait_for<T>(
    limit: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let begun = Instant::now();
    let mut rhythm = tokio::time::interval(RHYTHM);
    loop {
        rhythm.tick().await;
        let found = look().await?;
        if found.is_some() || begun.elapsed() >= limit {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_what_is_awaited_or_with_the_time() {
        let mut looks = 0;
        let found = run(wait_for(Duration::from_mins(1), async || {
            looks += 1;
            Ok((looks == 2).then_some(looks))
        }));
        assert_eq!(found.unwrap(), Some(2));
        assert_eq!(run(wait_for(Duration::ZERO, async || Ok(None::<()>))).unwrap(), None);
    }
}
