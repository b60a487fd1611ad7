//! The stored position: what goes into the topic of positions with the events, and what follows from it at a start.

use crate::batch::{Part, Resume};
use crate::halt::{Halt, Refusal};
use crate::postgres::{Position, SlotFacts, lsn};
use crate::redrive::Task;
use event_log::{
    KafkaConfig, SnapshotState, SnapshotTable, SourcePosition, decode_source_position, split_wire_header,
};

/// What is known before the source is opened.
#[derive(Clone, Debug)]
pub(crate) struct Known<'a> {
    /// Name of the source.
    pub(crate) source: &'a str,
    /// The slot that the mapping names.
    pub(crate) slot: &'a str,
    /// The cluster that answers.
    pub(crate) system_id: &'a str,
    /// Where its log ends.
    pub(crate) log_end: Position,
    /// The slot, if there is one.
    pub(crate) found: Option<&'a SlotFacts>,
    /// The stored position, if there is one.
    pub(crate) stored: Option<&'a SourcePosition>,
}

/// How a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With a snapshot of everything.
    Snapshot {
        /// The snapshot's epoch.
        epoch: u32,
        /// A slot of an earlier attempt is in the way.
        drop_slot: bool,
    },
    /// Where the stored position says.
    Stream {
        /// The epoch that goes on.
        epoch: u32,
        /// Where.
        resume: Resume,
        /// Rows that were to be read again.
        tasks: Vec<Task>,
    },
}

/// Whether a stored position says that its snapshot was never completed (or that a new one is asked for).
const fn is_incomplete(stored: &SourcePosition) -> bool {
    // A snapshot under way has no point yet; with a point it is a redrive within the epoch.
    matches!(&stored.snapshot, Some(SnapshotState { consistent_point: 0, .. }))
}

/// Decides how to begin, or why not to.
pub(crate) fn decide(known: &Known<'_>) -> Result<Start, Refusal> {
    let source_name = known.source.to_owned();
    let slot = known.slot.to_owned();
    if let Some(found) = known.found.filter(|f| f.plugin != "pgoutput" || !f.same_database) {
        let owner = if found.same_database {
            format!("plugin {}", found.plugin)
        } else {
            "another database".to_owned()
        };
        return Err(Refusal::SlotForeign { slot, owner });
    }
    let Some(stored) = known.stored else {
        return match known.found {
            None => Ok(Start::Snapshot { epoch: 1, drop_slot: false }),
            Some(_) => Err(Refusal::SlotWithoutPosition { slot, source_name }),
        };
    };
    if is_incomplete(stored) {
        return Ok(Start::Snapshot {
            epoch: stored.epoch.saturating_add(1),
            drop_slot: known.found.is_some(),
        });
    }
    if stored.system_id != known.system_id {
        let (stored, found) = (stored.system_id.clone(), known.system_id.to_owned());
        return Err(Refusal::WrongSystem { stored, found, source_name });
    }
    if stored.slot != known.slot {
        return Err(Refusal::OtherSlot { stored: stored.slot.clone(), mapped: slot, source_name });
    }
    let Some(found) = known.found else {
        return Err(Refusal::SlotLost { slot, why: "it does not exist".to_owned(), source_name });
    };
    if found.wal_status == "lost" {
        let why = "the server has removed the log it needs: max_slot_wal_keep_size".to_owned();
        return Err(Refusal::SlotLost { slot, why, source_name });
    }
    if found.confirmed > stored.position {
        let (slot_at, stored) = (lsn(found.confirmed), lsn(stored.position));
        return Err(Refusal::SlotAhead { slot, slot_at, stored, source_name });
    }
    if stored.position > known.log_end {
        let (log_end, stored) = (lsn(known.log_end), lsn(stored.position));
        return Err(Refusal::BeyondLog { log_end, stored, source_name });
    }
    Ok(Start::Stream { epoch: stored.epoch, resume: resume_of(stored), tasks: tasks_of(stored) })
}

/// A split transaction is stored by the place of its own commit: streaming from there, it is the first to come again.
fn resume_of(stored: &SourcePosition) -> Resume {
    let events = u32::try_from(stored.part).unwrap_or(u32::MAX);
    let part = (events > 0).then_some(Part { commit: stored.position, events });
    Resume { position: stored.position, part }
}

/// Position and part as they are stored.
pub(crate) fn stored_form(resume: Resume) -> (u64, u64) {
    resume.part.map_or((resume.position, 0), |part| (part.commit, u64::from(part.events)))
}

/// Redrives under way, in the form in which they are stored.
pub(crate) fn state_of(tasks: &[Task], at: Position) -> Option<SnapshotState> {
    let table = |task: &Task| SnapshotTable {
        entity: task.entity.clone(),
        cursor: serde_json::to_string(task).ok(),
        rows: 0,
        done: false,
    };
    (!tasks.is_empty()).then(|| SnapshotState {
        consistent_point: at.max(1),
        tables: tasks.iter().map(table).collect(),
        truncated: Vec::new(),
    })
}

fn tasks_of(stored: &SourcePosition) -> Vec<Task> {
    let tables = stored.snapshot.iter().flat_map(|snapshot| &snapshot.tables);
    tables.filter_map(|table| serde_json::from_str(table.cursor.as_deref()?).ok()).collect()
}

/// The stored position of a source.
pub(crate) async fn read(kafka: &KafkaConfig, source: &str) -> Result<Option<SourcePosition>, Halt> {
    let all = event_log::read_compacted(kafka, &kafka.topics().positions()).await?;
    let Some(payload) = all.get(source.as_bytes()) else { return Ok(None) };
    let unreadable = |why: String| {
        Halt::from(Refusal::Log(format!("the stored position of {source} is unreadable: {why}")))
    };
    let (_, body) = split_wire_header(payload).map_err(|error| unreadable(error.to_string()))?;
    decode_source_position(body).map(Some).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(position: u64, part: u64) -> SourcePosition {
        SourcePosition {
            source: "s".to_owned(),
            epoch: 3,
            position,
            part,
            system_id: "7".to_owned(),
            slot: "slot".to_owned(),
            snapshot: None,
            mapping_version: 1,
            updated_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn slot(confirmed: u64) -> SlotFacts {
        SlotFacts {
            plugin: "pgoutput".to_owned(),
            same_database: true,
            active: false,
            wal_status: "reserved".to_owned(),
            confirmed,
        }
    }

    fn start(stored: Option<&SourcePosition>, found: Option<&SlotFacts>) -> Result<Start, Refusal> {
        decide(&Known { source: "s", slot: "slot", system_id: "7", log_end: 1000, found, stored })
    }

    #[test]
    fn a_fresh_source_is_snapshot_and_an_interrupted_snapshot_begins_anew() {
        assert_eq!(start(None, None), Ok(Start::Snapshot { epoch: 1, drop_slot: false }));
        let mut begun = stored(0, 0);
        begun.snapshot =
            Some(SnapshotState { consistent_point: 0, tables: Vec::new(), truncated: Vec::new() });
        begun.system_id = "other".to_owned();
        assert_eq!(start(Some(&begun), None), Ok(Start::Snapshot { epoch: 4, drop_slot: false }));
        assert_eq!(start(Some(&begun), Some(&slot(5))), Ok(Start::Snapshot { epoch: 4, drop_slot: true }));
    }

    #[test]
    fn a_stored_position_goes_on_with_its_part_and_its_tasks() {
        let task = Task::keys("birth", vec!["1".to_owned(), "a'\"".to_owned()]);
        let mut at = stored(100, 7);
        at.snapshot = state_of(std::slice::from_ref(&task), 90);
        let resume = Resume { position: 100, part: Some(Part { commit: 100, events: 7 }) };
        assert_eq!(stored_form(resume), (100, 7));
        assert_eq!(
            start(Some(&at), Some(&slot(100))),
            Ok(Start::Stream { epoch: 3, resume, tasks: vec![task] })
        );
    }

    #[test]
    fn whatever_may_hide_a_loss_is_refused() {
        let at = stored(100, 0);
        let name = |refusal: Result<Start, Refusal>| format!("{:?}", refusal.unwrap_err());
        assert!(name(start(None, Some(&slot(5)))).starts_with("SlotWithoutPosition"));
        assert!(name(start(Some(&at), None)).starts_with("SlotLost"));
        assert!(name(start(Some(&at), Some(&slot(101)))).starts_with("SlotAhead"));
        let lost = SlotFacts { wal_status: "lost".to_owned(), ..slot(50) };
        assert!(name(start(Some(&at), Some(&lost))).starts_with("SlotLost"));
        let foreign = SlotFacts { plugin: "wal2json".to_owned(), ..slot(50) };
        assert!(name(start(Some(&at), Some(&foreign))).starts_with("SlotForeign"));
        assert!(name(start(Some(&stored(2000, 0)), Some(&slot(50)))).starts_with("BeyondLog"));
        let other = SourcePosition { system_id: "8".to_owned(), ..at.clone() };
        assert!(name(start(Some(&other), Some(&slot(50)))).starts_with("WrongSystem"));
        let renamed = SourcePosition { slot: "former".to_owned(), ..at };
        assert!(name(start(Some(&renamed), Some(&slot(50)))).starts_with("OtherSlot"));
        assert!(start(Some(&stored(100, 0)), Some(&slot(100))).is_ok());
    }
}
