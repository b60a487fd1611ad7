//! Where each key of a TOML file stands, so that a fault names its line.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// The lines of a file's keys.
#[derive(Debug)]
pub(super) struct Lines {
    file: String,
    /// Byte offset at which each line begins.
    starts: Vec<usize>,
    offsets: BTreeMap<Vec<String>, usize>,
}

impl Lines {
    pub(super) fn new(file: String, text: &str, table: &DeTable<'_>) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut lines =
            Self { file, starts: std::iter::once(0).chain(breaks).collect(), offsets: BTreeMap::new() };
        lines.note_table(table, &mut Vec::new());
        lines
    }

    /// `file:line` of a byte offset.
    pub(super) fn place_at(&self, offset: usize) -> String {
        let line = self.starts.partition_point(|start| *start <= offset);
        format!("{}:{line}", self.file)
    }

    /// `file:line` of a key, or of the nearest table around it; the file alone when there is none.
    pub(super) fn place_of(&self, path: &[String]) -> String {
        let known = (1..=path.len()).rev().find_map(|length| self.offsets.get(path.get(..length)?));
        known.map_or_else(|| self.file.clone(), |offset| self.place_at(*offset))
    }

    fn note_table(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.offsets.insert(path.clone(), key.span().start);
            self.note_value(value.get_ref(), path);
            path.pop();
        }
    }

    fn note_value(&mut self, value: &DeValue<'_>, path: &mut Vec<String>) {
        if let Some(table) = value.as_table() {
            self.note_table(table, path);
        }
        for (index, item) in value.as_array().into_iter().flat_map(|items| items.iter()).enumerate() {
            path.push(index.to_string());
            self.offsets.insert(path.clone(), item.span().start);
            self.note_value(item.get_ref(), path);
            path.pop();
        }
    }
}
