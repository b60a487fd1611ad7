//! Rows that carry topic, key and payload already: a row in, the record it stands for out.

use crate::config::Config;
use crate::halt::{Halt, Refusal};
use crate::postgres::Row;
use crate::publish::{WireSchema, wire_schema};
use event_log::{
    Admin, OutgoingRecord, SchemaRegistry, TopicSpec, embedded_schemas, header_names, put_wire_header,
};
use registry_rules::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Numbers of an envelope table's columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvelopeColumns {
    topic: usize,
    key: usize,
    subject: usize,
    payload: usize,
}

impl EnvelopeColumns {
    /// Finds them; the preconditions have seen that they are there.
    pub(crate) fn find(columns: &[String]) -> Option<Self> {
        let find = |name| columns.iter().position(|column| column == name);
        Some(Self {
            topic: find("topic")?,
            key: find("key")?,
            subject: find("subject")?,
            payload: find("payload")?,
        })
    }
}

/// Makes records of envelope rows.
#[derive(Debug)]
pub(crate) struct Envelopes {
    prefix: String,
    subjects: BTreeMap<&'static str, WireSchema>,
    topics: BTreeMap<String, Arc<str>>,
    unmade: BTreeSet<Arc<str>>,
}

/// Learns the schemas' ids.
pub(crate) async fn open(config: &Config, registry: &SchemaRegistry) -> Result<Envelopes, Halt> {
    let mut subjects = BTreeMap::new();
    for schema in embedded_schemas() {
        subjects.insert(schema.subject, wire_schema(registry, schema).await?);
    }
    let prefix = config.kafka.topic_prefix.clone();
    Ok(Envelopes { prefix, subjects, topics: BTreeMap::new(), unmade: BTreeSet::new() })
}

impl Envelopes {
    /// The record of a row. Such a row is our own services': one that cannot be read is a fault, not data to quarantine.
    pub(crate) fn record(
        &mut self,
        columns: EnvelopeColumns,
        row: Row<'_>,
        version: Version,
    ) -> Result<OutgoingRecord, Halt> {
        let fault = |what: &str| {
            Halt::from(Refusal::Log(format!("an envelope row at {version} has no readable {what}")))
        };
        let topic = self.topic(row.value(columns.topic).ok_or_else(|| fault("topic"))?);
        let key = row.get(columns.key).ok_or_else(|| fault("key"))?;
        let record = match row.get(columns.payload) {
            None => OutgoingRecord::tombstone(&topic, key),
            Some(hex) => {
                let subject = row.value(columns.subject).unwrap_or_default();
                let schema = self.subjects.get(subject).ok_or_else(|| fault("subject"))?;
                let mut payload = Vec::with_capacity(5 + hex.len() / 2);
                put_wire_header(schema.id, &mut payload);
                unhex(hex, &mut payload).ok_or_else(|| fault("payload"))?;
                OutgoingRecord::new(&topic, key, payload).with_fingerprint(&schema.fingerprint)
            }
        };
        Ok(record.with_header(header_names::VERSION, version.to_string()))
    }

    /// A full name, or what stands between prefix and suffix.
    fn topic(&mut self, name: &str) -> Arc<str> {
        if let Some(topic) = self.topics.get(name) {
            return Arc::clone(topic);
        }
        let full: Arc<str> = if name.starts_with(&self.prefix) {
            name.into()
        } else {
            format!("{}{name}.v1", self.prefix).into()
        };
        self.topics.insert(name.to_owned(), Arc::clone(&full));
        self.unmade.insert(Arc::clone(&full));
        full
    }

    /// Makes the topics that rows have named since the last time.
    pub(crate) async fn make_topics(&mut self, config: &Config) -> Result<(), Halt> {
        if self.unmade.is_empty() {
            return Ok(());
        }
        let answers = format!("{}answers.", self.prefix);
        let spec = |topic: &Arc<str>| {
            if topic.starts_with(&answers) {
                TopicSpec::answers(Arc::clone(topic))
            } else {
                TopicSpec::state(Arc::clone(topic))
            }
        };
        let specs: Vec<TopicSpec> = self.unmade.iter().map(spec).collect();
        Admin::open(&config.kafka)?.ensure(&specs).await?;
        self.unmade.clear();
        Ok(())
    }
}

/// PostgreSQL's `\x…`.
fn unhex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>();
    for [high, low] in pairs {
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_hexadecimal() {
        let mut out = Vec::new();
        assert_eq!(unhex("\\x00fFa1", &mut out), Some(()));
        assert_eq!(out, [0, 255, 161]);
        for bad in ["00", "\\x0", "\\xzz"] {
            assert_eq!(unhex(bad, &mut out), None, "{bad}");
        }
    }
}
