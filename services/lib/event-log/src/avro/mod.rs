//! Avro's binary encoding, written by hand for the messages of the hot path.
//!
//! apache-avro goes through a tree of values and takes tens of times as long; it is the oracle of these modules' tests and
//! the slow path of [`crate::MessageReader`].

mod decoder;
mod encoder;
mod field_value;
pub mod limits;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

/// A message that would be too large to read back. Names the part, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text or a list is longer than any reader takes.
    #[error("{part} has length {length}, the limit is {limit}: quarantine the record")]
    TooLong {
        /// Name in the schema.
        part: &'static str,
        /// Bytes of a text, items of a list.
        length: usize,
        /// From [`limits`].
        limit: usize,
    },
    /// Lists within lists.
    #[error("a field's value nests deeper than {} lists: quarantine the record", limits::VALUE_DEPTH)]
    TooDeep,
}

/// Bytes that are not the message they should be. Names the part and the reason, never the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a part.
    #[error("the message ends within {part}")]
    End {
        /// Name in the schema.
        part: &'static str,
    },
    /// Bytes follow the message.
    #[error("{bytes} bytes follow the message: another schema wrote it")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A length or a number of items is negative or above its limit.
    #[error("the length of {part} is negative or above {limit}")]
    Length {
        /// Name in the schema.
        part: &'static str,
        /// From [`limits`].
        limit: usize,
    },
    /// A number is outside its range.
    #[error("{part} is outside its range")]
    Range {
        /// Name in the schema.
        part: &'static str,
    },
    /// The index of a union's branch or of an enumeration's symbol is not in the schema.
    #[error("{part} has no alternative with index {index}")]
    Alternative {
        /// Name in the schema.
        part: &'static str,
        /// The index found.
        index: i64,
    },
    /// Not UTF-8.
    #[error("{part} is not UTF-8")]
    Utf8 {
        /// Name in the schema.
        part: &'static str,
    },
    /// The text is not of its form.
    #[error("{part} is not {expected}")]
    Form {
        /// Name in the schema.
        part: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}
