//! The schemas that this build carries, and what identifies a schema.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use std::sync::LazyLock;

/// CRC-64-AVRO of a schema's canonical form, in hexadecimal: equal for schemas that read the same bytes the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Sixteen hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of(schema: &Schema) -> Self {
        Self(schema.fingerprint::<Rabin>().to_string())
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no Avro schema.
#[derive(Debug, thiserror::Error)]
#[error("{subject} is not an Avro schema: {reason}")]
pub struct SchemaError {
    /// What the schema is for.
    pub subject: String,
    /// The parser's words; a schema holds no values.
    pub reason: String,
}

/// A schema under `schemas/avro`, compiled in. Its subject is the file's name.
#[derive(Debug)]
pub struct EmbeddedSchema {
    /// Subject at the schema registry: the record's full name.
    pub subject: &'static str,
    /// The file's text.
    pub json: &'static str,
    parsed: LazyLock<Option<Parsed>>,
}

#[derive(Debug)]
struct Parsed {
    schema: Schema,
    fingerprint: Fingerprint,
}

impl EmbeddedSchema {
    fn parsed(&self) -> Result<&Parsed, SchemaError> {
        // A test parses every embedded schema, so this fails in no build that passed it.
        self.parsed.as_ref().ok_or_else(|| SchemaError {
            subject: self.subject.to_owned(),
            reason: "it was built in unreadable; build again from a checked tree".to_owned(),
        })
    }

    /// The parsed schema.
    pub(crate) fn schema(&self) -> Result<&Schema, SchemaError> {
        self.parsed().map(|p| &p.schema)
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> Result<&Fingerprint, SchemaError> {
        self.parsed().map(|p| &p.fingerprint)
    }
}

fn parse(json: &str) -> Option<Parsed> {
    let schema = Schema::parse_str(json).ok()?;
    Some(Parsed { fingerprint: Fingerprint::of(&schema), schema })
}

macro_rules! embedded {
    ($($name:ident = $subject:literal),* $(,)?) => {
        $(
            #[doc = concat!("`", $subject, "`.")]
            pub(crate) static $name: EmbeddedSchema = EmbeddedSchema {
                subject: $subject,
                json: include_str!(concat!("../../../../schemas/avro/", $subject, ".avsc")),
                parsed: LazyLock::new(|| {
                    parse(include_str!(concat!("../../../../schemas/avro/", $subject, ".avsc")))
                }),
            };
        )*

        /// All of them: what a service registers when it starts, and what the compatibility test walks over.
        pub fn embedded_schemas() -> [&'static EmbeddedSchema; [$($subject),*].len()] {
            [$(&$name),*]
        }
    };
}

embedded! {
    SOURCE_MESSAGE = "dansync.SourceMessage",
    SOURCE_POSITION = "dansync.SourcePosition",
    CONTROL_EVENT = "dansync.ControlEvent",
    PERSON_IMAGE = "dansync.PersonImage",
    LINK_EVENT = "dansync.LinkEvent",
    ANSWER = "dansync.Answer",
    ERROR_REPORT = "dansync.ErrorReport",
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::schema_compatibility::SchemaCompatibility;
    use std::path::{Path, PathBuf};

    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/avro")
    }

    fn files(directory: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "avsc"));
        files.sort();
        files
    }

    #[test]
    fn every_file_is_embedded_under_its_records_full_name() {
        let found: Vec<String> =
            files(&directory()).iter().map(|f| f.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        let mut embedded: Vec<&str> = embedded_schemas().iter().map(|s| s.subject).collect();
        embedded.sort_unstable();
        assert_eq!(found, embedded);
        for schema in embedded_schemas() {
            let name = schema.schema().unwrap().name().unwrap().to_string();
            assert_eq!(name, schema.subject);
            assert_eq!(schema.fingerprint().unwrap().as_str().len(), 16);
        }
    }

    /// `BACKWARD_TRANSITIVE`: what any released version wrote can be read. Each release keeps its schemas under
    /// `schemas/avro/released/<subject>/<release>.avsc`.
    #[test]
    fn every_released_version_can_be_read() {
        for schema in embedded_schemas() {
            for file in files(&directory().join("released").join(schema.subject)) {
                let released = Schema::parse_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
                let readable = SchemaCompatibility::can_read(&released, schema.schema().unwrap());
                assert!(
                    readable.is_ok(),
                    "{} does not read {}: {readable:?}",
                    schema.subject,
                    file.display()
                );
            }
        }
    }

    #[test]
    fn the_check_tells_a_new_field_without_default() {
        let ours = ANSWER.schema().unwrap();
        let json: String = ANSWER.json.split_whitespace().collect();
        let field = |default: &str| {
            let more = format!(r#"{{"name":"office","type":"string"{default}}},{{"name":"outcome","#);
            Schema::parse_str(&json.replacen(r#"{"name":"outcome","#, &more, 1)).unwrap()
        };
        assert!(SchemaCompatibility::can_read(ours, ours).is_ok());
        assert!(SchemaCompatibility::can_read(ours, &field("")).is_err());
        assert!(SchemaCompatibility::can_read(ours, &field(r#","default":"""#)).is_ok());
    }
}
