//! The business day: when it changes in Vietnam, one instance says so, and everybody hears it from the log.

use crate::run::Shared;
use anyhow::Context as _;
use chrono::NaiveDate;
use event_log::{ControlEvent, IdempotentProducer, Message as _, OutgoingRecord, put_wire_header};
use registry_store::{present, try_lease};
use std::time::Duration;

/// The lease of whoever says so.
const LEASE: &str = "day";
/// How long it lasts without being renewed.
const LEASE_SECONDS: i32 = 30;
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Opens each day until the drain.
pub(crate) async fn open_days(shared: Shared) -> anyhow::Result<()> {
    let producer = IdempotentProducer::open(&shared.kafka).await?;
    let mut look = tokio::time::interval(LOOK);
    // A new registry knows its day, yet the others hear of it from the log only.
    let mut untold = is_silent(&shared).await?;
    let mut opened = None;
    while shared.drain.unless_requested(look.tick()).await.is_some() {
        let today = shared.clock.business_date();
        if opened != Some(today) && is_ours(&shared, today, untold).await? {
            announce(&shared, &producer, today).await?;
            opened = Some(today);
            untold = false;
        }
    }
    Ok(())
}

/// Whether no day was ever opened on this log.
async fn is_silent(shared: &Shared) -> anyhow::Result<bool> {
    let ends = event_log::end_offsets(&shared.kafka, &shared.kafka.topics().control()).await?;
    Ok(ends.values().all(|end| *end == 0))
}

/// Whether the day is still to be opened and nobody else has the lease.
async fn is_ours(shared: &Shared, today: NaiveDate, untold: bool) -> anyhow::Result<bool> {
    let found = shared
        .steadily(|| async {
            let mut connection = shared.pool.acquire().await?;
            let behind = present(&mut connection).await?.date < today;
            Ok((behind || untold)
                && try_lease(&mut connection, LEASE, &shared.instance, LEASE_SECONDS).await?)
        })
        .await?;
    Ok(found.unwrap_or(false))
}

async fn announce(shared: &Shared, producer: &IdempotentProducer, date: NaiveDate) -> anyhow::Result<()> {
    let event = ControlEvent::DayOpened { date };
    let schema = ControlEvent::schema();
    let id =
        shared.schemas.ensure_embedded(schema).await.context("registering the schema of control events")?;
    let mut payload = Vec::new();
    put_wire_header(id, &mut payload);
    event.encode(&mut payload)?;
    let record = OutgoingRecord::new(&shared.kafka.topics().control(), event.key(), payload)
        .with_fingerprint(schema.fingerprint()?);
    producer.send(vec![record]).await?;
    tracing::info!(%date, "the day is opened");
    Ok(())
}
