//! The Confluent wire format: a zero byte, the schema's id, the Avro body.

use crate::SchemaId;

/// First byte of every payload in the Confluent wire format.
const MAGIC: u8 = 0;

/// A payload that is not in the Confluent wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Fewer than five bytes.
    #[error("the payload has {0} bytes; a zero byte and a schema id take 5")]
    Short(usize),
    /// Another first byte.
    #[error(
        "the payload begins with byte {0:#04x}, not 0x00: it was not written in the Confluent wire format"
    )]
    Magic(u8),
}

/// Appends the header; the Avro body follows it.
pub fn put_wire_header(id: SchemaId, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.0.to_be_bytes());
}

/// The schema's id and the Avro body.
pub fn split_wire_header(payload: &[u8]) -> Result<(SchemaId, &[u8]), WireError> {
    let Some((header, body)) = payload.split_first_chunk::<5>() else {
        return Err(WireError::Short(payload.len()));
    };
    let [magic, id @ ..] = *header;
    if magic != MAGIC {
        return Err(WireError::Magic(magic));
    }
    Ok((SchemaId(u32::from_be_bytes(id)), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_reads_back() {
        let mut out = Vec::new();
        put_wire_header(SchemaId(7), &mut out);
        out.push(9);
        assert_eq!(out, [0, 0, 0, 0, 7, 9]);
        assert_eq!(split_wire_header(&out), Ok((SchemaId(7), [9].as_slice())));
        assert_eq!(split_wire_header(&[0, 1]), Err(WireError::Short(2)));
        assert_eq!(split_wire_header(&[1, 0, 0, 0, 0]), Err(WireError::Magic(1)));
    }
}
