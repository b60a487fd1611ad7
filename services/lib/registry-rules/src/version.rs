//! The place of a change in its source's commit order.

use serde::{Deserialize, Serialize};

/// Comparable version of a source record: source commit order, never wall-clock time.
///
/// `position` is a *transaction's* commit position (the commit LSN in PostgreSQL): positions of single rows are not
/// monotone across interleaved transactions and may repeat. `ordinal` counts the rows inside the transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// Rises when the source's positions begin anew: slot lost, restore, failover.
    pub epoch: u32,
    /// Commit position within the epoch.
    pub position: u64,
    /// Row number within the transaction.
    pub ordinal: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{:X}/{}", self.epoch, self.position, self.ordinal)
    }
}
