//! The corpus of named cases, run through the pure rules over the whole set of records, in many orders.

mod compare;
mod file;
#[cfg(test)]
mod tests;

pub use file::CaseFile;

use crate::pipeline::project;
use crate::reference::Reference;
use anyhow::Context as _;
use file::Expectation;
use registry_rules::{CodeLists, FieldCatalogue, FingerprintKey, SourceRecord};
use std::path::Path;

/// A case with its records, ready to be run.
#[derive(Debug)]
pub struct Case {
    /// Name of its file.
    pub name: String,
    /// What it says.
    pub file: CaseFile,
    /// Its records, in the order in which they happen.
    pub records: Vec<SourceRecord>,
}

/// Any key does: fingerprints are compared among themselves.
const KEY: FingerprintKey = FingerprintKey::new([7; 32]);

/// The rules that cases are run by: those that are filed.
#[derive(Debug)]
pub struct Rules {
    catalogue: FieldCatalogue,
    key: FingerprintKey,
}

impl Rules {
    /// The rule set of `schemas`.
    pub fn filed() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(project().join("schemas/field-catalogue.toml"))?;
        let catalogue = FieldCatalogue::parse(&text).map_err(|faults| {
            anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Self { catalogue, key: KEY })
    }
}

/// All cases of the folder, by name.
pub fn corpus() -> anyhow::Result<Vec<Case>> {
    let lists = texts(&project().join("schemas/codes"))?;
    let lists = CodeLists::parse(lists.iter().map(|(_, text)| text.as_str()))
        .map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let read = |(name, text): (String, String)| {
        let (file, records) = CaseFile::read(&text, &lists, &KEY).with_context(|| name.clone())?;
        Ok(Case { name, file, records })
    };
    texts(&project().join("tests/fixtures/cases"))?.into_iter().map(read).collect()
}

/// The TOML files of a folder, by name.
fn texts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

impl Case {
    /// What does not come out as it must; nothing where all does. Each expectation is tried in many orders, with
    /// repetitions and with earlier versions coming last.
    pub fn faults(&self, rules: &Rules) -> Vec<String> {
        let mut faults: Vec<String> =
            self.file.expect.iter().flat_map(|expected| self.faults_of(expected, rules)).collect();
        faults.sort();
        faults.dedup();
        faults
    }

    fn faults_of(&self, expected: &Expectation, rules: &Rules) -> Vec<String> {
        let known = expected.after.unwrap_or(self.records.len());
        let known = self.records.get(..known).unwrap_or(&self.records);
        let place = format!("{} on {} ({})", self.name, expected.on, expected.because);
        let (mut faults, mut hashes) = (Vec::new(), Vec::new());
        for order in orders(known) {
            let registry = Reference::new(order, rules.catalogue.clone(), rules.key.clone(), expected.on);
            hashes.push(registry.state_hash());
            let persons = registry.persons();
            let differing = compare::differences(expected, &persons, &rules.catalogue);
            faults.extend(differing.into_iter().map(|fault| format!("{place}: {fault}")));
        }
        if hashes.windows(2).any(|pair| pair.first() != pair.last()) {
            faults.push(format!("{place}: the state hash depends on the order"));
        }
        faults
    }
}

/// Orders in which records may come: all rotations, each also backwards, the first repeated at the end, and all of them
/// twice.
fn orders(records: &[SourceRecord]) -> Vec<Vec<SourceRecord>> {
    let mut orders = Vec::new();
    for first in 0..records.len() {
        let mut order = records.to_vec();
        order.rotate_left(first);
        orders.push(order.iter().rev().cloned().collect());
        orders.push(order.iter().flat_map(|record| [record.clone(), record.clone()]).collect());
        order.extend(records.first().cloned());
        orders.push(order);
    }
    orders.push(records.iter().chain(records).cloned().collect());
    orders
}
