//! A rule set in a file: read as the registry would read it, every fault at once.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use registry_rules::FieldCatalogue;
use serde::Serialize;
use service_runtime::ExitClass;

use crate::output::{Answer, Output};

/// Reads a rule set's text.
pub(super) fn parse(text: &str) -> anyhow::Result<FieldCatalogue> {
    FieldCatalogue::parse(text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::Error::msg(faults.join("\n")).context(ExitClass::BadData)
    })
}

/// Reads a rule set's file.
pub(super) fn read(path: &Path) -> anyhow::Result<FieldCatalogue> {
    parse(&text(path)?).with_context(|| path.display().to_string())
}

/// A rule set's text, which is kept as it is.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))
        .context(ExitClass::BadData)
}

/// `dansync rules validate`.
pub(super) fn validate(path: &Path, output: Output) -> anyhow::Result<()> {
    let parsed = FieldCatalogue::parse(&text(path)?);
    let faults = parsed
        .as_ref()
        .err()
        .map_or_else(Vec::new, |faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>());
    output.show(&Validation::of(path, parsed.as_ref().ok(), &faults))?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(anyhow::Error::msg(faults.join("\n")).context(ExitClass::BadData))
    }
}

/// What was found.
#[derive(Debug, Serialize)]
struct Validation<'a> {
    version: u32,
    file: String,
    valid: bool,
    rule_set_version: Option<u32>,
    fields: Option<usize>,
    grounds: Option<usize>,
    faults: &'a [String],
}

impl<'a> Validation<'a> {
    fn of(path: &Path, catalogue: Option<&FieldCatalogue>, faults: &'a [String]) -> Self {
        Self {
            version: 1,
            file: path.display().to_string(),
            valid: faults.is_empty(),
            rule_set_version: catalogue.map(|c| c.version),
            fields: catalogue.map(|c| c.iter().count()),
            grounds: catalogue.map(|c| c.grounds().count()),
            faults,
        }
    }
}

impl Answer for Validation<'_> {
    /// The faults themselves are the error's text, on standard error.
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.rule_set_version, self.fields, self.grounds) {
            (Some(version), Some(fields), Some(grounds)) => writeln!(
                out,
                "{}: the rule set is valid (version {version}, {fields} fields, {grounds} grounds)",
                self.file
            ),
            _ => writeln!(out, "{}: the rule set is not valid", self.file),
        }
    }
}
