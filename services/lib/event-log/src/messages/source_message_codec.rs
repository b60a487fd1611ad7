//! `dansync.SourceMessage` in Avro.

use super::field_name::get_field_name;
use super::{Fence, RowMarker, SnapshotBegin, SnapshotEnd, SourceMessage, TableCount};
use crate::avro::{DecodeError, Decoder, EncodeError, Encoder, limits};
use registry_rules::{
    ActReference, FieldName, FieldValue, Identifier, IdentifierKind, RecordKey, RowKey, SourceRecord,
    Standing, Version,
};
use std::collections::BTreeMap;

/// In the order of the Avro enumeration.
const IDENTIFIER_KINDS: [IdentifierKind; 4] =
    [IdentifierKind::Pin, IdentifierKind::Cmnd9, IdentifierKind::SourcePerson, IdentifierKind::ReplacesPin];

const fn identifier_index(kind: IdentifierKind) -> u8 {
    match kind {
        IdentifierKind::Pin => 0,
        IdentifierKind::Cmnd9 => 1,
        IdentifierKind::SourcePerson => 2,
        IdentifierKind::ReplacesPin => 3,
    }
}

const fn standing_index(standing: Standing) -> u8 {
    match standing {
        Standing::Asserted => 0,
        Standing::Corrected => 1,
        Standing::Annulled => 2,
        Standing::Ceased => 3,
        Standing::Withdrawn => 4,
    }
}

/// Appends the Avro body. Moments keep their microseconds and lose what is finer.
pub fn encode_source_message(message: &SourceMessage, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| match message {
        SourceMessage::Record(record) => {
            e.index(0);
            put_record(e, record)
        }
        SourceMessage::Marker(marker) => {
            e.index(1);
            e.text("row_key", marker.row_key.as_str())?;
            put_version(e, marker.version);
            e.texts("reasons", limits::REASONS, marker.reasons.iter())?;
            e.u32(marker.mapping_version);
            Ok(())
        }
        SourceMessage::SnapshotBegin(begin) => {
            e.index(2);
            e.u32(begin.epoch);
            e.texts("tables", limits::TABLES, begin.tables.iter())
        }
        SourceMessage::SnapshotEnd(end) => {
            e.index(3);
            e.u32(end.epoch);
            e.array("table_counts", limits::TABLES, end.tables.iter(), |e, table| {
                e.text("entity", &table.entity)?;
                e.bits(table.rows);
                Ok(())
            })?;
            e.texts("truncated", limits::TABLES, end.truncated.iter())
        }
        SourceMessage::Fence(fence) => {
            e.index(4);
            e.text("id", &fence.id)?;
            e.u32(fence.epoch);
            e.bits(fence.position);
            Ok(())
        }
    })
}

fn put_version(e: &mut Encoder<'_>, version: Version) {
    e.u32(version.epoch);
    e.bits(version.position);
    e.u32(version.ordinal);
}

fn put_record(e: &mut Encoder<'_>, record: &SourceRecord) -> Result<(), EncodeError> {
    e.text("record_key", record.record_key.as_str())?;
    put_version(e, record.version);
    e.text("kind", &record.kind)?;
    e.index(standing_index(record.standing));
    put_act(e, "act", record.act.as_ref())?;
    put_act(e, "refers_to", record.refers_to.as_ref())?;
    e.optional(record.valid_from, |e, date| e.displayed("valid_from", date))?;
    e.optional(record.valid_to, |e, date| e.displayed("valid_to", date))?;
    e.optional(record.recorded_at, |e, moment| {
        e.moment(moment);
        Ok(())
    })?;
    e.array("identifiers", limits::IDENTIFIERS, record.identifiers.iter(), |e, identifier| {
        e.index(identifier_index(identifier.kind));
        e.text("identifiers.value", &identifier.value)
    })?;
    e.optional_text("relation_group", record.relation_group.as_deref())?;
    e.array("fields", limits::FIELDS, record.fields.iter(), |e, (name, value)| {
        e.text("fields.name", name.as_str())?;
        e.field_value("fields.value", value)
    })?;
    e.u32(record.mapping_version);
    Ok(())
}

fn put_act(e: &mut Encoder<'_>, part: &'static str, act: Option<&ActReference>) -> Result<(), EncodeError> {
    e.optional(act, |e, act| {
        e.text(part, &act.source)?;
        e.text(part, &act.act)?;
        e.optional_text(part, act.role.as_deref())
    })
}

/// Reads an Avro body. Total: any bytes give a message or an error.
pub fn decode_source_message(body: &[u8]) -> Result<SourceMessage, DecodeError> {
    Decoder::whole(body, |d| match d.long("body")? {
        0 => get_record(d).map(SourceMessage::Record),
        1 => get_marker(d).map(SourceMessage::Marker),
        2 => Ok(SourceMessage::SnapshotBegin(SnapshotBegin {
            epoch: d.u32("epoch")?,
            tables: d.strings("tables", limits::TABLES)?,
        })),
        3 => Ok(SourceMessage::SnapshotEnd(SnapshotEnd {
            epoch: d.u32("epoch")?,
            tables: d.array("table_counts", limits::TABLES, |d| {
                Ok(TableCount {
                    entity: d.string("table_counts.entity")?,
                    rows: d.bits("table_counts.rows")?,
                })
            })?,
            truncated: d.strings("truncated", limits::TABLES)?,
        })),
        4 => Ok(SourceMessage::Fence(Fence {
            id: d.string("id")?,
            epoch: d.u32("epoch")?,
            position: d.bits("position")?,
        })),
        index => Err(DecodeError::Alternative { part: "body", index }),
    })
}

fn get_version(d: &mut Decoder<'_>) -> Result<Version, DecodeError> {
    Ok(Version { epoch: d.u32("epoch")?, position: d.bits("position")?, ordinal: d.u32("ordinal")? })
}

fn get_marker(d: &mut Decoder<'_>) -> Result<RowMarker, DecodeError> {
    let row_key = RowKey::try_from(d.string("row_key")?)
        .map_err(|_| DecodeError::Form { part: "row_key", expected: "source/entity/key" })?;
    Ok(RowMarker {
        row_key,
        version: get_version(d)?,
        reasons: d.strings("reasons", limits::REASONS)?,
        mapping_version: d.u32("mapping_version")?,
    })
}

fn get_record(d: &mut Decoder<'_>) -> Result<SourceRecord, DecodeError> {
    const DATE: &str = "a date YYYY, YYYY-MM or YYYY-MM-DD";
    Ok(SourceRecord {
        record_key: get_record_key(d)?,
        version: get_version(d)?,
        kind: d.string("kind")?,
        standing: d.symbol("standing", &Standing::ALL)?,
        act: get_act(d, "act")?,
        refers_to: get_act(d, "refers_to")?,
        valid_from: d.optional("valid_from", |d| d.parsed("valid_from", DATE))?,
        valid_to: d.optional("valid_to", |d| d.parsed("valid_to", DATE))?,
        recorded_at: d.optional("recorded_at", |d| d.moment("recorded_at"))?,
        identifiers: d.array("identifiers", limits::IDENTIFIERS, |d| {
            Ok(Identifier {
                kind: d.symbol("identifiers.kind", &IDENTIFIER_KINDS)?,
                value: d.string("identifiers.value")?,
            })
        })?,
        relation_group: d.optional_string("relation_group")?,
        fields: get_fields(d)?,
        mapping_version: d.u32("mapping_version")?,
    })
}

/// A record key, as in several messages.
pub(super) fn get_record_key(d: &mut Decoder<'_>) -> Result<RecordKey, DecodeError> {
    RecordKey::try_from(d.string("record_key")?)
        .map_err(|_| DecodeError::Form { part: "record_key", expected: "source/entity/key/role" })
}

fn get_act(d: &mut Decoder<'_>, part: &'static str) -> Result<Option<ActReference>, DecodeError> {
    d.optional(part, |d| {
        Ok(ActReference { source: d.string(part)?, act: d.string(part)?, role: d.optional_string(part)? })
    })
}

fn get_fields(d: &mut Decoder<'_>) -> Result<BTreeMap<FieldName, FieldValue>, DecodeError> {
    let mut fields = BTreeMap::new();
    d.each("fields", limits::FIELDS, |d| {
        let name = get_field_name(d)?;
        let value = d.field_value("fields.value")?;
        put_once(&mut fields, name, value)
    })?;
    Ok(fields)
}

/// Fields come sorted by name, each once: equal content has equal bytes.
pub(super) fn put_once<V>(
    fields: &mut BTreeMap<FieldName, V>,
    name: FieldName,
    value: V,
) -> Result<(), DecodeError> {
    if fields.last_key_value().is_some_and(|(last, _)| *last >= name) {
        return Err(DecodeError::Form { part: "fields", expected: "sorted by name, each name once" });
    }
    fields.insert(name, value);
    Ok(())
}
