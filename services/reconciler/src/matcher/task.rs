//! The matcher's task: whoever gets the lease works until the drain; the others stand by.

use crate::apply::Summary;
use crate::run::Shared;
use registry_store::match_counts;
use std::time::{Duration, Instant};

/// How often the lease and what waits are looked at where there was nothing to do.
const LOOK: Duration = Duration::from_millis(500);
/// How often what waits is counted for the metrics.
const COUNT: Duration = Duration::from_secs(15);

/// Matches until the drain. Without a model nobody does.
pub(crate) async fn match_records(shared: Shared) -> anyhow::Result<()> {
    if shared.reconciler.settings.matching.is_none() {
        tracing::warn!(
            "no [matching] model is configured: records without a number stay where their source key puts them"
        );
        shared.drain.requested().await;
        return Ok(());
    }
    let mut counted: Option<tokio::time::Instant> = None;
    // The first load may have come to where it waits for the matcher.
    while shared.drain.unless_requested(tokio::time::timeout(LOOK, shared.loaded.notified())).await.is_some()
    {
        loop {
            let began = Instant::now();
            let step = shared
                .steadily(|| async {
                    let mut summary = Summary::default();
                    let matched = shared.reconciler.match_step(&shared.instance, &mut summary).await?;
                    Ok((matched, summary))
                })
                .await?;
            let Some((matched, summary)) = step else { return Ok(()) };
            shared.metrics.merged(&summary);
            shared.metrics.matched(&matched);
            if summary.more_to_do {
                shared.wake.notify_one();
            }
            let given_way = shared.drain.unless_requested(shared.log.give_way(began.elapsed())).await;
            if !matched.worked || given_way.is_none() {
                break;
            }
        }
        if counted.is_none_or(|at| at.elapsed() >= COUNT) {
            let counts =
                shared.steadily(|| async { match_counts(&mut *shared.pool.acquire().await?).await }).await?;
            let Some(counts) = counts else { return Ok(()) };
            shared.metrics.to_match(&counts);
            counted = Some(tokio::time::Instant::now());
        }
    }
    Ok(())
}
