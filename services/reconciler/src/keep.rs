//! What the messages of a batch mean for what stands: each version against the one before, in the order of its partition.

use crate::incoming::{Body, IncomingMessage};
use chrono::{DateTime, Utc};
use event_log::{ControlEvent, Fence, RowMarker, SnapshotEnd, SourceMessage};
use registry_rules::{ContentHash, Version};
use registry_store::{
    FenceMark, Latest, MarkerRow, Moved, Outcomes, Received, StoreError, Unreadable, latest_of,
};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record that says something new.
#[derive(Clone, Debug)]
pub(crate) struct Change<'b> {
    /// What stood.
    pub(crate) old: Option<Latest>,
    /// What stands from now on.
    pub(crate) new: &'b Received,
}

/// A partition of a topic.
pub(crate) type Partition = (Arc<str>, i32);

/// A snapshot's begin or end in a partition.
#[derive(Debug)]
pub(crate) enum SnapshotMark<'b> {
    Begin { source: &'b str, epoch: u32, partition: i32 },
    End { source: &'b str, end: &'b SnapshotEnd, partition: i32 },
}

/// What a batch means.
#[derive(Debug, Default)]
pub(crate) struct Kept<'b> {
    /// Versions to be kept as received, each newer than all before it of its record.
    pub(crate) versions: Vec<&'b Received>,
    /// Versions that came after a newer one of their record, to be kept where they are not yet.
    pub(crate) late: Vec<&'b Received>,
    /// Records that say something new, by key: only the last word of each.
    pub(crate) changes: BTreeMap<&'b str, Change<'b>>,
    /// Records that say the same in a newer version.
    pub(crate) moved: Vec<Moved>,
    /// Next offset and outcomes of each partition.
    pub(crate) partitions: BTreeMap<Partition, (i64, Outcomes)>,
    pub(crate) markers: BTreeMap<&'b str, MarkerRow>,
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) fences: Vec<FenceMark>,
    pub(crate) snapshots: Vec<SnapshotMark<'b>>,
    /// Day and rules, each with the log's time.
    pub(crate) control: Vec<(&'b ControlEvent, DateTime<Utc>)>,
    /// Versions that stood only until the batch's next one of the same record, saying something else.
    pub(crate) passing: Vec<&'b Received>,
}

/// What stands of a record while the batch is read.
#[derive(Debug)]
struct Course<'b> {
    old: Option<Latest>,
    version: Option<Version>,
    hash: Option<ContentHash>,
    last: Option<&'b Received>,
}

/// Reads a batch against what stands.
pub(crate) async fn keep<'b>(
    connection: &mut PgConnection,
    messages: &[&'b IncomingMessage],
) -> Result<Kept<'b>, StoreError> {
    let mut keys: Vec<&str> = messages
        .iter()
        .filter_map(|message| match &message.body {
            Body::Record(received) => Some(received.record.record_key.as_str()),
            Body::Mark(_) | Body::Control(_) | Body::Unreadable { .. } => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut latest = if keys.is_empty() { BTreeMap::new() } else { latest_of(connection, &keys).await? };
    let mut kept = Kept::default();
    let mut courses: BTreeMap<&'b str, Course<'b>> = BTreeMap::new();
    for message in messages {
        let partition = (Arc::clone(&message.topic), message.partition);
        let (next, mut counts) = kept.partitions.get(&partition).copied().unwrap_or_default();
        // Before anything becomes of it: what is read and has no outcome shows as a gap.
        counts.read += i64::from(matches!(&message.body, Body::Record(_) | Body::Unreadable { .. }));
        match &message.body {
            Body::Record(received) => {
                let key = received.record.record_key.as_str();
                let course = courses.entry(key).or_insert_with(|| Course::from(latest.remove(key)));
                kept.record(course, received, &mut counts);
            }
            Body::Mark(mark) => kept.mark(message, mark, &mut counts),
            Body::Control(event) => kept.control.push((event, message.received_at)),
            Body::Unreadable { reason, key, payload } => {
                counts.quarantined += 1;
                kept.unreadable.push(unreadable(message, reason, (key, payload)));
            }
        }
        kept.partitions.insert(partition, (next.max(message.offset + 1), counts));
    }
    kept.settle(courses);
    Ok(kept)
}

impl From<Option<Latest>> for Course<'_> {
    fn from(old: Option<Latest>) -> Self {
        let (version, hash) = old.as_ref().map(|l| (l.version, l.content_hash)).unzip();
        Self { old, version, hash, last: None }
    }
}

fn unreadable(
    message: &IncomingMessage,
    reason: &str,
    (key, payload): (&Option<Vec<u8>>, &Option<Vec<u8>>),
) -> Unreadable {
    Unreadable {
        topic: Arc::clone(&message.topic),
        partition: message.partition,
        offset: message.offset,
        reason: reason.to_owned(),
        key: key.clone(),
        payload: payload.clone(),
        received_at: message.received_at,
    }
}

impl<'b> Kept<'b> {
    fn record(&mut self, course: &mut Course<'b>, received: &'b Received, counts: &mut Outcomes) {
        let version = received.record.version;
        if course.version == Some(version) {
            counts.duplicate += 1;
            return;
        }
        if course.version > Some(version) {
            self.late.push(received);
            counts.stale += 1;
            return;
        }
        self.versions.push(received);
        if course.hash == Some(received.content_hash) {
            counts.no_change += 1;
        } else {
            counts.applied += 1;
            self.passing.extend(course.last);
        }
        course.version = Some(version);
        course.hash = Some(received.content_hash);
        course.last = Some(received);
    }

    fn mark(&mut self, message: &'b IncomingMessage, mark: &'b SourceMessage, counts: &mut Outcomes) {
        let source: &'b str = &message.source;
        let partition = message.partition;
        match mark {
            SourceMessage::Record(_) => {}
            SourceMessage::Marker(marker) => {
                counts.markers += 1;
                self.marker(marker, message);
            }
            SourceMessage::SnapshotBegin(begin) => {
                self.snapshots.push(SnapshotMark::Begin { source, epoch: begin.epoch, partition });
            }
            SourceMessage::SnapshotEnd(end) => {
                self.snapshots.push(SnapshotMark::End { source, end, partition });
            }
            SourceMessage::Fence(Fence { id, epoch, position }) => self.fences.push(FenceMark {
                fence_id: id.clone(),
                topic: Arc::clone(&message.topic),
                partition,
                epoch: *epoch,
                position: *position,
                next_offset: message.offset + 1,
                outcomes: *counts,
            }),
        }
    }

    fn marker(&mut self, marker: &'b RowMarker, message: &IncomingMessage) {
        let row = MarkerRow {
            row_key: marker.row_key.as_str().to_owned(),
            version: marker.version,
            reasons: marker.reasons.clone(),
            received_at: message.received_at,
        };
        let newest = self.markers.get(marker.row_key.as_str()).is_none_or(|m| m.version < marker.version);
        if newest {
            self.markers.insert(marker.row_key.as_str(), row);
        }
    }

    /// Only a record's last word counts; whoever ends where they began has changed nothing.
    fn settle(&mut self, courses: BTreeMap<&'b str, Course<'b>>) {
        for (key, course) in courses {
            let Some(new) = course.last else { continue };
            if course.old.as_ref().is_some_and(|old| old.content_hash == new.content_hash) {
                self.moved.push(Moved { record_key: key.into(), version: new.record.version });
            } else {
                self.changes.insert(key, Change { old: course.old, new });
            }
        }
    }
}
