//! From the source database to its topic: a row's records, or the marker of a row that could not be mapped.

use super::late::{Deadline, Stage};
use super::{Hop, Marks, Places, Teller};
use crate::life::{AppliedEvent, WrittenRow};
use chrono::{DateTime, Utc};
use event_log::{SourceMessage, WholeRecord, decode_source_message, split_wire_header};
use registry_rules::{RecordKey, RowKey, Version};
use std::collections::{BTreeMap, BTreeSet};

/// What is in the topics now.
#[derive(Debug, Default)]
pub(super) struct Captured {
    /// Records, each with its version.
    pub(super) records: BTreeMap<RecordKey, Version>,
    /// Rows in quarantine, each with the version that could not be read.
    pub(super) rows: BTreeMap<RowKey, Version>,
}

/// One message of the topic that is one of ours.
#[derive(Debug)]
struct Found {
    message: Said,
    partition: i32,
    offset: i64,
    at: Option<DateTime<Utc>>,
}

#[derive(Debug)]
enum Said {
    Record(RecordKey, Version),
    Marker(RowKey, Version, Vec<String>),
}

/// What is looked for in one source's topic.
#[derive(Debug)]
struct Search {
    after: u64,
    /// Of each row, the records not seen yet.
    missing: BTreeMap<RowKey, BTreeSet<RecordKey>>,
    found: Vec<Found>,
}

impl Search {
    fn new<'a>(after: i64, rows: impl Iterator<Item = &'a WrittenRow>) -> Self {
        let missing = rows.map(|row| (row.row_key.clone(), row.records.iter().cloned().collect())).collect();
        Self { after: after.cast_unsigned(), missing, found: Vec::new() }
    }

    /// Takes a message in; says whether nothing is missing any more.
    fn take(&mut self, record: WholeRecord<'_>) -> bool {
        let body = record.payload.and_then(|payload| split_wire_header(payload).ok()).map(|(_, body)| body);
        match body.and_then(|body| decode_source_message(body).ok()) {
            Some(SourceMessage::Record(said)) if said.version.position > self.after => {
                let row = said.record_key.row();
                if self.missing.get_mut(&row).is_some_and(|keys| keys.remove(&said.record_key)) {
                    self.keep(record, Said::Record(said.record_key, said.version));
                    self.missing.retain(|_, keys| !keys.is_empty());
                }
            }
            Some(SourceMessage::Marker(said)) if said.version.position > self.after => {
                if self.missing.remove(&said.row_key).is_some() {
                    self.keep(record, Said::Marker(said.row_key, said.version, said.reasons));
                }
            }
            Some(
                SourceMessage::Record(_)
                | SourceMessage::Marker(_)
                | SourceMessage::SnapshotBegin(_)
                | SourceMessage::SnapshotEnd(_)
                | SourceMessage::Fence(_),
            )
            | None => {}
        }
        self.missing.is_empty()
    }

    fn keep(&mut self, record: WholeRecord<'_>, message: Said) {
        let at = record.appended_at_ms.and_then(DateTime::from_timestamp_millis);
        self.found.push(Found { message, partition: record.partition, offset: record.offset, at });
    }
}

pub(super) async fn captured(
    places: &Places,
    marks: &Marks,
    applied: &AppliedEvent,
    deadline: Deadline,
    teller: &mut Teller<'_>,
) -> anyhow::Result<Captured> {
    let sources: BTreeSet<&'static str> = applied.rows.iter().map(|row| row.source).collect();
    let mut captured = Captured::default();
    for source in sources {
        let topic = places.kafka.topics().source(source);
        let rows = applied.rows.iter().filter(|row| row.source == source);
        let search = Search::new(marks.positions.get(source).copied().unwrap_or_default(), rows);
        let from = marks.ends.get(source).cloned().unwrap_or_default();
        let search =
            event_log::read_on(&places.kafka, &topic, from, deadline.left(), search, Search::take).await?;
        for found in search.found {
            tell(&topic, found, &mut captured, teller);
        }
        if !search.missing.is_empty() {
            return Err(deadline.late(Stage::Capture).into());
        }
    }
    Ok(captured)
}

fn tell(topic: &str, found: Found, captured: &mut Captured, teller: &mut Teller<'_>) {
    let Found { message, partition, offset, at } = found;
    let (topic, milliseconds) = (topic.to_owned(), at.map_or(0, |at| teller.since(at)));
    match message {
        Said::Record(key, version) => {
            let (source, entity, role) = (key.source(), key.entity(), key.role());
            teller.tell(Hop::Captured {
                source: source.to_owned(),
                entity: entity.to_owned(),
                role: role.to_owned(),
                topic,
                partition,
                offset,
                milliseconds,
            });
            captured.records.insert(key, version);
        }
        Said::Marker(row, version, reasons) => {
            let mut parts = row.as_str().split('/').map(ToOwned::to_owned);
            let (source, entity) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            teller.tell(Hop::Quarantined { source, entity, reasons, topic, partition, offset, milliseconds });
            captured.rows.insert(row, version);
        }
    }
}
