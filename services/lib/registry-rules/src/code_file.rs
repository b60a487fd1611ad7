//! A code list as its file has it. Lists of thousands write one line a code: quick to read, and a change is one line's.

use crate::code::{CodeList, CodeName, Period};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The keys of a file; `schemas/README.md` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeListFile {
    list: String,
    basis: String,
    #[serde(default)]
    of: Option<String>,
    #[serde(default)]
    incomplete: bool,
    #[serde(default)]
    valid: Period,
    #[serde(default)]
    codes: BTreeMap<String, CodeName>,
    /// The unit that codes lie in → lines of a code and its name.
    #[serde(default)]
    units: BTreeMap<String, String>,
    #[serde(default)]
    from: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    split: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Another list → lines of its code and the one or several of ours that it went into.
    #[serde(default)]
    moved: BTreeMap<String, String>,
    #[serde(default)]
    to: BTreeMap<String, BTreeMap<String, String>>,
}

/// What is wrong with the lines of a list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineFault {
    /// No codes at all.
    #[error(
        "code list {list}: it has no codes; write them under 'codes' or, by the unit they lie in, under 'units'"
    )]
    Empty { list: String },
    /// Not of its form.
    #[error("code list {list}: the line '{line}' under '{place}' is not {form}")]
    Form { list: String, place: String, line: String, form: &'static str },
    /// A code that has its line already.
    #[error("code list {list}: '{code}' under '{place}' stands twice; take one line out")]
    Twice { list: String, place: String, code: String },
}

impl TryFrom<CodeListFile> for CodeList {
    type Error = LineFault;

    fn try_from(file: CodeListFile) -> Result<Self, LineFault> {
        let CodeListFile { list, basis, of, incomplete, valid, codes, from, split, to, .. } = file;
        let mut read = Self { list, basis, of, incomplete, valid, codes, from, split, to };
        for (unit, lines) in &file.units {
            read.add_units(unit, lines)?;
        }
        for (numbering, lines) in &file.moved {
            read.add_moves(numbering, lines)?;
        }
        if read.codes.is_empty() { Err(LineFault::Empty { list: read.list }) } else { Ok(read) }
    }
}

impl CodeList {
    fn add_units(&mut self, unit: &str, lines: &str) -> Result<(), LineFault> {
        for line in lines.lines() {
            let (code, name) = line
                .split_once(' ')
                .filter(|(code, name)| !code.is_empty() && !name.is_empty())
                .ok_or_else(|| self.line_fault(unit, line, "a code, a space and a name"))?;
            let name = CodeName {
                vi: name.to_owned(),
                en: None,
                within: Some(unit.to_owned()),
                valid: Period::default(),
            };
            match self.codes.entry(code.to_owned()) {
                Entry::Vacant(free) => free.insert(name),
                Entry::Occupied(_) => return Err(self.twice(unit, code)),
            };
        }
        Ok(())
    }

    fn add_moves(&mut self, numbering: &str, lines: &str) -> Result<(), LineFault> {
        for line in lines.lines() {
            let mut codes = line.split(' ').map(ToOwned::to_owned);
            let theirs = codes.next().unwrap_or_default();
            let ours: Vec<String> = codes.collect();
            if theirs.is_empty() || ours.is_empty() || ours.iter().any(String::is_empty) {
                return Err(self.line_fault(numbering, line, "a code of that list and those it became"));
            }
            let one = self.from.entry(numbering.to_owned()).or_default();
            let several = self.split.entry(numbering.to_owned()).or_default();
            if one.contains_key(&theirs) || several.contains_key(&theirs) {
                return Err(self.twice(numbering, &theirs));
            }
            if let [only] = ours.as_slice() {
                one.insert(theirs, only.clone());
            } else {
                several.insert(theirs, ours);
            }
        }
        Ok(())
    }

    fn line_fault(&self, place: &str, line: &str, form: &'static str) -> LineFault {
        LineFault::Form { list: self.list.clone(), place: place.to_owned(), line: line.to_owned(), form }
    }

    fn twice(&self, place: &str, code: &str) -> LineFault {
        LineFault::Twice { list: self.list.clone(), place: place.to_owned(), code: code.to_owned() }
    }
}
