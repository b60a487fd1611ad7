//! Writes Avro's binary encoding into a buffer that the caller keeps.

use super::{EncodeError, field_value, limits};
use chrono::{DateTime, Utc};
use registry_rules::FieldValue;

/// Appends to a buffer. After an error the buffer's new part is without meaning: the caller cuts it off.
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// Runs `write`; when it fails, the buffer is as it was before.
    pub(crate) fn append(
        out: &'a mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let result = write(&mut Encoder { out });
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    pub(crate) fn long(&mut self, value: i64) {
        let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while zigzag >= 0x80 {
            self.out.push(low_seven(zigzag) | 0x80);
            zigzag >>= 7;
        }
        self.out.push(low_seven(zigzag));
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.long(i64::from(value));
    }

    /// 64 unsigned bits as the same bits signed.
    pub(crate) fn bits(&mut self, value: u64) {
        self.long(value.cast_signed());
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    /// A union's branch or an enumeration's symbol.
    pub(crate) fn index(&mut self, index: u8) {
        self.long(i64::from(index));
    }

    pub(crate) fn text(&mut self, part: &'static str, text: &str) -> Result<(), EncodeError> {
        check(part, text.len(), limits::TEXT_BYTES)?;
        self.length(text.len());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    pub(crate) fn optional_text(
        &mut self,
        part: &'static str,
        text: Option<&str>,
    ) -> Result<(), EncodeError> {
        self.optional(text, |e, text| e.text(part, text))
    }

    /// `["null", T]`.
    pub(crate) fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        match value {
            None => {
                self.index(0);
                Ok(())
            }
            Some(value) => {
                self.index(1);
                write(self, value)
            }
        }
    }

    /// One block with all items, then the empty block.
    pub(crate) fn array<I>(
        &mut self,
        part: &'static str,
        limit: usize,
        items: I,
        mut write: impl FnMut(&mut Self, I::Item) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError>
    where
        I: ExactSizeIterator,
    {
        check(part, items.len(), limit)?;
        if items.len() > 0 {
            self.length(items.len());
            for item in items {
                write(self, item)?;
            }
        }
        self.long(0);
        Ok(())
    }

    pub(crate) fn texts<'t, I>(
        &mut self,
        part: &'static str,
        limit: usize,
        texts: I,
    ) -> Result<(), EncodeError>
    where
        I: ExactSizeIterator<Item = &'t String>,
    {
        self.array(part, limit, texts, |e, text| e.text(part, text))
    }

    /// Microseconds since 1970; finer parts are cut off.
    pub(crate) fn moment(&mut self, moment: DateTime<Utc>) {
        self.long(moment.timestamp_micros());
    }

    /// Shown by `Display`, without an allocation of its own.
    pub(crate) fn displayed(
        &mut self,
        part: &'static str,
        value: impl std::fmt::Display,
    ) -> Result<(), EncodeError> {
        use std::io::Write as _;
        let start = self.begin_text();
        // Writing to a Vec cannot fail; a `Display` that fails leaves a text the decoder refuses.
        write!(self.out, "{value}").ok();
        self.end_text(part, start)
    }

    /// A field's value as canonical JSON text.
    pub(crate) fn field_value(&mut self, part: &'static str, value: &FieldValue) -> Result<(), EncodeError> {
        let start = self.begin_text();
        field_value::write(value, self.out)?;
        self.end_text(part, start)
    }

    fn length(&mut self, length: usize) {
        // Checked against a limit far below 2^63.
        self.long(i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// Leaves room for a length of two bytes (texts of 64 to 8191 bytes).
    fn begin_text(&mut self) -> usize {
        self.out.extend_from_slice(&[0, 0]);
        self.out.len()
    }

    /// Writes the length into the room left for it; the text moves by what it takes more or less.
    fn end_text(&mut self, part: &'static str, start: usize) -> Result<(), EncodeError> {
        let length = self.out.len().saturating_sub(start);
        check(part, length, limits::TEXT_BYTES)?;
        let mut prefix = Vec::new();
        let mut short = [0_u8; 2];
        let zigzag = u64::try_from(length).unwrap_or(u64::MAX) << 1;
        let prefix: &[u8] = if zigzag < 0x80 {
            short[0] = low_seven(zigzag);
            &short[..1]
        } else if zigzag < 0x4000 {
            short = [low_seven(zigzag) | 0x80, low_seven(zigzag >> 7)];
            &short
        } else {
            Encoder { out: &mut prefix }.length(length);
            &prefix
        };
        self.out.splice(start.saturating_sub(2)..start, prefix.iter().copied());
        Ok(())
    }
}

/// The lowest seven bits: always within a byte.
const fn low_seven(value: u64) -> u8 {
    (value & 0x7f) as u8
}

const fn check(part: &'static str, length: usize, limit: usize) -> Result<(), EncodeError> {
    if length > limit { Err(EncodeError::TooLong { part, length, limit }) } else { Ok(()) }
}
