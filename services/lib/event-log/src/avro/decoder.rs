//! Reads Avro's binary encoding: total, bounded, borrowing its texts from the input.

use super::{DecodeError, field_value, limits};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::FieldValue;
use std::str::FromStr;

/// Reads from the front of a slice.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads one message; bytes after it are an error.
    pub(crate) fn whole<T>(
        bytes: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut decoder = Self { rest: bytes };
        let message = read(&mut decoder)?;
        if decoder.rest.is_empty() {
            Ok(message)
        } else {
            Err(DecodeError::Trailing { bytes: decoder.rest.len() })
        }
    }

    fn byte(&mut self, part: &'static str) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::End { part })?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn long(&mut self, part: &'static str) -> Result<i64, DecodeError> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(part)?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Range { part });
            }
            zigzag |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()));
            }
        }
        Err(DecodeError::Range { part })
    }

    pub(crate) fn u32(&mut self, part: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.long(part)?).map_err(|_| DecodeError::Range { part })
    }

    /// 64 unsigned bits that travel as the same bits signed.
    pub(crate) fn bits(&mut self, part: &'static str) -> Result<u64, DecodeError> {
        Ok(self.long(part)?.cast_unsigned())
    }

    pub(crate) fn bool(&mut self, part: &'static str) -> Result<bool, DecodeError> {
        match self.byte(part)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Range { part }),
        }
    }

    /// One of an enumeration's symbols.
    pub(crate) fn symbol<T: Copy>(&mut self, part: &'static str, all: &[T]) -> Result<T, DecodeError> {
        let index = self.long(part)?;
        usize::try_from(index)
            .ok()
            .and_then(|n| all.get(n))
            .copied()
            .ok_or(DecodeError::Alternative { part, index })
    }

    fn length(&mut self, part: &'static str, limit: usize) -> Result<usize, DecodeError> {
        match usize::try_from(self.long(part)?) {
            Ok(length) if length <= limit => Ok(length),
            Ok(_) | Err(_) => Err(DecodeError::Length { part, limit }),
        }
    }

    pub(crate) fn text(&mut self, part: &'static str) -> Result<&'a str, DecodeError> {
        let length = self.length(part, limits::TEXT_BYTES)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::End { part })?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| DecodeError::Utf8 { part })
    }

    pub(crate) fn string(&mut self, part: &'static str) -> Result<String, DecodeError> {
        self.text(part).map(str::to_owned)
    }

    /// `["null", T]`.
    pub(crate) fn optional<T>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.long(part)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            index => Err(DecodeError::Alternative { part, index }),
        }
    }

    pub(crate) fn optional_string(&mut self, part: &'static str) -> Result<Option<String>, DecodeError> {
        self.optional(part, |d| d.string(part))
    }

    /// A day `YYYY-MM-DD` that may be missing.
    pub(crate) fn optional_day(&mut self, part: &'static str) -> Result<Option<NaiveDate>, DecodeError> {
        self.optional(part, |d| d.day(part))
    }

    /// All blocks of an array, each item handed to `read`. Every item takes at least a byte, so memory stays in proportion.
    pub(crate) fn each(
        &mut self,
        part: &'static str,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut total = 0_usize;
        loop {
            let mut count = self.long(part)?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // A negative count is followed by the block's size in bytes, for readers that skip it.
                count = count.checked_neg().ok_or(DecodeError::Length { part, limit })?;
                self.long(part)?;
            }
            let count = usize::try_from(count).map_err(|_| DecodeError::Length { part, limit })?;
            total = total.saturating_add(count);
            if total > limit {
                return Err(DecodeError::Length { part, limit });
            }
            for _ in 0..count {
                read(self)?;
            }
        }
    }

    pub(crate) fn array<T>(
        &mut self,
        part: &'static str,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        self.each(part, limit, |d| {
            items.push(read(d)?);
            Ok(())
        })?;
        Ok(items)
    }

    pub(crate) fn strings(&mut self, part: &'static str, limit: usize) -> Result<Vec<String>, DecodeError> {
        self.array(part, limit, |d| d.string(part))
    }

    pub(crate) fn moment(&mut self, part: &'static str) -> Result<DateTime<Utc>, DecodeError> {
        DateTime::from_timestamp_micros(self.long(part)?).ok_or(DecodeError::Range { part })
    }

    /// A text of a form that its type checks.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        part: &'static str,
        expected: &'static str,
    ) -> Result<T, DecodeError> {
        self.text(part)?.parse().map_err(|_| DecodeError::Form { part, expected })
    }

    pub(crate) fn day(&mut self, part: &'static str) -> Result<NaiveDate, DecodeError> {
        self.parsed(part, "a day YYYY-MM-DD")
    }

    /// A field's value from canonical JSON text.
    pub(crate) fn field_value(&mut self, part: &'static str) -> Result<FieldValue, DecodeError> {
        let text = self.text(part)?;
        field_value::read(text).ok_or(DecodeError::Form { part, expected: "a value in canonical JSON" })
    }
}
