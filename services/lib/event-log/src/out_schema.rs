//! The schema of what an agreement receives, made from the agreement.

use crate::{Fingerprint, SchemaError};
use apache_avro::Schema;
use std::collections::{BTreeMap, BTreeSet};

/// Columns that every outgoing message may have beside the agreement's own; no others begin with `meta_`.
pub const META_COLUMNS: [&str; 9] = [
    "meta_id",
    "meta_ref",
    "meta_release_no",
    "meta_agreement_version",
    "meta_released_at",
    "meta_event",
    "meta_reason",
    "meta_into",
    "meta_absorbed",
];

/// A message or an agreement that does not fit its schema.
#[derive(Debug, thiserror::Error)]
pub enum OutSchemaError {
    /// The agreement's or a column's name is no Avro name.
    #[error(
        "'{0}' is no name: letters, digits and '_', not beginning with a digit, and no column begins with 'meta_'"
    )]
    Name(String),
    /// A column occurs twice.
    #[error("column '{0}' is named twice")]
    Twice(String),
    /// A payload has a column that the agreement does not name: it must not leave.
    #[error("column '{0}' is not in the schema of the agreement: the payload must not leave")]
    NotPermitted(String),
    /// A column's text is too long.
    #[error(transparent)]
    Encode(#[from] crate::EncodeError),
    /// The schema that was made is not one. A fault of this crate.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// The schema of one generation of an agreement's topic: its columns and [`META_COLUMNS`], each a nullable text with
/// default null, so that every later one of the same generation is compatible in both directions.
#[derive(Clone, Debug)]
pub struct OutSchema {
    json: String,
    fingerprint: Fingerprint,
    columns: Vec<String>,
}

fn is_name(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    text.bytes().next().is_some_and(letter) && text.bytes().all(|b| letter(b) || b.is_ascii_digit())
}

impl OutSchema {
    /// The schema for an agreement's columns, in their order.
    pub fn for_fields<S: AsRef<str>>(agreement: &str, columns: &[S]) -> Result<Self, OutSchemaError> {
        if !is_name(agreement) {
            return Err(OutSchemaError::Name(agreement.to_owned()));
        }
        let mut all: Vec<String> = META_COLUMNS.into_iter().map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        for column in columns {
            let column = column.as_ref();
            if !is_name(column) || column.starts_with("meta_") {
                return Err(OutSchemaError::Name(column.to_owned()));
            }
            if !seen.insert(column) {
                return Err(OutSchemaError::Twice(column.to_owned()));
            }
            all.push(column.to_owned());
        }
        let fields: Vec<_> = all
            .iter()
            .map(|name| serde_json::json!({ "name": name, "type": ["null", "string"], "default": null }))
            .collect();
        let json = serde_json::json!({
            "type": "record",
            "name": "Release",
            "namespace": format!("dansync.out.{agreement}"),
            "fields": fields,
        })
        .to_string();
        let schema = Schema::parse_str(&json)
            .map_err(|e| SchemaError { subject: agreement.to_owned(), reason: e.to_string() })?;
        Ok(Self { fingerprint: Fingerprint::of(&schema), json, columns: all })
    }

    /// The schema's text, to be registered under [`OutSchema::subject`].
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Its fingerprint, for the header.
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// All columns, the meta ones first.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The subject of a topic's values, as Confluent's clients look for it.
    pub fn subject(topic: &str) -> String {
        format!("{topic}-value")
    }
}

/// Appends the Avro body of one message; columns that are absent are null. A column that the schema does not have is an
/// error, and the buffer stays as it was.
pub fn encode_out(
    schema: &OutSchema,
    row: &BTreeMap<String, Option<String>>,
    out: &mut Vec<u8>,
) -> Result<(), OutSchemaError> {
    if let Some(column) = row.keys().find(|column| !schema.columns.contains(*column)) {
        return Err(OutSchemaError::NotPermitted(column.clone()));
    }
    crate::avro::Encoder::append(out, |e| {
        for column in &schema.columns {
            e.optional_text("a column", row.get(column).and_then(Option::as_deref))?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::reader::datum::GenericDatumReader;
    use apache_avro::types::Value;

    #[test]
    fn a_row_reads_back_with_any_avro_library() {
        let schema = OutSchema::for_fields("education", &["full_name", "birth_date"]).unwrap();
        let row = BTreeMap::from([
            ("meta_ref".to_owned(), Some("r1".to_owned())),
            ("full_name".to_owned(), Some("Nguyễn Văn A".to_owned())),
            ("birth_date".to_owned(), None),
        ]);
        let mut out = Vec::new();
        encode_out(&schema, &row, &mut out).unwrap();
        let parsed = Schema::parse_str(schema.json()).unwrap();
        let value =
            GenericDatumReader::builder(&parsed).build().unwrap().read_value(&mut out.as_slice()).unwrap();
        let Value::Record(fields) = value else { panic!("no record") };
        assert_eq!(fields.len(), META_COLUMNS.len() + 2);
        let text = |t: &str| Value::Union(1, Box::new(Value::String(t.to_owned())));
        let null = Value::Union(0, Box::new(Value::Null));
        assert!(fields.contains(&("meta_ref".to_owned(), text("r1"))));
        assert!(fields.contains(&("full_name".to_owned(), text("Nguyễn Văn A"))));
        assert!(fields.contains(&("birth_date".to_owned(), null.clone())));
        assert!(fields.contains(&("meta_into".to_owned(), null)));
    }

    #[test]
    fn a_column_that_is_not_permitted_does_not_leave() {
        let schema = OutSchema::for_fields("education", &["full_name"]).unwrap();
        let row = BTreeMap::from([("religion".to_owned(), Some("-".to_owned()))]);
        let mut out = vec![1];
        assert!(
            matches!(encode_out(&schema, &row, &mut out), Err(OutSchemaError::NotPermitted(c)) if c == "religion")
        );
        assert_eq!(out, [1]);
    }

    #[test]
    fn names_are_checked() {
        assert!(matches!(OutSchema::for_fields("a-b", &["x"]), Err(OutSchemaError::Name(_))));
        assert!(matches!(OutSchema::for_fields("a", &["1x"]), Err(OutSchemaError::Name(_))));
        assert!(matches!(OutSchema::for_fields("a", &["meta_ref"]), Err(OutSchemaError::Name(_))));
        assert!(matches!(OutSchema::for_fields("a", &["x", "x"]), Err(OutSchemaError::Twice(_))));
    }
}
