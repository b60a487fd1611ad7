//! A record on its way to a topic.

use crate::Fingerprint;
use crate::headers::names;
use std::sync::Arc;

/// A record to be sent. Its bytes are personal: `Debug` shows their lengths only.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// Where to.
    pub topic: Arc<str>,
    /// Which partition; without one, the key's hash chooses (as Java clients do).
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The payload; none is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers by their names in [`crate::header_names`].
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl OutgoingRecord {
    /// A record without headers whose key chooses the partition.
    pub fn new(topic: &Arc<str>, key: impl Into<Vec<u8>>, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: Arc::clone(topic),
            partition: None,
            key: Some(key.into()),
            payload: Some(payload.into()),
            headers: Vec::new(),
        }
    }

    /// The key alone: what it stood for is gone.
    pub fn tombstone(topic: &Arc<str>, key: impl Into<Vec<u8>>) -> Self {
        Self { payload: None, ..Self::new(topic, key, Vec::new()) }
    }

    /// Goes to this partition, whatever its key.
    #[must_use]
    #[expect(clippy::wrong_self_convention, reason = "says where the record goes, not what it becomes")]
    pub const fn to_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says which schema the payload was written with.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: &Fingerprint) -> Self {
        self.with_header(names::SCHEMA_FINGERPRINT, fingerprint.as_str())
    }

    /// Bytes it takes in the client and, roughly, at the broker.
    pub fn size(&self) -> usize {
        let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        bytes(&self.key)
            + bytes(&self.payload)
            + self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

impl std::fmt::Debug for OutgoingRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("key_bytes", &self.key.as_ref().map(Vec::len))
            .field("payload_bytes", &self.payload.as_ref().map(Vec::len))
            .field("headers", &self.headers.len())
            .finish()
    }
}
