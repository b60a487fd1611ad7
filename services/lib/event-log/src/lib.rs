//! The event log: Kafka topics, Avro messages and the schema registry.
//!
//! The only crate that knows rdkafka and apache-avro. Everything that crosses a topic is a type here with one encoder and
//! one decoder; everything that can go wrong on the way is an error that says whether to retry, rebuild or stop.
//!
//! Laws kept here:
//! - a batch of records and the position that belongs to them are in one Kafka transaction, or neither is visible;
//! - a consumer begins exactly where its [`PositionStore`] says, and a batch names the claims it was read under;
//! - a decoder is total: bytes of any content give a message or a [`DecodeError`], never a panic, and never more memory
//!   than a constant times their length;
//! - no error, log line or `Debug` output holds a value of a message.

mod admin;
mod avro;
mod client;
mod config;
mod consumer;
mod headers;
mod message_reader;
mod messages;
mod out_schema;
mod outgoing;
mod partition;
mod producer;
mod quarantine;
mod read_topic;
mod schema;
mod schema_registry;
mod topics;
mod wire;

/// For implementations of [`PositionStore`].
pub use async_trait::async_trait;

pub use admin::{Admin, AdminError, BACKUP_WINDOW, Cleanup, TopicSpec};
pub use avro::{DecodeError, EncodeError, limits};
pub use config::KafkaConfig;
pub use consumer::{
    Batch, Claim, ClaimError, ConsumedRecord, ConsumerError, GroupConsumer, Limits, PositionStore, Standing,
    TopicPartition,
};
pub use headers::names as header_names;
pub use message_reader::{MessageReader, ReadError, UnknownFields};
pub use messages::{
    ControlEvent, Fence, Message, RowMarker, SnapshotBegin, SnapshotEnd, SnapshotState, SnapshotTable,
    SourceMessage, SourcePosition, TableCount, decode_answer, decode_control_event, decode_error_report,
    decode_link_event, decode_person_image, decode_source_message, decode_source_position, encode_answer,
    encode_control_event, encode_error_report, encode_link_event, encode_person_image, encode_source_message,
    encode_source_position,
};
pub use out_schema::{META_COLUMNS, OutSchema, OutSchemaError, encode_out};
pub use outgoing::OutgoingRecord;
pub use partition::partition_for;
pub use producer::{IdempotentProducer, MAX_RECORD_BYTES, ProducerError, TransactionalProducer};
pub use quarantine::{QuarantineError, Quarantined};
pub use read_topic::{
    ReadTopicError, WholeRecord, end_offsets, read_compacted, read_newest, read_on, read_whole,
};
pub use schema::{EmbeddedSchema, Fingerprint, SchemaError, embedded_schemas};
pub use schema_registry::{SchemaId, SchemaRegistry, SchemaRegistryConfig, SchemaRegistryError};
pub use topics::Topics;
pub use wire::{WireError, put_wire_header, split_wire_header};
