//! What is recorded about the records in question, as attaching asks for it.

use registry_rules::RecordedLinks;
use registry_store::RecordLinks;
use std::collections::{BTreeMap, BTreeSet};

/// Recorded links by record.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) records: BTreeMap<String, RecordLinks>,
    /// Keys that links, separations and merges name: what they resolve to must be known.
    pub(crate) joined: BTreeSet<String>,
}

impl Links {
    /// What is recorded about a record.
    pub(crate) fn on(&self, record_key: &str) -> RecordedLinks<'_> {
        self.records.get(record_key).map_or_else(RecordedLinks::default, |on| RecordedLinks {
            steward: on.steward.as_deref(),
            separated: &on.separated,
            scored: None,
        })
    }
}
