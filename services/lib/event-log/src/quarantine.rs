//! Rows that could not be read, with reason and way back, in the form that Kafka Connect's tools understand.

use crate::headers::names;
use crate::{ConsumedRecord, OutgoingRecord};
use chrono::{DateTime, SecondsFormat, Utc};
use registry_rules::{RowKey, Version};
use std::sync::Arc;

/// A row in quarantine. Its bytes are personal: `Debug` shows their length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Source database.
    pub source: String,
    /// Kind of row.
    pub entity: String,
    /// The row: the way back, for a redrive reads it again from the source.
    pub row_key: RowKey,
    /// The change that could not be read.
    pub version: Version,
    /// The step that failed: `decode`, `map`, …
    pub stage: String,
    /// Reason codes; never values.
    pub reasons: Vec<String>,
    /// Version of the mapping that could not read it.
    pub mapping_version: u32,
    /// When it failed.
    pub failed_at: DateTime<Utc>,
    /// The row as it was read: a JSON object of column and text.
    pub row: Vec<u8>,
}

impl std::fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quarantined")
            .field("row_key", &self.row_key)
            .field("version", &self.version)
            .field("stage", &self.stage)
            .field("reasons", &self.reasons)
            .field("row_bytes", &self.row.len())
            .finish_non_exhaustive()
    }
}

/// A record of the quarantine topic that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the quarantine topic has no readable {0}")]
pub struct QuarantineError(pub &'static str);

impl Quarantined {
    /// The record that is sent; `meant_for` is the topic the row would have gone to.
    pub fn into_record(self, quarantine: &Arc<str>, meant_for: &str) -> OutgoingRecord {
        let failed_at = self.failed_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let Version { epoch, position, ordinal } = self.version;
        OutgoingRecord::new(quarantine, self.row_key.as_str(), self.row)
            .with_header(names::ERRORS_TOPIC, meant_for)
            .with_header(names::ERRORS_CONNECTOR_NAME, self.source.as_str())
            .with_header(names::ERRORS_STAGE, self.stage)
            .with_header(names::ERRORS_EXCEPTION_CLASS, "dansync.Unreadable")
            .with_header(names::ERRORS_EXCEPTION_MESSAGE, self.reasons.join(","))
            .with_header(names::SOURCE, self.source)
            .with_header(names::ENTITY, self.entity)
            .with_header(names::VERSION, format!("{epoch}/{position:X}/{ordinal}"))
            .with_header(names::MAPPING_VERSION, self.mapping_version.to_string())
            .with_header(names::FAILED_AT, failed_at)
    }

    /// Reads a record of the quarantine topic.
    pub fn from_record(record: &ConsumedRecord) -> Result<Self, QuarantineError> {
        let text = |name: &'static str| {
            record.header(name).and_then(|v| std::str::from_utf8(v).ok()).ok_or(QuarantineError(name))
        };
        let key = record.key.clone().and_then(|k| String::from_utf8(k).ok()).ok_or(QuarantineError("key"))?;
        let reasons = text(names::ERRORS_EXCEPTION_MESSAGE)?;
        Ok(Self {
            source: text(names::SOURCE)?.to_owned(),
            entity: text(names::ENTITY)?.to_owned(),
            row_key: RowKey::try_from(key).map_err(|_| QuarantineError("key"))?,
            version: version(text(names::VERSION)?).ok_or(QuarantineError(names::VERSION))?,
            stage: text(names::ERRORS_STAGE)?.to_owned(),
            reasons: reasons.split(',').filter(|r| !r.is_empty()).map(str::to_owned).collect(),
            mapping_version: text(names::MAPPING_VERSION)?
                .parse()
                .map_err(|_| QuarantineError(names::MAPPING_VERSION))?,
            failed_at: text(names::FAILED_AT)?.parse().map_err(|_| QuarantineError(names::FAILED_AT))?,
            row: record.payload.clone().ok_or(QuarantineError("payload"))?,
        })
    }
}

fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('/');
    let (epoch, position, ordinal) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Version {
        epoch: epoch.parse().ok()?,
        position: u64::from_str_radix(position, 16).ok()?,
        ordinal: ordinal.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_shows_no_value() {
        let row = Quarantined {
            source: "civil_status".to_owned(),
            entity: "birth".to_owned(),
            row_key: RowKey::new("civil_status", "birth", "7").unwrap(),
            version: Version { epoch: 1, position: 0xABC, ordinal: 3 },
            stage: "map".to_owned(),
            reasons: vec!["birth_date.form".to_owned(), "sex.unknown_code".to_owned()],
            mapping_version: 2,
            failed_at: "2026-11-22T01:02:03.000004Z".parse().unwrap(),
            row: br#"{"name":"Nguyen"}"#.to_vec(),
        };
        assert!(!format!("{row:?}").contains("Nguyen"));
        let sent = row.clone().into_record(&"dansync.quarantine.v1".into(), "dansync.source.civil_status.v1");
        let received = ConsumedRecord {
            topic: sent.topic,
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: sent.key,
            payload: sent.payload,
            headers: sent.headers,
        };
        assert_eq!(Quarantined::from_record(&received), Ok(row));
        let bare = ConsumedRecord { headers: Vec::new(), ..received };
        assert!(Quarantined::from_record(&bare).is_err());
    }
}
