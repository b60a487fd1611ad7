//! Changes at a steady rate: an open loop. Each change has its time, whatever became of the ones before.

use super::subjects::Subject;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Writers: enough that none is still in its commit when its next change is due.
const WRITERS: u32 = 8;
/// Until the first change: all writers have their connections by then.
const LEAD: Duration = Duration::from_millis(300);

/// The commune police correct an address.
const CHANGE: &str = "update cu_tru.thuong_tru set dia_chi = 'N' || id || '.' || coalesce(dia_chi, ''), cap_nhat_luc = now() \
     where id = $1";

/// A change that was made.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) subject: Subject,
    /// When it was to be made.
    pub(super) due: DateTime<Utc>,
    /// How long after that it was begun.
    pub(super) late: Duration,
}

/// Makes one change for each subject, so many a second.
pub(super) async fn generate(pool: &PgPool, subjects: &[Subject], rate: u32) -> anyhow::Result<Vec<Change>> {
    let (start, wall) = (Instant::now() + LEAD, Utc::now() + TimeDelta::from_std(LEAD)?);
    let step = Duration::from_secs(1) / rate;
    let writers = (0..WRITERS).map(|writer| async move {
        let mut connection = pool.acquire().await?;
        let mut turns = interval_at(start + step * writer, step * WRITERS);
        // What is late is made up for at once, and its lateness is told.
        turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut made = Vec::new();
        let (first, every) = (usize::try_from(writer)?, usize::try_from(WRITERS)?);
        for subject in subjects.iter().skip(first).step_by(every) {
            let due = turns.tick().await;
            let late = due.elapsed();
            let written = sqlx::query(CHANGE).bind(subject.row).execute(&mut *connection).await?;
            anyhow::ensure!(written.rows_affected() == 1, "a registration is gone");
            let due = wall + TimeDelta::from_std(due - start)?;
            made.push(Change { subject: subject.clone(), due, late });
        }
        Ok(made)
    });
    let made: Vec<Vec<Change>> = futures_util::future::try_join_all(writers).await?;
    Ok(made.concat())
}
