//! What one rule set says otherwise than another.

use std::io::{self, Write};

use registry_rules::{Difference, FieldCatalogue, differences};
use serde::Serialize;

use crate::output::Answer;
use crate::table::write_table;

/// The differences between two rule sets.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    version: u32,
    before: String,
    after: String,
    differences: Vec<Difference>,
}

impl Sheet {
    /// Compares two rule sets, each with the name it was asked for by.
    pub(super) fn of(before: (String, &FieldCatalogue), after: (String, &FieldCatalogue)) -> Self {
        let differences = differences(before.1, after.1);
        Self { version: 1, before: before.0, after: after.0, differences }
    }
}

impl Answer for Sheet {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.differences.is_empty() {
            return writeln!(out, "{} and {} say the same", self.before, self.after);
        }
        let said = |value: &Option<String>| match value.as_deref() {
            None | Some("") => "–".to_owned(),
            Some(value) => value.to_owned(),
        };
        let rows: Vec<_> = self
            .differences
            .iter()
            .map(|d| [d.of.clone(), d.part.clone(), said(&d.before), said(&d.after)])
            .collect();
        write_table(out, ["OF", "PART", self.before.as_str(), self.after.as_str()], &rows)
    }
}
