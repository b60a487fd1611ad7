//! Which lanes there are, and who takes those that nobody holds.

use crate::agreements::Agreements;
use crate::database::DatabaseReceiver;
use crate::lane::{LEASE, Lane};
use crate::receiver::Receiver;
use crate::run::{Sector, Shared};
use crate::topic::TopicReceiver;
use disclosure_store::{LaneKey, acquire};
use registry_rules::Mode;
use service_runtime::Fate;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Between two looks for lanes without holder.
const PERIOD: Duration = Duration::from_millis(500);

/// Lanes that this instance sends on.
type Held = Arc<Mutex<BTreeSet<LaneKey>>>;

/// Takes lanes and starts a task for each, until the drain.
pub(crate) async fn lanes(shared: Shared) -> anyhow::Result<()> {
    let held = Held::default();
    let mut agreements =
        Agreements::new(Arc::clone(&shared.catalogue), shared.master.clone(), shared.metrics.clone());
    let ready = shared.readiness.check("lanes");
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.drain.unless_requested(ticks.tick()).await.is_some() {
        let mut connection = shared.pool.acquire().await?;
        let in_use = agreements.in_use(&mut connection).await?;
        drop(connection);
        for one in &in_use {
            for mode in one.compiled.agreement.modes.iter().copied().filter(|mode| mode.is_pushed()) {
                let key = LaneKey { agreement: one.row.agreement.clone(), mode: mode.as_str().to_owned() };
                take(&shared, &held, key, mode).await?;
            }
        }
        ready.set(true);
    }
    Ok(())
}

async fn take(shared: &Shared, held: &Held, key: LaneKey, mode: Mode) -> anyhow::Result<()> {
    let sector = shared.sectors.get(&key.agreement);
    let can = match mode {
        Mode::Topic => true,
        Mode::Database => sector.is_some(),
        Mode::Webhook | Mode::Pull | Mode::Lookup | Mode::Verify | Mode::Written => false,
    };
    let mine = held.lock().unwrap_or_else(PoisonError::into_inner).contains(&key);
    if mine || !can {
        return Ok(());
    }
    let Some(lease) = acquire(&shared.pool, &key, shared.instance, LEASE).await? else { return Ok(()) };
    held.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    let receiver = match sector.filter(|_| mode == Mode::Database) {
        Some(Sector { mapping, options, connections }) => Receiver::Database(Box::new(
            DatabaseReceiver::new(mapping.clone(), options.clone(), *connections),
        )),
        None => Receiver::Topic(Box::new(TopicReceiver::new(shared.clone()))),
    };
    let agreements =
        Agreements::new(Arc::clone(&shared.catalogue), shared.master.clone(), shared.metrics.clone());
    let lane = Lane::new(shared.clone(), lease, receiver, agreements);
    let held = Arc::clone(held);
    shared.tasks.spawn(format!("lane {key}"), Fate::MayFinish, async move {
        lane.run().await;
        held.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        Ok(())
    });
    Ok(())
}
