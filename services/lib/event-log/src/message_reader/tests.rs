//! Messages of other schemas than ours, with a registry that is away and what it answered before.

use super::*;
use crate::messages::strategies;
use crate::{SchemaRegistryConfig, SourceMessage, put_wire_header};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use registry_rules::Answer;
use std::path::{Path, PathBuf};

/// Nobody listens on port 9 of this host.
const AWAY: &str = "http://127.0.0.1:9";

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("dansync-schemas-{}", uuid::Uuid::new_v4())))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn registry(directory: &Path, answered: &[(u32, &str)]) -> SchemaRegistry {
    let registry =
        SchemaRegistry::new(&SchemaRegistryConfig { url: AWAY.to_owned(), cache_dir: directory.to_owned() });
    for (id, json) in answered {
        registry.remember(SchemaId(*id), json);
    }
    registry
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn payload<T: Message>(id: u32, message: &T) -> Vec<u8> {
    let mut out = Vec::new();
    put_wire_header(SchemaId(id), &mut out);
    message.encode(&mut out).unwrap();
    out
}

fn arbitrary<T>(strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// The schema of `Answer` as a later version may have it: one more field, with a default.
fn newer_answer() -> String {
    let more = r#"{"name":"office","type":["null","string"],"default":null},{"name":"outcome","#;
    let json: String = Answer::schema().json.split_whitespace().collect();
    json.replacen(r#"{"name":"outcome","#, more, 1)
}

/// An answer written with [`newer_answer`]: the additional field stands between the first and the second.
fn newer_payload(id: u32, answer: &Answer) -> Vec<u8> {
    let first = answer.record_key.as_str().len() + if answer.record_key.as_str().len() < 64 { 1 } else { 2 };
    let mut payload = payload(id, answer);
    let office = [2, 6, b'o', b'n', b'e'];
    payload.splice(5 + first..5 + first, office);
    payload
}

#[test]
fn our_own_schema_is_read_fast_and_others_are_resolved() {
    let directory = Directory::new();
    let newer = newer_answer();
    let registry = registry(&directory.0, &[(1, Answer::schema().json), (2, &newer)]);
    let answer: Answer = arbitrary(strategies::answer());
    block_on(async {
        let mut reader = MessageReader::<Answer>::new(registry.clone(), UnknownFields::LeaveOut);
        assert_eq!(reader.read_payload(&payload(1, &answer), None).await, Ok(answer.clone()));
        assert_eq!(reader.read_payload(&newer_payload(2, &answer), None).await, Ok(answer.clone()));

        let mut strict = MessageReader::<Answer>::new(registry, UnknownFields::Stop);
        assert_eq!(
            strict.read_payload(&newer_payload(2, &answer), None).await,
            Err(ReadError::UnknownField { id: SchemaId(2), field: "dansync.Answer.office".to_owned() })
        );
    });
}

#[test]
fn an_absent_registry_is_transient_unless_the_header_proves_the_schema() {
    let directory = Directory::new();
    let registry = registry(&directory.0, &[]);
    let answer: Answer = arbitrary(strategies::answer());
    block_on(async {
        let mut reader = MessageReader::<Answer>::new(registry, UnknownFields::Stop);
        let payload = payload(7, &answer);
        let unknown = reader.read_payload(&payload, None).await.unwrap_err();
        assert!(unknown.is_transient(), "{unknown}");
        let ours = Answer::schema().fingerprint().unwrap().to_string();
        assert_eq!(reader.read_payload(&payload, Some(ours.as_bytes())).await, Ok(answer));
    });
}

#[test]
fn an_id_that_means_another_schema_now_is_told() {
    let directory = Directory::new();
    let registry = registry(&directory.0, &[(1, Answer::schema().json)]);
    let answer: Answer = arbitrary(strategies::answer());
    block_on(async {
        let mut reader = MessageReader::<Answer>::new(registry, UnknownFields::Stop);
        let mixed_up = reader.read_payload(&payload(1, &answer), Some(b"0123456789abcdef")).await;
        assert!(matches!(mixed_up, Err(ReadError::Fingerprint { .. })), "{mixed_up:?}");
        assert!(matches!(reader.read_payload(&[1, 2], None).await, Err(ReadError::Wire(_))));
    });
}

#[test]
fn the_first_start_needs_the_registry_and_the_next_does_not() {
    let directory = Directory::new();
    let schema = Answer::schema();
    let fresh = registry(&directory.0, &[]);
    block_on(async {
        let refused = fresh.ensure_embedded(schema).await;
        assert!(matches!(refused, Err(SchemaRegistryError::Away { .. })), "{refused:?}");
    });
    fresh.remember_id(schema, SchemaId(9));
    let next = registry(&directory.0, &[]);
    block_on(async {
        assert_eq!(next.ensure_embedded(schema).await, Ok(SchemaId(9)));
        assert_eq!(next.check().await, Ok(Vec::new()), "still away");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every kind of message keeps its kind and content through the slow path.
    #[test]
    fn resolution_keeps_every_branch(message in strategies::source_message()) {
        let ours = SourceMessage::schema();
        let json: String = ours.json.split_whitespace().collect();
        // A version that had one symbol less: another fingerprint, the same bytes.
        let other = Schema::parse_str(&json.replacen(r#","replaces_pin""#, "", 1)).unwrap();
        prop_assert_ne!(&Fingerprint::of(&other), ours.fingerprint().unwrap());
        let mut body = Vec::new();
        message.encode(&mut body).unwrap();
        if let Ok(read) = resolve::<SourceMessage>(SchemaId(1), &other, &body) {
            prop_assert_eq!(read, message);
        } else {
            let SourceMessage::Record(record) = message else { panic!("only a record may have the symbol") };
            prop_assert!(record.identifier(registry_rules::IdentifierKind::ReplacesPin).is_some());
        }
    }

    #[test]
    fn resolution_of_any_bytes_is_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let json: String = SourceMessage::schema().json.split_whitespace().collect();
        let other = Schema::parse_str(&json.replacen(r#","replaces_pin""#, "", 1)).unwrap();
        resolve::<SourceMessage>(SchemaId(1), &other, &bytes).ok();
    }
}
