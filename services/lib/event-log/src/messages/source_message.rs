//! What an adapter says in `source.<source>`.

use registry_rules::{RowKey, SourceRecord, Version};

/// A record, or a mark between records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a record: a box would cost each an allocation"
)]
pub enum SourceMessage {
    /// What the source says about one person in one role.
    Record(SourceRecord),
    /// A row that could not be read: its last readable version stays.
    Marker(RowMarker),
    /// In every partition before a snapshot's first row.
    SnapshotBegin(SnapshotBegin),
    /// In every partition after a snapshot's last row.
    SnapshotEnd(SnapshotEnd),
    /// In every partition: asks for each record's latest version at or below a position.
    Fence(Fence),
}

/// A row that went to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMarker {
    /// The row.
    pub row_key: RowKey,
    /// The change that could not be read.
    pub version: Version,
    /// Reason codes; never values.
    pub reasons: Vec<String>,
    /// Version of the mapping that could not read it.
    pub mapping_version: u32,
}

/// A snapshot begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBegin {
    /// Epoch of the snapshot's rows.
    pub epoch: u32,
    /// Entities it covers.
    pub tables: Vec<String>,
}

/// A snapshot is complete: what its epoch did not show is gone from the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// Epoch of the snapshot's rows.
    pub epoch: u32,
    /// Entities it covered, with the rows read.
    pub tables: Vec<TableCount>,
    /// Entities whose table was truncated: their sweep waits for an operator.
    pub truncated: Vec<String>,
}

/// Rows read from one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCount {
    /// The entity.
    pub entity: String,
    /// Rows, the quarantined among them.
    pub rows: u64,
}

/// A point in a source's order at which its rows were counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Name of the audit that asks.
    pub id: String,
    /// Epoch of the position.
    pub epoch: u32,
    /// Commit position.
    pub position: u64,
}

impl SourceMessage {
    /// The message's key in the topic: compaction keeps the newest of each.
    ///
    /// A marker has the row's key, not a record's: the row's last readable records stay beside it.
    pub fn key(&self) -> &str {
        match self {
            Self::Record(record) => record.record_key.as_str(),
            Self::Marker(marker) => marker.row_key.as_str(),
            Self::SnapshotBegin(_) => "#snapshot_begin",
            Self::SnapshotEnd(_) => "#snapshot_end",
            Self::Fence(_) => "#fence",
        }
    }

    /// The row whose partition it travels in; none for a mark that goes to every partition.
    pub fn row_key(&self) -> Option<RowKey> {
        match self {
            Self::Record(record) => Some(record.record_key.row()),
            Self::Marker(marker) => Some(marker.row_key.clone()),
            Self::SnapshotBegin(_) | Self::SnapshotEnd(_) | Self::Fence(_) => None,
        }
    }
}
