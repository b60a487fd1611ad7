//! The messages of the internal topics and their encodings.

mod answer;
mod control_event;
mod error_report;
mod field_name;
mod link_event;
mod person_image;
mod source_message;
mod source_message_codec;
mod source_position;
#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;

use crate::{DecodeError, EmbeddedSchema, EncodeError, schema};
pub use answer::{decode_answer, encode_answer};
pub use control_event::{ControlEvent, decode_control_event, encode_control_event};
pub use error_report::{decode_error_report, encode_error_report};
pub use link_event::{decode_link_event, encode_link_event};
pub use person_image::{decode_person_image, encode_person_image};
pub use source_message::{Fence, RowMarker, SnapshotBegin, SnapshotEnd, SourceMessage, TableCount};
pub use source_message_codec::{decode_source_message, encode_source_message};
pub use source_position::{
    SnapshotState, SnapshotTable, SourcePosition, decode_source_position, encode_source_position,
};

/// A message with an embedded schema. Bodies are bare Avro: the wire header is put before them by whoever publishes.
pub trait Message: Sized {
    /// The schema this build writes and reads fast.
    fn schema() -> &'static EmbeddedSchema;
    /// Appends the Avro body. After an error the buffer is as it was.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;
    /// Reads an Avro body written with [`Message::schema`].
    fn decode(body: &[u8]) -> Result<Self, DecodeError>;
}

macro_rules! message {
    ($type:ty, $schema:ident, $encode:path, $decode:path) => {
        impl Message for $type {
            fn schema() -> &'static EmbeddedSchema {
                &schema::$schema
            }
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                $encode(self, out)
            }
            fn decode(body: &[u8]) -> Result<Self, DecodeError> {
                $decode(body)
            }
        }
    };
}

message!(SourceMessage, SOURCE_MESSAGE, encode_source_message, decode_source_message);
message!(SourcePosition, SOURCE_POSITION, encode_source_position, decode_source_position);
message!(ControlEvent, CONTROL_EVENT, encode_control_event, decode_control_event);
message!(registry_rules::PersonImage, PERSON_IMAGE, encode_person_image, decode_person_image);
message!(registry_rules::LinkEvent, LINK_EVENT, encode_link_event, decode_link_event);
message!(registry_rules::ErrorReport, ERROR_REPORT, encode_error_report, decode_error_report);
message!(registry_rules::Answer, ANSWER, encode_answer, decode_answer);
