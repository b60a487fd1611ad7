//! Every codec against apache-avro in both directions, against any bytes, and against its own limits.

use super::{Message, SourceMessage, strategies};
use crate::avro::limits;
use crate::{DecodeError, EncodeError, embedded_schemas};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use registry_rules::{FieldValue, Lifecycle, SourceRecord, Standing};
use std::collections::BTreeMap;

/// Ours → apache-avro → ours: the oracle reads all of our bytes, and we read the same message from the oracle's.
fn survives_the_oracle<T: Message + PartialEq + std::fmt::Debug>(message: &T) {
    let mut bytes = vec![0xAB];
    message.encode(&mut bytes).unwrap();
    let (kept, body) = bytes.split_first().unwrap();
    assert_eq!(*kept, 0xAB, "encoding appends");
    let schema = T::schema().schema().unwrap();
    let mut rest = body;
    let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "the oracle reads all");
    assert!(value.validate(schema), "the oracle finds it valid");
    let theirs = GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap();
    assert_eq!(&T::decode(&theirs).unwrap(), message, "from the oracle's bytes");
    assert_eq!(&T::decode(body).unwrap(), message, "from our bytes");
}

/// Damaged messages are messages or errors; nothing else happens.
fn bears_damage<T: Message>(message: &T, at: usize, byte: u8) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).unwrap();
    let length = bytes.len();
    if let Some(target) = bytes.get_mut(at % length.max(1)) {
        *target = byte;
    }
    T::decode(&bytes).ok();
    bytes.truncate(at % length.max(1));
    T::decode(&bytes).ok();
}

macro_rules! codec {
    ($name:ident) => {
        mod $name {
            use super::*;
            proptest! {
                #![proptest_config(ProptestConfig::with_cases(96))]
                #[test]
                fn survives_the_oracle(message in strategies::$name()) {
                    super::survives_the_oracle(&message);
                }
                #[test]
                fn bears_damage(message in strategies::$name(), at in any::<usize>(), byte in any::<u8>()) {
                    super::bears_damage(&message, at, byte);
                }
            }
        }
    };
}

codec!(source_message);
codec!(source_position);
codec!(control_event);
codec!(person_image);
codec!(link_event);
codec!(answer);
codec!(error_report);

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        super::decode_source_message(&bytes).ok();
        super::decode_source_position(&bytes).ok();
        super::decode_control_event(&bytes).ok();
        super::decode_person_image(&bytes).ok();
        super::decode_link_event(&bytes).ok();
        super::decode_answer(&bytes).ok();
        super::decode_error_report(&bytes).ok();
    }
}

pub(crate) fn record() -> SourceRecord {
    let field = |name: &str, value: FieldValue| (name.parse().unwrap(), value);
    let parts =
        |list: &[(&'static str, &str)]| FieldValue::parts(list.iter().map(|(k, v)| (*k, (*v).to_owned())));
    let text = |text: &str| FieldValue::Text(text.to_owned());
    SourceRecord {
        record_key: "civil_status/birth/123456/child".to_owned().try_into().unwrap(),
        version: registry_rules::Version { epoch: 1, position: 0x1_6B37_4D48, ordinal: 3 },
        kind: "civil_status.birth_registered".to_owned(),
        standing: Standing::Asserted,
        act: Some(registry_rules::ActReference {
            source: "civil_status".to_owned(),
            act: "00001/2020/12/123".to_owned(),
            role: Some("child".to_owned()),
        }),
        refers_to: None,
        valid_from: Some("2020-03-17".parse().unwrap()),
        valid_to: None,
        recorded_at: Some("2020-03-20T08:15:00Z".parse().unwrap()),
        identifiers: vec![registry_rules::Identifier {
            kind: registry_rules::IdentifierKind::Pin,
            value: "001220000001".to_owned(),
        }],
        relation_group: Some("civil_status/birth/123456".to_owned()),
        fields: BTreeMap::from([
            field("birth_name", parts(&[("family", "Nguyễn"), ("middle", "Thị"), ("given", "Hồng")])),
            field("birth_date", text("2020-03-17")),
            field("sex", text("vn.sex:2")),
            field("ethnicity", text("vn.ethnicity:01")),
            field("nationality", text("iso.country:VN")),
            field("birth_place", parts(&[("province", "01"), ("commune", "00001"), ("text", "Hà Nội")])),
            field(
                "birth_registration_place",
                parts(&[("province", "01"), ("commune", "00001"), ("text", "")]),
            ),
            field("home_place", parts(&[("province", "01"), ("commune", "00004"), ("text", "Phúc Xá")])),
        ]),
        mapping_version: 1,
    }
}

#[test]
fn each_symbol_is_the_rules_own_name() {
    let pairs: [(&str, Vec<&str>); 7] = [
        ("Standing", Standing::ALL.map(Standing::as_str).to_vec()),
        ("Lifecycle", Lifecycle::ALL.map(Lifecycle::as_str).to_vec()),
        ("FieldState", registry_rules::FieldState::ALL.map(registry_rules::FieldState::as_str).to_vec()),
        ("PinStanding", registry_rules::PinStanding::ALL.map(registry_rules::PinStanding::as_str).to_vec()),
        ("LinkKind", registry_rules::LinkKind::ALL.map(registry_rules::LinkKind::as_str).to_vec()),
        ("AnswerKind", registry_rules::AnswerKind::ALL.map(registry_rules::AnswerKind::as_str).to_vec()),
        ("Fault", registry_rules::Fault::ALL.map(registry_rules::Fault::as_str).to_vec()),
    ];
    let all: String =
        embedded_schemas().iter().map(|s| s.json.split_whitespace().collect::<String>()).collect();
    for (name, symbols) in pairs {
        let expected = format!(r#""name":"{name}","symbols":["{}"]"#, symbols.join(r#"",""#));
        assert!(all.contains(&expected), "{expected}");
    }
}

#[test]
fn what_is_written_is_never_larger_than_what_is_read() {
    let mut record = record();
    let long = "x".repeat(limits::TEXT_BYTES + 1);
    record.fields.insert("note".parse().unwrap(), FieldValue::Text(long));
    let mut out = vec![7];
    let refused = super::encode_source_message(&SourceMessage::Record(record), &mut out);
    assert!(matches!(refused, Err(EncodeError::TooLong { part: "fields.value", .. })), "{refused:?}");
    assert_eq!(out, [7], "the buffer is as it was");
}

#[test]
fn a_length_beyond_its_limit_is_refused_before_memory_is_taken() {
    // Branch 2 (snapshot_begin), epoch 0, and 2^40 tables.
    let mut bytes = vec![4, 0];
    bytes.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
    assert_eq!(
        super::decode_source_message(&bytes),
        Err(DecodeError::Length { part: "tables", limit: limits::TABLES })
    );
}

#[test]
fn errors_and_debug_show_no_value() {
    let message = SourceMessage::Record(record());
    let shown = format!("{message:?}");
    for value in ["Nguyễn", "001220000001", "2020-03-17\"", "Phúc Xá", "00001/2020"] {
        assert!(!shown.contains(value), "{value}");
    }
}
