//! One way to write a value down, so that equal content has equal bytes.

use crate::FieldValue;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 over a record's canonical content: all of it but version and mapping version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; 32]);

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

/// A value as canonical JSON: keys sorted, no white space, texts as they are (they were made NFC when captured).
pub fn canonical_json(value: &FieldValue) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &FieldValue, out: &mut String) {
    match value {
        FieldValue::Text(text) => write_text(text, out),
        FieldValue::Parts(parts) => {
            out.push('{');
            for (n, (name, text)) in parts.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write_text(text, out);
            }
            out.push('}');
        }
        FieldValue::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
    }
}

/// JSON string with the escapes that JSON demands and no others.
fn write_text(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Feeds length-prefixed parts to a hash, so that no two sequences of parts give the same bytes.
pub(crate) struct PartHasher(Sha256);

impl PartHasher {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_is_json_and_reads_back() {
        let value = FieldValue::List(vec![
            FieldValue::Text("a\"b\\c\nd".to_owned()),
            FieldValue::parts([("z", "1".to_owned()), ("a", "ữ".to_owned())]),
        ]);
        let text = canonical_json(&value);
        assert_eq!(text, r#"["a\"b\\c\u000ad",{"a":"ữ","z":"1"}]"#);
        assert!(serde_json::from_str::<FieldValue>(&text).unwrap() == value);
    }
}
