//! What is told on standard output: lines as it happens, or one JSON value at the end.

use super::options::{Form, Options};
use acceptance::follow::Hop;
use acceptance::life::AppliedEvent;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::io::Write as _;

/// The form of `-o json`. Its keys may be relied upon.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    version: u32,
    event: &'static str,
    steps: Vec<Step>,
    /// All is through; with `follow` only.
    complete: bool,
    #[serde(skip)]
    form: Form,
    #[serde(skip)]
    follow: bool,
}

/// One office's part.
#[derive(Debug, Serialize)]
struct Step {
    office: &'static str,
    rows: Vec<Row>,
    hops: Vec<Hop>,
}

/// A row that was written. Its key may be a number and is not told.
#[derive(Debug, Serialize)]
struct Row {
    source: &'static str,
    table: &'static str,
    written_at: DateTime<Utc>,
}

/// A closed standard output must not end the work.
fn line(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

impl Account {
    pub(super) const fn begin(options: &Options) -> Self {
        let (event, form, follow) = (options.event.as_str(), options.form, options.follow);
        Self { version: 1, event, steps: Vec::new(), complete: false, form, follow }
    }

    /// An office has written.
    pub(super) fn step(&mut self, applied: &AppliedEvent) {
        let row = |row: &acceptance::life::WrittenRow| Row {
            source: row.source,
            table: row.table,
            written_at: row.written_at,
        };
        let rows: Vec<Row> = applied.rows.iter().map(row).collect();
        if self.form == Form::Text {
            line(format_args!("{}: {}", self.event, applied.step));
            for row in &rows {
                line(format_args!("{:>7}     written     {} {}", "", row.source, row.table));
            }
        }
        self.steps.push(Step { office: applied.step, rows, hops: Vec::new() });
    }

    /// A hop of the newest step.
    pub(super) fn hop(&mut self, hop: &Hop) {
        if self.form == Form::Text {
            line(hop);
        }
        if let Some(step) = self.steps.last_mut() {
            step.hops.push(hop.clone());
        }
    }

    /// Nothing follows.
    pub(super) fn end(mut self, complete: bool) -> anyhow::Result<()> {
        self.complete = complete && self.follow;
        let waits = |hop: &Hop| matches!(hop, Hop::Quarantined { .. });
        let quarantined = self.steps.iter().flat_map(|step| &step.hops).any(waits);
        match self.form {
            Form::Text if quarantined => {
                line(
                    "the row waits in quarantine, what was known before stands; see dansync quarantine list, source redrive",
                );
            }
            Form::Text if self.complete => line("through: every sector that may know has it"),
            Form::Text => {}
            Form::Json => line(serde_json::to_string_pretty(&self)?),
        }
        Ok(())
    }
}
