//! `dansync quarantine`: rows that could not be mapped, by key and reason; their values stay in the topic.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use event_log::{ConsumedRecord, Quarantined};
use serde::Serialize;

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile};
use crate::table::write_table;

/// `dansync quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Listing that are or were in quarantine, each with its newest reasons.
    #[command(after_help = "Example:
  dansync quarantine list --source civil_status --reason unknown_code --config /etc/dansync/reconciler.toml

When the cause is gone: dansync source redrive --config ADAPTER.toml")]
    List(List),
}

/// `dansync quarantine list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of one source.
    #[arg(long)]
    source: Option<String>,
    /// With a reason that begins like this.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Quarantine {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.execute(),
        }
    }
}

impl List {
    fn execute(self) -> anyhow::Result<()> {
        let settings: settings::Log = self.file.sections()?;
        let topic = settings.kafka.topics().quarantine();
        let records =
            executor::run(async { event_log::read_newest(&settings.kafka, &topic).await.classed() })?;
        self.output.show(&Listing::of(records.values(), |row| self.shows(row)))
    }

    fn shows(&self, row: &Entry) -> bool {
        let is_source = self.source.as_ref().is_none_or(|source| row.source == *source);
        let has_reason = |code: &String| row.reasons.iter().any(|reason| reason.starts_with(code));
        is_source && self.reason.as_ref().is_none_or(has_reason)
    }
}

/// The rows, and how many have each reason.
#[derive(Debug, Serialize)]
struct Listing {
    version: u32,
    rows: Vec<Entry>,
    reasons: BTreeMap<String, u64>,
    /// Records of the topic that are none of ours.
    unreadable: u64,
}

#[derive(Debug, Serialize)]
struct Entry {
    row_key: String,
    source: String,
    entity: String,
    stage: String,
    reasons: Vec<String>,
    version: String,
    mapping_version: u32,
    failed_at: DateTime<Utc>,
}

impl Listing {
    fn of<'a>(records: impl IntoIterator<Item = &'a ConsumedRecord>, shows: impl Fn(&Entry) -> bool) -> Self {
        let mut found = Self { version: 1, rows: Vec::new(), reasons: BTreeMap::new(), unreadable: 0 };
        for record in records {
            let Ok(quarantined) = Quarantined::from_record(record) else {
                found.unreadable += 1;
                continue;
            };
            let row = Entry::of(quarantined);
            if shows(&row) {
                for reason in &row.reasons {
                    *found.reasons.entry(reason.clone()).or_default() += 1;
                }
                found.rows.push(row);
            }
        }
        found
    }
}

impl Entry {
    /// The row's own bytes are left behind.
    fn of(row: Quarantined) -> Self {
        Self {
            row_key: row.row_key.as_str().to_owned(),
            source: row.source,
            entity: row.entity,
            stage: row.stage,
            reasons: row.reasons,
            version: row.version.to_string(),
            mapping_version: row.mapping_version,
            failed_at: row.failed_at,
        }
    }
}

impl Answer for Listing {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let failed_at = row.failed_at.format("%Y-%m-%d %H:%M:%SZ").to_string();
                [
                    row.row_key.clone(),
                    row.reasons.join(","),
                    row.stage.clone(),
                    row.version.clone(),
                    failed_at,
                ]
            })
            .collect();
        write_table(out, ["ROW", "REASONS", "STAGE", "VERSION", "SINCE"], &rows)?;
        for (reason, rows) in &self.reasons {
            writeln!(out, "{rows} × {reason}")?;
        }
        if self.unreadable > 0 {
            writeln!(out, "{} records of the topic cannot be read", self.unreadable)?;
        }
        if rows.is_empty() { writeln!(out, "no rows") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use event_log::header_names as names;

    use super::*;

    fn record(key: &str, reasons: &str) -> ConsumedRecord {
        let header = |name, value: &str| (name, value.as_bytes().to_vec());
        ConsumedRecord {
            topic: "dansync.quarantine.v1".into(),
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Some(key.as_bytes().to_vec()),
            payload: Some(b"{\"ho_ten\":\"canary\"}".to_vec()),
            headers: vec![
                header(names::SOURCE, "civil_status"),
                header(names::ENTITY, "birth"),
                header(names::ERRORS_STAGE, "map"),
                header(names::ERRORS_EXCEPTION_MESSAGE, reasons),
                header(names::VERSION, "1/1F/0"),
                header(names::MAPPING_VERSION, "1"),
                header(names::FAILED_AT, "2026-11-22T09:00:00Z"),
            ],
        }
    }

    #[test]
    fn reasons_are_counted_and_values_stay_behind() {
        let records = [
            record("civil_status/birth/1", "unknown_code:sex:gioi_tinh,no_such_day:ngay_sinh"),
            record("civil_status/birth/2", "unknown_code:sex:gioi_tinh"),
            record("no key", ""),
        ];
        let rows = Listing::of(&records, |row| row.row_key.ends_with("/1") || row.row_key.ends_with("/2"));
        assert_eq!((rows.rows.len(), rows.unreadable), (2, 1));
        assert_eq!(rows.reasons.get("unknown_code:sex:gioi_tinh"), Some(&2));
        let mut text = Vec::new();
        rows.write_text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap() + &serde_json::to_string(&rows).unwrap();
        assert!(text.contains("civil_status/birth/1") && !text.contains("canary"), "{text}");
    }
}
