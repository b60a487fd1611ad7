//! `dansync.SourcePosition`: how far an adapter has published its source.

use crate::avro::{DecodeError, Decoder, EncodeError, Encoder, limits};
use chrono::{DateTime, Utc};

/// Written to `positions`, keyed by source, in the Kafka transaction of the events it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePosition {
    /// The source.
    pub source: String,
    /// Rises when the source's positions begin anew.
    pub epoch: u32,
    /// End of the last whole source transaction published (the LSN in PostgreSQL).
    pub position: u64,
    /// Events already published of the transaction after it, when that one is split over several Kafka transactions;
    /// else 0. Whoever resumes skips that many.
    pub part: u64,
    /// Identity of the source's cluster: another one is another source.
    pub system_id: String,
    /// The replication slot.
    pub slot: String,
    /// How far a snapshot has come; none when it is complete.
    pub snapshot: Option<SnapshotState>,
    /// Version of the mapping the events were read with.
    pub mapping_version: u32,
    /// When it was written, to the microsecond.
    pub updated_at: DateTime<Utc>,
}

/// A snapshot under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotState {
    /// Where the stream begins that follows the snapshot.
    pub consistent_point: u64,
    /// Tables in the order they are read.
    pub tables: Vec<SnapshotTable>,
    /// Entities whose table was truncated meanwhile.
    pub truncated: Vec<String>,
}

/// One table of a snapshot. The cursor is a key of a source's row: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SnapshotTable {
    /// The entity.
    pub entity: String,
    /// Key of the last row published, in the adapter's own form; none before the first.
    pub cursor: Option<String>,
    /// Rows published.
    pub rows: u64,
    /// Whether it is read to its end.
    pub done: bool,
}

impl std::fmt::Debug for SnapshotTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotTable")
            .field("entity", &self.entity)
            .field("rows", &self.rows)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// Appends the Avro body.
pub fn encode_source_position(position: &SourcePosition, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| {
        e.text("source", &position.source)?;
        e.u32(position.epoch);
        e.bits(position.position);
        e.bits(position.part);
        e.text("system_id", &position.system_id)?;
        e.text("slot", &position.slot)?;
        e.optional(position.snapshot.as_ref(), |e, snapshot| {
            e.bits(snapshot.consistent_point);
            e.array("snapshot.tables", limits::TABLES, snapshot.tables.iter(), |e, table| {
                e.text("snapshot.tables.entity", &table.entity)?;
                e.optional_text("snapshot.tables.cursor", table.cursor.as_deref())?;
                e.bits(table.rows);
                e.bool(table.done);
                Ok(())
            })?;
            e.texts("snapshot.truncated", limits::TABLES, snapshot.truncated.iter())
        })?;
        e.u32(position.mapping_version);
        e.moment(position.updated_at);
        Ok(())
    })
}

/// Reads an Avro body. Total.
pub fn decode_source_position(body: &[u8]) -> Result<SourcePosition, DecodeError> {
    Decoder::whole(body, |d| {
        Ok(SourcePosition {
            source: d.string("source")?,
            epoch: d.u32("epoch")?,
            position: d.bits("position")?,
            part: d.bits("part")?,
            system_id: d.string("system_id")?,
            slot: d.string("slot")?,
            snapshot: d.optional("snapshot", get_snapshot)?,
            mapping_version: d.u32("mapping_version")?,
            updated_at: d.moment("updated_at")?,
        })
    })
}

fn get_snapshot(d: &mut Decoder<'_>) -> Result<SnapshotState, DecodeError> {
    Ok(SnapshotState {
        consistent_point: d.bits("snapshot.consistent_point")?,
        tables: d.array("snapshot.tables", limits::TABLES, |d| {
            Ok(SnapshotTable {
                entity: d.string("snapshot.tables.entity")?,
                cursor: d.optional_string("snapshot.tables.cursor")?,
                rows: d.bits("snapshot.tables.rows")?,
                done: d.bool("snapshot.tables.done")?,
            })
        })?,
        truncated: d.strings("snapshot.truncated", limits::TABLES)?,
    })
}
