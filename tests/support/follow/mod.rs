//! Follows what an office has written, hop by hop, until every sector that may know has it. Nothing is measured here: each hop
//! is read where it left its trace (topic, registry, disclosure database, sector), with the time written there.
//!
//! It knows the end without waiting for quiet: the row's records are found in their topic by their version, then in the
//! registry at or above it; the persons they stand for, and those tied to them, are followed once none of them is due any
//! more; the disclosure side holds their versions, and in the same transaction all that was authorised about them; what was
//! authorised has its outcome.

mod answered;
mod captured;
mod hop;
mod late;
mod marks;
mod merged;
mod places;
mod released;

pub use hop::{Hop, Tie, Withheld};
pub use late::{Late, Stage};
pub use marks::Marks;
pub use places::{Places, STEWARD};

use crate::life::AppliedEvent;
use chrono::{DateTime, Utc};
use late::Deadline;
use std::time::Duration;

/// Follows through one deployment.
#[derive(Debug)]
pub struct Follower {
    places: Places,
}

/// Where the hops of one step are told, with their time since its first commit.
struct Teller<'a> {
    since: DateTime<Utc>,
    hops: Vec<Hop>,
    tell: &'a mut (dyn FnMut(&Hop) + Send),
}

impl Teller<'_> {
    fn tell(&mut self, hop: Hop) {
        (self.tell)(&hop);
        self.hops.push(hop);
    }

    /// Milliseconds from the first commit to a time that another server wrote down; its clock may be a little behind.
    fn since(&self, at: DateTime<Utc>) -> i64 {
        (at - self.since).num_milliseconds().max(0)
    }
}

impl Follower {
    /// Follows in a deployment.
    pub const fn new(places: Places) -> Self {
        Self { places }
    }

    /// Where everything is, to be asked before an office writes: what comes after is followed.
    ///
    /// # Errors
    /// When a part does not answer, or the first load is not through yet.
    pub async fn mark(&self) -> anyhow::Result<Marks> {
        marks::take(&self.places).await
    }

    /// Follows a step until all of it is through; each hop is told as soon as it is known.
    ///
    /// # Errors
    /// [`Late`] when something is not through within the time; or when a part does not answer.
    pub async fn follow(
        &self,
        marks: &Marks,
        applied: &AppliedEvent,
        within: Duration,
        tell: &mut (dyn FnMut(&Hop) + Send),
    ) -> anyhow::Result<Vec<Hop>> {
        let since = applied.rows.iter().map(|row| row.written_at).min().unwrap_or_else(Utc::now);
        let mut teller = Teller { since, hops: Vec::new(), tell };
        let deadline = Deadline::after(within);
        let captured = captured::captured(&self.places, marks, applied, deadline, &mut teller).await?;
        let persons = merged::merged(&self.places, marks, &captured, deadline, &mut teller).await?;
        answered::answered(&self.places, marks, &captured, deadline, &mut teller).await?;
        released::released(&self.places, marks, &persons, deadline, &mut teller).await?;
        Ok(teller.hops)
    }
}
