//! Keys of source rows and source records.

use serde::{Deserialize, Serialize};

/// Name of a source database: `civil_status`, `residence`, `identity`, `medical`, `steward`, …
pub type SourceId = String;

/// One row of a source: `source/entity/key`. All roles of a row travel in one partition of its topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RowKey(String);

/// What one row says about one person: `source/entity/key/role`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordKey(String);

/// Why a text is not a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordKeyError {
    /// The number of parts differs.
    #[error("a {what} has {expected} parts separated by '/', this one has {found}")]
    Parts {
        /// `row key` or `record key`.
        what: &'static str,
        /// Parts it should have.
        expected: usize,
        /// Parts it has.
        found: usize,
    },
    /// A part is empty.
    #[error("a {what} has an empty part")]
    Empty {
        /// `row key` or `record key`.
        what: &'static str,
    },
}

/// `%` and `/` of a source's own key are escaped, so that the key's parts stay countable.
fn escape(part: &str) -> std::borrow::Cow<'_, str> {
    if part.contains(['%', '/']) { part.replace('%', "%25").replace('/', "%2F").into() } else { part.into() }
}

fn check(text: &str, what: &'static str, expected: usize) -> Result<(), RecordKeyError> {
    let found = text.split('/').count();
    if found != expected {
        return Err(RecordKeyError::Parts { what, expected, found });
    }
    if text.split('/').any(str::is_empty) { Err(RecordKeyError::Empty { what }) } else { Ok(()) }
}

impl RowKey {
    /// Builds the key of a row; `key` is the source's own key, of any characters.
    pub fn new(source: &str, entity: &str, key: &str) -> Result<Self, RecordKeyError> {
        Self::try_from(format!("{source}/{entity}/{}", escape(key)))
    }

    /// The record that this row gives for a role.
    pub fn record(&self, role: &str) -> RecordKey {
        RecordKey(format!("{}/{role}", self.0))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RecordKey {
    fn part(&self, n: usize) -> &str {
        self.0.split('/').nth(n).unwrap_or_default()
    }

    /// The source database.
    pub fn source(&self) -> &str {
        self.part(0)
    }

    /// The kind of row.
    pub fn entity(&self) -> &str {
        self.part(1)
    }

    /// The role of the person in the row.
    pub fn role(&self) -> &str {
        self.part(3)
    }

    /// The row this record was read from.
    pub fn row(&self) -> RowKey {
        RowKey(self.0.rsplit_once('/').map_or_else(String::new, |(row, _)| row.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RowKey {
    type Error = RecordKeyError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        check(&text, "row key", 3).map(|()| Self(text))
    }
}

impl TryFrom<String> for RecordKey {
    type Error = RecordKeyError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        check(&text, "record key", 4).map(|()| Self(text))
    }
}

impl From<RowKey> for String {
    fn from(key: RowKey) -> Self {
        key.0
    }
}

impl From<RecordKey> for String {
    fn from(key: RecordKey) -> Self {
        key.0
    }
}

impl std::fmt::Display for RowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_of_a_source_key_do_not_change_the_shape() {
        let row = RowKey::new("civil_status", "birth", "12/2020").unwrap();
        let record = row.record("child");
        assert_eq!(record.as_str(), "civil_status/birth/12%2F2020/child");
        assert_eq!((record.source(), record.entity(), record.role()), ("civil_status", "birth", "child"));
        assert_eq!(record.row(), row);
    }

    #[test]
    fn an_empty_part_is_refused() {
        assert_eq!(RowKey::new("civil_status", "birth", ""), Err(RecordKeyError::Empty { what: "row key" }));
    }
}
