//! Reads messages of any schema their writers had, fast where it is ours.

use crate::schema_registry::SchemaRegistryError;
use crate::{
    ConsumedRecord, DecodeError, Fingerprint, Message, SchemaError, SchemaId, SchemaRegistry, WireError,
    header_names, split_wire_header,
};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::RecordSchema;
use apache_avro::writer::datum::GenericDatumWriter;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

/// What to do about a field of the writer's that this build does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// Stop: this service writes the data on, and would lose the field.
    Stop,
    /// Leave it out: this service keeps the bytes as received and denies what it does not know.
    LeaveOut,
}

/// A message that cannot be read. None of these shows a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No payload.
    #[error("the message is a tombstone, and this topic has none")]
    Tombstone,
    /// Not in the Confluent wire format.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not what its schema says.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The schema is not to be had.
    #[error(transparent)]
    Registry(#[from] SchemaRegistryError),
    /// The header names another schema than the registry has for the id: the registry was made anew.
    #[error("schema {id} is {found} at the registry, the message was written with {written}")]
    Fingerprint {
        /// The id on the wire.
        id: SchemaId,
        /// The registry's.
        found: Fingerprint,
        /// The header's, shortened to what a fingerprint can be.
        written: String,
    },
    /// The writer knows a field that this build does not. Install the newer version.
    #[error(
        "schema {id} has {field}, which this version does not know and would lose: install the newer version"
    )]
    UnknownField {
        /// The id on the wire.
        id: SchemaId,
        /// Record and field.
        field: String,
    },
    /// The message cannot be brought into the schema that this build reads.
    #[error("a message of schema {id} cannot be resolved to {subject} as this version knows it")]
    Unresolvable {
        /// The id on the wire.
        id: SchemaId,
        /// Our schema.
        subject: &'static str,
    },
}

impl ReadError {
    /// Whether it heals by itself: only an absent registry does. All else is the message's or the version's fault.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Registry(SchemaRegistryError::Away { .. }))
    }
}

impl From<SchemaError> for ReadError {
    fn from(error: SchemaError) -> Self {
        Self::Registry(error.into())
    }
}

enum Plan {
    /// The writer's schema is ours.
    Ours,
    /// Through apache-avro.
    Resolve(Arc<Schema>),
}

/// Reads one kind of message. Remembers for each writer's schema how to read it.
pub struct MessageReader<T> {
    registry: SchemaRegistry,
    unknown: UnknownFields,
    plans: BTreeMap<SchemaId, Plan>,
    message: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for MessageReader<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageReader").field("schemas", &self.plans.len()).finish_non_exhaustive()
    }
}

impl<T: Message> MessageReader<T> {
    /// A reader that asks this registry for schemas it does not know.
    pub const fn new(registry: SchemaRegistry, unknown: UnknownFields) -> Self {
        Self { registry, unknown, plans: BTreeMap::new(), message: PhantomData }
    }

    /// Reads a record's payload.
    pub async fn read(&mut self, record: &ConsumedRecord) -> Result<T, ReadError> {
        let payload = record.payload.as_deref().ok_or(ReadError::Tombstone)?;
        self.read_payload(payload, record.header(header_names::SCHEMA_FINGERPRINT)).await
    }

    /// Reads a payload; `written` is the header with the writer's fingerprint, checked at the first use of each id.
    pub async fn read_payload(&mut self, payload: &[u8], written: Option<&[u8]>) -> Result<T, ReadError> {
        let (id, body) = split_wire_header(payload)?;
        if !self.plans.contains_key(&id) {
            match self.plan(id, written).await {
                Ok(plan) => {
                    self.plans.insert(id, plan);
                }
                // The header alone proves that the schema is ours; the id is checked when the registry is back.
                Err(error)
                    if error.is_transient()
                        && written == Some(T::schema().fingerprint()?.as_str().as_bytes()) =>
                {
                    return Ok(T::decode(body)?);
                }
                Err(error) => return Err(error),
            }
        }
        match self.plans.get(&id) {
            Some(Plan::Resolve(writer)) => resolve::<T>(id, writer, body),
            Some(Plan::Ours) | None => Ok(T::decode(body)?),
        }
    }

    async fn plan(&self, id: SchemaId, written: Option<&[u8]>) -> Result<Plan, ReadError> {
        let writer = self.registry.schema(id).await?;
        let found = Fingerprint::of(&writer);
        if let Some(written) = written
            && written != found.as_str().as_bytes()
        {
            let written = String::from_utf8_lossy(written).chars().take(found.as_str().len()).collect();
            return Err(ReadError::Fingerprint { id, found, written });
        }
        if found == *T::schema().fingerprint()? {
            return Ok(Plan::Ours);
        }
        if self.unknown == UnknownFields::Stop
            && let Some(field) = unknown_field(&writer, T::schema().schema()?)
        {
            return Err(ReadError::UnknownField { id, field });
        }
        Ok(Plan::Resolve(writer))
    }
}

/// Resolves with apache-avro, writes in our schema and reads that: one decoder knows the types.
///
/// apache-avro's errors are not repeated: they may quote values.
fn resolve<T: Message>(id: SchemaId, writer: &Schema, body: &[u8]) -> Result<T, ReadError> {
    let ours = T::schema();
    let reader = ours.schema()?;
    let mut rest = body;
    let resolved = GenericDatumReader::builder(writer)
        .reader_schema(reader)
        .build()
        .and_then(|r| r.read_value(&mut rest))
        .and_then(|value| GenericDatumWriter::builder(reader).build()?.write_value_to_vec(value))
        .map_err(|_| ReadError::Unresolvable { id, subject: ours.subject })?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing { bytes: rest.len() }.into());
    }
    Ok(T::decode(&resolved)?)
}

/// The first field of a record that both know which only the writer has.
fn unknown_field(writer: &Schema, reader: &Schema) -> Option<String> {
    let (theirs, ours) = (record_fields(writer), record_fields(reader));
    theirs.into_iter().find_map(|(record, fields)| {
        let known = ours.get(&record)?;
        fields.into_iter().find(|f| !known.contains(f)).map(|field| format!("{record}.{field}"))
    })
}

/// Every record defined in a schema with the names of its fields, aliases among them.
fn record_fields(schema: &Schema) -> BTreeMap<String, BTreeSet<String>> {
    let mut records = BTreeMap::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        if let Schema::Record(RecordSchema { name, fields, .. }) = schema {
            let names = fields.iter().flat_map(|f| std::iter::once(&f.name).chain(f.aliases.iter())).cloned();
            records.insert(name.to_string(), names.collect());
            open.extend(fields.iter().map(|f| &f.schema));
        } else if let Schema::Array(array) = schema {
            open.push(&array.items);
        } else if let Schema::Map(map) = schema {
            open.push(&map.types);
        } else if let Schema::Union(union) = schema {
            open.extend(union.variants());
        }
    }
    records
}

#[cfg(test)]
mod tests;
