//! The bound on waiting.

use std::fmt;
use std::time::{Duration, Instant};

/// Between two looks at a database that cannot call back.
const LOOK: Duration = Duration::from_millis(20);

/// Where a change is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the source database to its topic.
    Capture,
    /// Into the registry.
    Merge,
    /// From the registry back to the office.
    Answer,
    /// From the registry to the disclosure database.
    Publish,
    /// To the sectors.
    Deliver,
}

/// Something was not through within the time.
#[derive(Debug, Clone, Copy)]
pub struct Late {
    /// Where it still was.
    pub stage: Stage,
    /// The time it had.
    pub within: Duration,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, service) = match self.stage {
            Stage::Capture => ("captured", "the source's adapter"),
            Stage::Merge => ("merged", "the reconcilers"),
            Stage::Answer => ("answered", "the registry's adapter and the source's inbox"),
            Stage::Publish => ("published and compared", "the registry's adapter and the dispatchers"),
            Stage::Deliver => ("delivered", "the dispatchers and the sector databases"),
        };
        write!(f, "not {what} after {:?}; look at the log of {service}", self.within)
    }
}

impl std::error::Error for Late {}

/// The time that all of it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    within: Duration,
    at: Instant,
}

impl Deadline {
    pub(super) fn after(within: Duration) -> Self {
        Self { within, at: Instant::now() + within }
    }

    pub(super) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    pub(super) const fn late(self, stage: Stage) -> Late {
        Late { stage, within: self.within }
    }

    /// Looks until there is something to see.
    pub(super) async fn until<T>(
        self,
        stage: Stage,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if self.left().is_zero() {
                return Err(self.late(stage).into());
            }
        }
    }
}
