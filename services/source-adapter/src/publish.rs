//! What the adapter says, as records for the log: messages in, bytes with topic, partition, key and headers out.

use crate::config::Config;
use crate::halt::{Halt, Refusal};
use crate::mapping::{Mapped, Mapping, Rejection, TablePlan};
use crate::postgres::Row;
use chrono::Utc;
use event_log::{
    Admin, Fence, Fingerprint, MAX_RECORD_BYTES, Message as _, OutgoingRecord, Quarantined, RowMarker,
    SchemaId, SchemaRegistry, SchemaRegistryError, SnapshotBegin, SnapshotEnd, SourceMessage, SourcePosition,
    TableCount, TopicSpec, Topics, encode_source_message, encode_source_position, partition_for,
    put_wire_header,
};
use registry_rules::{RowKey, SourceRecord, Version};
use std::sync::Arc;

/// Room left in a record for its headers.
const HEADER_ROOM: usize = 4096;
/// What remains of a cell in quarantine when the row is too large for a record.
const CUT_CELL_BYTES: usize = 1024;
/// Key of the notice that tables were truncated; apart from `#snapshot_end`, so that compaction keeps both.
const TRUNCATED_KEY: &str = "#truncated";

/// A schema's id at the registry, with what identifies it.
#[derive(Clone, Debug)]
pub(crate) struct WireSchema {
    pub(crate) id: SchemaId,
    pub(crate) fingerprint: Fingerprint,
}

/// Makes records for the log.
#[derive(Debug)]
pub(crate) struct Publisher {
    source: String,
    topic: Arc<str>,
    quarantine: Arc<str>,
    positions: Arc<str>,
    partitions: i32,
    message: WireSchema,
    position: WireSchema,
    mapping_version: u32,
}

/// Makes sure that the topics are there and learns the schemas' ids.
pub(crate) async fn open(
    config: &Config,
    mapping: &Mapping,
    registry: &SchemaRegistry,
) -> Result<Publisher, Halt> {
    let topics: Topics = config.kafka.topics();
    let topic = topics.source(mapping.source());
    let admin = Admin::open(&config.kafka)?;
    let mut specs = vec![TopicSpec::positions(topics.positions()), TopicSpec::history(topics.quarantine())];
    if !mapping.is_envelope() {
        specs.push(TopicSpec::state(Arc::clone(&topic)));
    }
    admin.ensure(&specs).await?;
    let partitions = if mapping.is_envelope() { 1 } else { admin.partition_count(&topic).await? };
    if partitions == 0 {
        return Err(Halt::lost(format!("kafka: the brokers have not heard of {topic} yet")));
    }
    Ok(Publisher {
        source: mapping.source().to_owned(),
        topic,
        quarantine: topics.quarantine(),
        positions: topics.positions(),
        partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        message: wire_schema(registry, SourceMessage::schema()).await?,
        position: wire_schema(registry, SourcePosition::schema()).await?,
        mapping_version: mapping.file().mapping_version,
    })
}

/// The id and fingerprint of one of our own schemas.
pub(crate) async fn wire_schema(
    registry: &SchemaRegistry,
    schema: &'static event_log::EmbeddedSchema,
) -> Result<WireSchema, Halt> {
    let id = registry.ensure_embedded(schema).await.map_err(|error| match error {
        SchemaRegistryError::Away { .. } => Halt::Lost(error.into()),
        SchemaRegistryError::Refused { .. }
        | SchemaRegistryError::Unknown { .. }
        | SchemaRegistryError::Schema { .. } => Refusal::Log(error.to_string()).into(),
    })?;
    let fingerprint = schema.fingerprint().map_err(|error| Refusal::Log(error.to_string()))?.clone();
    Ok(WireSchema { id, fingerprint })
}

impl Publisher {
    fn encode(&self, message: &SourceMessage) -> Result<Vec<u8>, ()> {
        let mut payload = Vec::with_capacity(512);
        put_wire_header(self.message.id, &mut payload);
        encode_source_message(message, &mut payload).map_err(|_| ())?;
        Ok(payload)
    }

    fn record(&self, message: &SourceMessage, key: &str, partition: i32) -> Result<OutgoingRecord, ()> {
        let payload = self.encode(message)?;
        if payload.len() + key.len() + HEADER_ROOM > MAX_RECORD_BYTES {
            return Err(());
        }
        Ok(OutgoingRecord::new(&self.topic, key, payload)
            .to_partition(partition)
            .with_fingerprint(&self.message.fingerprint))
    }

    /// Records of a mapped change; a row that cannot be mapped, or whose record no broker would take, becomes a quarantined
    /// row and a marker. Says how it went: the reasons of a rejection.
    pub(crate) fn mapped(
        &self,
        mapped: Mapped,
        row: Option<(&TablePlan, Row<'_>)>,
        version: Version,
        out: &mut Vec<OutgoingRecord>,
    ) -> Vec<String> {
        let start = out.len();
        let mut rejected = mapped.rejected;
        for record in mapped.records {
            match self.source_record(record) {
                Ok(record) => out.push(record),
                Err(row_key) => {
                    out.truncate(start);
                    rejected = Some(Rejection { row_key, reasons: vec!["record_too_large".to_owned()] });
                    break;
                }
            }
        }
        let Some(rejection) = rejected else { return Vec::new() };
        let json = row.map_or_else(|| b"{}".to_vec(), |(plan, row)| row_json(plan.columns(), row));
        let entity = row.map_or("", |(plan, _)| plan.entity());
        self.reject(&rejection, entity, json, version, out);
        rejection.reasons
    }

    fn source_record(&self, record: SourceRecord) -> Result<OutgoingRecord, RowKey> {
        let key = record.record_key.clone();
        let row = key.as_str().rsplit_once('/').map_or("", |(row, _)| row);
        let partition = partition_for(row.as_bytes(), self.partitions);
        self.record(&SourceMessage::Record(record), key.as_str(), partition).map_err(|()| key.row())
    }

    /// Quarantines a row.
    pub(crate) fn reject(
        &self,
        rejection: &Rejection,
        entity: &str,
        row: Vec<u8>,
        version: Version,
        out: &mut Vec<OutgoingRecord>,
    ) {
        let quarantined = Quarantined {
            source: self.source.clone(),
            entity: entity.to_owned(),
            row_key: rejection.row_key.clone(),
            version,
            stage: "map".to_owned(),
            reasons: rejection.reasons.clone(),
            mapping_version: self.mapping_version,
            failed_at: Utc::now(),
            row,
        };
        out.push(quarantined.into_record(&self.quarantine, &self.topic));
        let marker = SourceMessage::Marker(RowMarker {
            row_key: rejection.row_key.clone(),
            version,
            reasons: rejection.reasons.clone(),
            mapping_version: self.mapping_version,
        });
        let key = rejection.row_key.as_str();
        // A marker is small: its encoding fails only for reasons beyond every bound, which the mapping cannot make.
        out.extend(self.record(&marker, key, partition_for(key.as_bytes(), self.partitions)));
    }

    fn everywhere(&self, message: &SourceMessage, key: &str, out: &mut Vec<OutgoingRecord>) {
        out.extend((0..self.partitions).filter_map(|partition| self.record(message, key, partition).ok()));
    }

    /// A snapshot begins, to every partition.
    pub(crate) fn snapshot_begin(&self, epoch: u32, entities: &[String], out: &mut Vec<OutgoingRecord>) {
        let message = SourceMessage::SnapshotBegin(SnapshotBegin { epoch, tables: entities.to_vec() });
        self.everywhere(&message, message.key(), out);
    }

    /// A snapshot is complete, to every partition.
    pub(crate) fn snapshot_end(&self, epoch: u32, tables: Vec<TableCount>, out: &mut Vec<OutgoingRecord>) {
        let message = SourceMessage::SnapshotEnd(SnapshotEnd { epoch, tables, truncated: Vec::new() });
        self.everywhere(&message, message.key(), out);
    }

    /// Tables were emptied at once, to every partition: an end that names them and counts nothing. Their records stay until an
    /// operator has looked.
    pub(crate) fn truncated(&self, epoch: u32, entities: Vec<String>, out: &mut Vec<OutgoingRecord>) {
        let message =
            SourceMessage::SnapshotEnd(SnapshotEnd { epoch, tables: Vec::new(), truncated: entities });
        self.everywhere(&message, TRUNCATED_KEY, out);
    }

    /// An audit's fence, to every partition.
    pub(crate) fn fence(&self, id: String, epoch: u32, position: u64, out: &mut Vec<OutgoingRecord>) {
        let message = SourceMessage::Fence(Fence { id, epoch, position });
        self.everywhere(&message, message.key(), out);
    }

    /// The position that belongs to a batch.
    pub(crate) fn position(&self, position: &SourcePosition) -> Result<OutgoingRecord, Halt> {
        let mut payload = Vec::with_capacity(128);
        put_wire_header(self.position.id, &mut payload);
        encode_source_position(position, &mut payload)
            .map_err(|error| Halt::lost(format!("the position cannot be encoded: {error}")))?;
        Ok(OutgoingRecord::new(&self.positions, self.source.as_str(), payload)
            .with_fingerprint(&self.position.fingerprint))
    }
}

/// A row as a JSON object of column and text; cells are cut short if the whole would not fit into a record.
fn row_json(columns: &[String], row: Row<'_>) -> Vec<u8> {
    let whole = json(columns, row, usize::MAX);
    if whole.len() + HEADER_ROOM > MAX_RECORD_BYTES { json(columns, row, CUT_CELL_BYTES) } else { whole }
}

fn json(columns: &[String], row: Row<'_>, limit: usize) -> Vec<u8> {
    let cell = |text: &str| {
        let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        serde_json::Value::from(text.get(..end).unwrap_or_default())
    };
    let object: serde_json::Map<String, serde_json::Value> = columns
        .iter()
        .enumerate()
        .map(|(n, column)| (column.clone(), row.get(n).map_or(serde_json::Value::Null, cell)))
        .collect();
    serde_json::Value::Object(object).to_string().into_bytes()
}
