//! Comparing everybody with one agreement: after an activation, a narrowing, a resumption, the first day.

use crate::comparer::{CompareError, Comparer, Scope};
use crate::run::Shared;
use disclosure_store::{
    Backfill, LaneKey, Lease, acquire, advance_backfill, business_date, finish_backfill, lock_persons,
    open_backfills, pass_barrier, person_page, release_lane, renew,
};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Persons in one transaction.
const PAGE: i64 = 500;
/// Between two looks for something to do.
const PERIOD: Duration = Duration::from_millis(500);
/// Another instance goes on when this one has been silent for so long.
const LEASE: Duration = Duration::from_secs(15);

/// Runs the comparisons that were asked for, each on one instance at a time.
pub(crate) async fn backfill(shared: Shared) -> anyhow::Result<()> {
    let mut comparer = Comparer::new(&shared);
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.drain.unless_requested(ticks.tick()).await.is_some() {
        let mut connection = shared.pool.acquire().await?;
        let open = open_backfills(&mut connection).await?;
        drop(connection);
        for one in open.into_iter().filter(|one| !one.finished) {
            let lane = LaneKey { agreement: one.agreement.clone(), mode: "backfill".to_owned() };
            if let Some(lease) = acquire(&shared.pool, &lane, shared.instance, LEASE).await? {
                let done = run(&shared, &mut comparer, one, &lease).await;
                release_lane(&shared.pool, &lease).await?;
                done?;
            }
        }
    }
    Ok(())
}

async fn run(
    shared: &Shared,
    comparer: &mut Comparer,
    mut job: Backfill,
    lease: &Lease,
) -> Result<(), CompareError> {
    if !barrier(shared, &job).await? {
        return Ok(());
    }
    tracing::info!(agreement = job.agreement, version = job.version, "comparing everybody");
    while !shared.drain.is_requested() && renew(&shared.pool, lease, LEASE).await? {
        match page(shared, comparer, &job).await {
            Ok(Step::Moved(next)) => job = next,
            Ok(Step::Over) => {
                tracing::info!(agreement = job.agreement, version = job.version, "everybody is compared");
                return Ok(());
            }
            Err(error) if error.is_contention() => shared.metrics.contention.increment(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn barrier(shared: &Shared, job: &Backfill) -> Result<bool, CompareError> {
    let mut connection = shared.pool.acquire().await?;
    Ok(pass_barrier(&mut connection, &job.agreement).await?)
}

enum Step {
    Moved(Backfill),
    /// Done, or asked for anew meanwhile.
    Over,
}

async fn page(shared: &Shared, comparer: &mut Comparer, job: &Backfill) -> Result<Step, CompareError> {
    let mut transaction = shared.pool.begin().await?;
    let persons = person_page(&mut transaction, job.cursor, PAGE).await?;
    let Some(last) = persons.last().copied() else {
        finish_backfill(&mut transaction, job).await?;
        transaction.commit().await?;
        shared.wake.authorised();
        return Ok(Step::Over);
    };
    lock_persons(&mut transaction, &persons).await?;
    let Some(business_date) = business_date(&mut transaction).await? else { return Ok(Step::Over) };
    let scope = Scope { business_date, only: Some(&job.agreement) };
    comparer.compare_stored(&mut transaction, &persons, scope).await?;
    if !advance_backfill(&mut transaction, job, last).await? {
        return Ok(Step::Over);
    }
    transaction.commit().await?;
    shared.wake.authorised();
    Ok(Step::Moved(Backfill { cursor: Some(last), ..job.clone() }))
}
