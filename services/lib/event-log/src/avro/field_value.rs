//! Field values as canonical JSON, the same text that [`registry_rules::canonical_json`] gives.
//!
//! By hand because every message has a dozen of them: serde's untagged enumeration buffers each value twice.

use super::{EncodeError, limits};
use registry_rules::FieldValue;
use std::collections::BTreeMap;

/// Appends a value's text.
pub(super) fn write(value: &FieldValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_within(value, out, limits::VALUE_DEPTH)
}

fn write_within(value: &FieldValue, out: &mut Vec<u8>, depth: usize) -> Result<(), EncodeError> {
    let depth = depth.checked_sub(1).ok_or(EncodeError::TooDeep)?;
    match value {
        FieldValue::Text(text) => write_text(text, out),
        FieldValue::Parts(parts) => {
            check_parts(parts.len())?;
            out.push(b'{');
            for (n, (name, text)) in parts.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write_text(text, out);
            }
            out.push(b'}');
        }
        FieldValue::List(items) => {
            check_parts(items.len())?;
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_within(item, out, depth)?;
            }
            out.push(b']');
        }
    }
    Ok(())
}

const fn check_parts(length: usize) -> Result<(), EncodeError> {
    if length > limits::VALUE_PARTS {
        Err(EncodeError::TooLong { part: "parts of a value", length, limit: limits::VALUE_PARTS })
    } else {
        Ok(())
    }
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Runs of plain bytes are copied whole; only the few characters that JSON demands are escaped.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| needs_escape(*b)) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = from.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.push(hex(control >> 4));
                out.push(hex(control & 15));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// The value of a text; nothing if it is not one. White space is not part of the canonical form.
pub(super) fn read(text: &str) -> Option<FieldValue> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(limits::VALUE_DEPTH)?;
    (reader.at == text.len()).then_some(value)
}

/// Position in a text; always on a character's boundary.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, byte: u8) -> Option<()> {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<FieldValue> {
        let depth = depth.checked_sub(1)?;
        match self.text.as_bytes().get(self.at)? {
            b'"' => self.string().map(FieldValue::Text),
            b'{' => self.parts(),
            b'[' => self.list(depth),
            _ => None,
        }
    }

    fn parts(&mut self) -> Option<FieldValue> {
        self.take(b'{')?;
        let mut parts = BTreeMap::new();
        if self.take(b'}').is_some() {
            return Some(FieldValue::Parts(parts));
        }
        loop {
            let name = self.string()?;
            self.take(b':')?;
            let text = self.string()?;
            // Canonical parts come in order, each once.
            if parts.last_key_value().is_some_and(|(last, _)| *last >= name)
                || parts.len() == limits::VALUE_PARTS
            {
                return None;
            }
            parts.insert(name, text);
            if self.take(b',').is_none() {
                return self.take(b'}').map(|()| FieldValue::Parts(parts));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<FieldValue> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.take(b']').is_some() {
            return Some(FieldValue::List(items));
        }
        loop {
            if items.len() == limits::VALUE_PARTS {
                return None;
            }
            items.push(self.value(depth)?);
            if self.take(b',').is_none() {
                return self.take(b']').map(|()| FieldValue::List(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let plain = self.plain()?;
        if self.take(b'"').is_some() {
            return Some(plain.to_owned());
        }
        let mut out = plain.to_owned();
        loop {
            if self.take(b'"').is_some() {
                return Some(out);
            }
            self.take(b'\\')?;
            out.push(self.escaped()?);
            out.push_str(self.plain()?);
        }
    }

    /// Up to the next byte that cannot stand for itself; nothing at the text's end.
    fn plain(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        // The standard library looks for one byte faster than for several, and most texts end at the first quote.
        let quote = rest.find('"')?;
        let plain = rest.get(..quote)?;
        let length = plain.bytes().position(needs_escape).unwrap_or(quote);
        self.at += length;
        plain.get(..length)
    }

    /// The character after a backslash: the canonical form has three kinds.
    fn escaped(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        let (character, length) = if rest.starts_with('"') {
            ('"', 1)
        } else if rest.starts_with('\\') {
            ('\\', 1)
        } else {
            let digits = rest.strip_prefix("u00")?.get(..2)?;
            let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            let digits = digits.bytes().all(lower).then_some(digits)?;
            let code = u8::from_str_radix(digits, 16).ok().filter(|code| *code < b' ')?;
            (char::from(code), 5)
        };
        self.at += length;
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use registry_rules::canonical_json;

    fn values() -> impl Strategy<Value = FieldValue> {
        let leaf = prop_oneof![
            any::<String>().prop_map(FieldValue::Text),
            proptest::collection::btree_map(".{0,6}", any::<String>(), 0..4).prop_map(FieldValue::Parts),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            proptest::collection::vec(inner, 0..4).prop_map(FieldValue::List)
        })
    }

    proptest! {
        #[test]
        fn the_text_is_the_canonical_one_and_reads_back(value in values()) {
            let mut out = Vec::new();
            write(&value, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(&text, &canonical_json(&value));
            prop_assert!(read(&text) == Some(value));
        }

        #[test]
        fn any_text_is_a_value_or_none(text in ".*") {
            if let Some(value) = read(&text) {
                prop_assert_eq!(canonical_json(&value), text);
            }
        }

        #[test]
        fn near_values_are_a_value_or_none(text in "[\\[\\]{}:,\"\\\\u0-9aớ]{0,24}") {
            if let Some(value) = read(&text) {
                prop_assert_eq!(canonical_json(&value), text);
            }
        }
    }

    #[test]
    fn lists_nest_to_the_limit_and_no_deeper() {
        let nested = |depth: usize| {
            (1..depth).fold(FieldValue::Text(String::new()), |value, _| FieldValue::List(vec![value]))
        };
        let mut out = Vec::new();
        write(&nested(limits::VALUE_DEPTH), &mut out).unwrap();
        assert!(read(std::str::from_utf8(&out).unwrap()).is_some());
        assert_eq!(write(&nested(limits::VALUE_DEPTH + 1), &mut Vec::new()), Err(EncodeError::TooDeep));
        assert!(read(&canonical_json(&nested(limits::VALUE_DEPTH + 1))).is_none());
    }
}
