//! Step two: one lane. Marks and guards (`marking`), sends, settles; in release order per person, folding what waits.

use crate::agreements::{Agreements, InUse};
use crate::marking::Marked;
use crate::metrics::{DeliveryOutcome, ErrorType, PausedReason, Stage};
use crate::plan::Turn;
use crate::receiver::{Received, Receiver, ReceiverError, key_of};
use crate::run::Shared;
use disclosure_store::{
    LaneKey, Lease, OpenDelivery, Outcome, StoreError, business_date, complete_backfill, erase_content_of,
    fields_ever, has_open, open_backfills, open_deliveries, park, pending, release_lane, renew, settle,
};
use registry_rules::Mode;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::crash_point;
use service_runtime::metrics::Label;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Persons in one send: a few hundred kilobytes, a few milliseconds at the receiver.
const BATCH: i64 = 500;
/// Shortest time from one pass to the next: under load a pass then takes several changes along, and three commits are paid
/// once for all of them. A lone change does not wait. Where a pass takes long the lane rests as long as it worked, up to
/// [`LONGEST_PACE`] times this, unless more waits than one pass takes: on a busy machine it then leaves room to the others.
const DATABASE_PACE: Duration = Duration::from_millis(15);
/// The same for a topic. Each pass is a Kafka transaction as well, which costs the broker milliseconds of processor time
/// however few records it holds, and whoever reads a topic is not waiting for an answer.
const TOPIC_PACE: Duration = Duration::from_millis(500);
/// See [`DATABASE_PACE`].
const LONGEST_PACE: u32 = 5;
/// A look without having been woken; also finds what was parked.
const LOOK: Duration = Duration::from_millis(250);
/// How long a silent holder keeps its lane.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// A third of the lease, so that two renewals may fail.
const RENEWAL: Duration = Duration::from_secs(3);
/// First and longest wait of a person whom the receiver refused.
const REFUSED: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

/// A lane that this instance holds.
pub(crate) struct Lane {
    pub(crate) shared: Shared,
    pub(crate) lease: Lease,
    pub(crate) receiver: Receiver,
    pub(crate) agreements: Agreements,
    /// Plain rows by version, for the guard.
    pub(crate) rows: BTreeMap<i32, Arc<[String]>>,
    /// What the receiver is ready for.
    prepared: Option<InUse>,
    /// When the lane last did all that an idle one has to do.
    looked: Instant,
}

/// What one pass did.
#[derive(Debug, PartialEq, Eq)]
enum Pass {
    Sent,
    /// As many as one pass takes: there are more.
    Full,
    Idle,
    /// Another instance has the lane.
    Lost,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
}

impl From<sqlx::Error> for LaneError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Lane {
    pub(crate) fn new(shared: Shared, lease: Lease, receiver: Receiver, agreements: Agreements) -> Self {
        Self {
            shared,
            lease,
            receiver,
            agreements,
            rows: BTreeMap::new(),
            prepared: None,
            looked: Instant::now(),
        }
    }

    pub(crate) fn key(&self) -> &LaneKey {
        &self.lease.lane
    }

    pub(crate) fn agreement(&self) -> &str {
        &self.lease.lane.agreement
    }

    const fn pace(&self) -> Duration {
        match self.receiver {
            Receiver::Database(_) => DATABASE_PACE,
            Receiver::Topic(_) => TOPIC_PACE,
        }
    }

    /// From the beginning of a pass that took so long to that of the next.
    fn rest(&self, took: Duration, is_full: bool) -> Duration {
        let pace = self.pace();
        if is_full { pace } else { (took * 2).clamp(pace, pace * LONGEST_PACE) }
    }

    /// Sends until the drain, or until another instance has the lane.
    pub(crate) async fn run(mut self) {
        let (shared, lease) = (self.shared.clone(), self.lease.clone());
        tracing::info!(lane = %lease.lane, "sending");
        tokio::select! {
            () = self.work() => {}
            () = keep(&shared, &lease) => {}
        }
        if let Err(error) = release_lane(&shared.pool, &lease).await {
            tracing::debug!(%error, "the lane was not given back; its lease ends by itself");
        }
        shared.metrics.pending.forget([lease.lane.agreement.as_str()]);
        shared.metrics.oldest_pending.forget([lease.lane.agreement.as_str()]);
        tracing::info!(lane = %lease.lane, "no longer sending");
    }

    async fn work(&mut self) {
        let mut woken = self.shared.wake.lanes();
        let mut backoff = Backoff::new(Policy::DEPENDENCY);
        let mut began = Instant::now();
        let mut rest = Duration::ZERO;
        while !self.shared.drain.is_requested() {
            tokio::time::sleep_until((began + rest).into()).await;
            woken.borrow_and_update();
            began = Instant::now();
            let passed = self.pass().await;
            rest = self.rest(began.elapsed(), matches!(passed, Ok(Pass::Full)));
            let error = match passed {
                Ok(Pass::Lost) | Err(LaneError::Receiver(ReceiverError::Fenced)) => return,
                Ok(done) => {
                    backoff.reset();
                    self.show_up(true, None);
                    if done == Pass::Idle {
                        let waiting = tokio::time::timeout(LOOK, woken.changed());
                        // Either way it is time to look.
                        self.shared.drain.unless_requested(waiting).await;
                    }
                    continue;
                }
                Err(error) => error,
            };
            let paused = match &error {
                LaneError::Receiver(ReceiverError::Mapping(_)) => PausedReason::Mapping,
                LaneError::Receiver(_) | LaneError::Store(_) => PausedReason::Receiver,
            };
            if !matches!(&error, LaneError::Store(error) if error.is_contention()) {
                self.show_up(false, Some(paused));
                let failed = match &error {
                    LaneError::Store(_) => ErrorType::DisclosureAway,
                    LaneError::Receiver(_) => ErrorType::ReceiverAway,
                };
                self.shared.metrics.failed(Stage::Sending, failed);
                tracing::warn!(lane = %self.key(), %error, "the lane waits");
            }
            backoff.wait(&self.shared.drain).await;
        }
    }

    fn show_up(&self, up: bool, paused: Option<PausedReason>) {
        self.shared.metrics.subscriber_up.with([self.agreement()]).set_flag(up);
        for reason in PausedReason::ALL {
            let labels = [Label::id(self.agreement()), (*reason).into()];
            self.shared.metrics.subscriber_paused.with(labels).set_flag(paused == Some(*reason));
        }
    }

    /// What an idle lane has to look after is due.
    fn is_look_due(&mut self) -> bool {
        let due = self.looked.elapsed() >= LOOK;
        if due {
            self.looked = Instant::now();
        }
        due
    }

    /// What waits. Asked before anything is marked: a wake is for all lanes and mostly for others, and one question answers
    /// it. Nobody but the lane's holder changes what is open, and whether that is still us is asked under the lease.
    async fn open(&self) -> Result<Vec<OpenDelivery>, LaneError> {
        let mut connection = self.shared.pool.acquire().await?;
        Ok(open_deliveries(&mut connection, &self.lease.lane, BATCH).await?)
    }

    async fn pass(&mut self) -> Result<Pass, LaneError> {
        let open = self.open().await?;
        let is_full = i64::try_from(open.len()).is_ok_and(|open| open >= BATCH);
        let done = if is_full { Pass::Full } else { Pass::Sent };
        if open.is_empty() && !self.is_look_due() {
            return Ok(Pass::Idle);
        }
        let prepared = match self.prepared.take() {
            Some(prepared) => Some(prepared),
            None => self.prepare().await?,
        };
        let Some(in_use) = prepared else { return Ok(Pass::Idle) };
        if open.is_empty() {
            self.complete(&in_use).await?;
            return Ok(Pass::Idle);
        }
        let turns = match self.mark(&in_use, open).await? {
            Marked::Lost => return Ok(Pass::Lost),
            // Settled without the receiver, or another version is in force by now.
            Marked::Again => return Ok(done),
            Marked::Turns(turns) => turns,
        };
        // Kept for the next pass; after a failure and when idle it is looked up and opened again.
        self.prepared = Some(in_use);
        crash_point!("deliver.after-attempted");
        let began = Instant::now();
        let sent = self.receiver.send(&turns).await;
        let agreement = self.agreement();
        self.shared.metrics.delivery_duration.with([agreement]).observe(began.elapsed());
        let received = match sent {
            Ok(received) => received,
            Err(error) => {
                self.shared.metrics.count(agreement, DeliveryOutcome::Retried, turns.len());
                self.prepared = None;
                return Err(error.into());
            }
        };
        crash_point!("deliver.before-outcome");
        self.settle(&turns, &received).await?;
        Ok(done)
    }

    /// Makes the receiver ready for what is in force, before anything is locked: opening a topic takes its time. None when
    /// the agreement cannot be read.
    async fn prepare(&mut self) -> Result<Option<InUse>, LaneError> {
        let mut connection = self.shared.pool.acquire().await?;
        let in_use = self.in_use(&mut connection).await?;
        if let Some(one) = &in_use {
            if let Receiver::Database(database) = &mut self.receiver
                && !database.is_bound_to(one.row.version)
            {
                database.knows(fields_ever(&mut connection, &one.row.agreement, one.row.version).await?);
            }
            drop(connection);
            self.receiver.prepare(one).await?;
        }
        Ok(in_use)
    }

    async fn in_use(&mut self, connection: &mut PgConnection) -> Result<Option<InUse>, StoreError> {
        let all = self.agreements.in_use(connection).await?;
        Ok(all.into_iter().find(|one| one.row.agreement == self.lease.lane.agreement))
    }

    pub(crate) async fn write_outcomes(
        &self,
        connection: &mut PgConnection,
        settled: &[disclosure_store::Settlement],
        withdrawn: &[(registry_rules::PersonId, i64)],
    ) -> Result<(), StoreError> {
        if !settled.is_empty() {
            settle(connection, self.key(), settled).await?;
        }
        if !withdrawn.is_empty()
            && let Some(day) = business_date(connection).await?
        {
            erase_content_of(connection, self.agreement(), withdrawn, day).await?;
        }
        Ok(())
    }

    async fn settle(&self, turns: &[Turn], received: &Received) -> Result<(), LaneError> {
        if received.refused.is_empty() && received.withdrawn.is_empty() {
            let mut connection = self.shared.pool.acquire().await?;
            self.write_outcomes(&mut connection, &received.settled, &[]).await?;
        } else {
            self.settle_and_park(turns, received).await?;
        }
        self.observe(turns, received);
        Ok(())
    }

    async fn settle_and_park(&self, turns: &[Turn], received: &Received) -> Result<(), LaneError> {
        let mut transaction = self.shared.pool.begin().await?;
        self.write_outcomes(&mut transaction, &received.settled, &received.withdrawn).await?;
        for (key, reason) in &received.refused {
            let attempts =
                turns.iter().find(|turn| key_of(turn) == *key).map_or(0, |turn| turn.newest.attempts);
            let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
            let wait = REFUSED.0.saturating_mul(1 << doublings).min(REFUSED.1);
            tracing::warn!(lane = %self.key(), reason, "the receiver refuses a person, who waits");
            self.shared.metrics.failed(Stage::Sending, ErrorType::RowRefused);
            park(&mut transaction, self.key(), key, wait, reason).await?;
        }
        Ok(transaction.commit().await?)
    }

    fn observe(&self, turns: &[Turn], received: &Received) {
        let agreement = self.agreement();
        self.count(&received.settled);
        self.shared.metrics.count(agreement, DeliveryOutcome::Duplicate, received.duplicates);
        self.shared.metrics.count(agreement, DeliveryOutcome::Failed, received.refused.len());
        let now = self.shared.clock.now();
        let stage = [Label::fixed("delivered"), Label::fixed("registry"), Label::id(agreement)];
        let freshness = self.shared.metrics.freshness.with(stage);
        for turn in turns.iter().filter(|turn| !turn.resolve_only) {
            freshness.observe((now - turn.newest.authorised_at).to_std().unwrap_or_default());
        }
    }

    pub(crate) fn count(&self, settled: &[disclosure_store::Settlement]) {
        for settlement in settled {
            let outcome = match settlement.outcome {
                Outcome::Delivered => DeliveryOutcome::Delivered,
                Outcome::Superseded => DeliveryOutcome::Superseded,
                Outcome::Withdrawn => DeliveryOutcome::Withdrawn,
            };
            self.shared.metrics.count(self.agreement(), outcome, 1);
        }
    }

    /// Once everybody is compared and sent, tells the subscriber so; the topic does, where there is one.
    async fn complete(&mut self, in_use: &InUse) -> Result<(), LaneError> {
        let has_topic = in_use.compiled.agreement.modes.contains(&Mode::Topic);
        if has_topic != matches!(self.receiver, Receiver::Topic(_)) {
            return Ok(());
        }
        let mut connection = self.shared.pool.acquire().await?;
        let open = open_backfills(&mut connection).await?;
        let done = open.into_iter().find(|job| {
            job.agreement == in_use.row.agreement
                && job.finished
                && !job.completed
                && job.generation == in_use.row.generation
        });
        let Some(done) = done else { return Ok(()) };
        if has_open(&mut connection, &self.lease.lane, done.generation).await? {
            return Ok(());
        }
        self.receiver.complete(in_use).await?;
        complete_backfill(&mut connection, &done).await?;
        tracing::info!(lane = %self.lease.lane, generation = done.generation, "everybody has been sent");
        Ok(())
    }
}

/// Renews the lease until it is lost, and shows how much waits.
async fn keep(shared: &Shared, lease: &Lease) {
    let mut ticks = tokio::time::interval(RENEWAL);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        match renew(&shared.pool, lease, LEASE).await {
            Ok(true) => renewed = Instant::now(),
            Ok(false) => {
                tracing::warn!(lane = %lease.lane, "another instance has the lane");
                return;
            }
            // Others may hold it by now; whatever is marked here afterwards is refused by the lease's row.
            Err(error) if renewed.elapsed() > LEASE => {
                tracing::warn!(lane = %lease.lane, %error, "the lease could not be renewed");
                return;
            }
            Err(_) => continue,
        }
        let Ok(mut connection) = shared.pool.acquire().await else { continue };
        if let Ok(waits) = pending(&mut connection, &lease.lane.agreement).await {
            let agreement = lease.lane.agreement.as_str();
            shared.metrics.pending.with([agreement]).set_count(waits.records.unsigned_abs());
            shared.metrics.oldest_pending.with([agreement]).set(waits.oldest_seconds);
        }
    }
}
