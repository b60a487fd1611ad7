//! Persons whose answer changes because a day has come: a sixtieth birthday sends no record.

use crate::comparer::{CompareError, Comparer, Scope};
use crate::run::Shared;
use disclosure_store::{LaneKey, acquire, business_date, due_persons, lock_persons, renew};
use registry_rules::PersonId;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Persons in one transaction.
const PAGE: i64 = 500;
/// Between two looks; a day lasts long, but withdrawn content waits for this too.
const PERIOD: Duration = Duration::from_secs(1);
/// Another instance takes over when this one has been silent for so long.
const LEASE: Duration = Duration::from_secs(15);

/// Reviews what is due, on the instance that holds the lease.
pub(crate) async fn review(shared: Shared) -> anyhow::Result<()> {
    let lane = LaneKey { agreement: "*".to_owned(), mode: "review".to_owned() };
    let mut comparer = Comparer::new(&shared);
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lease = None;
    while shared.drain.unless_requested(ticks.tick()).await.is_some() {
        lease = match lease {
            Some(held) => renew(&shared.pool, &held, LEASE).await?.then_some(held),
            None => acquire(&shared.pool, &lane, shared.instance, LEASE).await?,
        };
        if lease.is_some() {
            review_all(&shared, &mut comparer).await?;
        }
    }
    if let Some(lease) = lease {
        disclosure_store::release_lane(&shared.pool, &lease).await?;
    }
    Ok(())
}

/// Page after page, until none is due or a page comes again unchanged (its persons cannot be compared now).
async fn review_all(shared: &Shared, comparer: &mut Comparer) -> Result<(), CompareError> {
    let mut before = Vec::new();
    while !shared.drain.is_requested() {
        match page(shared, comparer).await {
            Ok(due) if due.is_empty() || due == before => return Ok(()),
            Ok(due) => before = due,
            Err(error) if error.is_contention() => shared.metrics.contention.increment(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn page(shared: &Shared, comparer: &mut Comparer) -> Result<Vec<PersonId>, CompareError> {
    let mut transaction = shared.pool.begin().await?;
    let Some(day) = business_date(&mut transaction).await? else { return Ok(Vec::new()) };
    let mut due = due_persons(&mut transaction, day, PAGE).await?;
    if due.is_empty() {
        return Ok(due);
    }
    due.sort_unstable();
    lock_persons(&mut transaction, &due).await?;
    // Read again under the locks: the day may have moved while waiting for them.
    let Some(business_date) = business_date(&mut transaction).await? else { return Ok(Vec::new()) };
    comparer.compare_stored(&mut transaction, &due, Scope { business_date, only: None }).await?;
    transaction.commit().await?;
    shared.wake.authorised();
    Ok(due)
}
