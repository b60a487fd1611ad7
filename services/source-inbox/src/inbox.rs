//! Where a source takes its answers: `deploy/inboxes/<source>.toml`.

use serde::Deserialize;
use service_runtime::quoted_identifier;
use std::collections::BTreeMap;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// The source.
    pub source: String,
    /// The table of answers, with its schema; its key is record, outcome and field.
    pub table: String,
    /// The table of positions, with its schema.
    pub positions: String,
    /// What goes into which column.
    pub columns: Columns,
    /// Code → what the office's clerks read instead, for reasons and ways out. A code that is not here stays as it is.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// The columns. What the office has no use for is left out; the key is not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Text: which record. Key.
    pub record_key: String,
    /// Text: accepted, held, decided, rejected, `pin_issued`. Key.
    pub outcome: String,
    /// Text: what a decision or a rejection is about; empty where nothing. Key.
    pub field: String,
    /// Text: the number issued.
    #[serde(default)]
    pub pin: Option<String>,
    /// Text: the case or the decision.
    #[serde(default)]
    pub detail: Option<String>,
    /// Date: by which the case is to be decided.
    #[serde(default)]
    pub deadline: Option<String>,
    /// Text: the value taken.
    #[serde(default)]
    pub value: Option<String>,
    /// Text: why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Text: what the office can do.
    #[serde(default)]
    pub way_out: Option<String>,
    /// Timestamp with time zone: when the registry answered.
    #[serde(default)]
    pub answered_at: Option<String>,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InboxError {
    /// Not readable.
    #[error("the inbox file is not readable: {0}")]
    Form(String),
    /// A name that is no plain identifier.
    #[error(
        "inbox of {source_name}: '{name}' is not a name: lower-case letters, digits, '_', a schema before one '.'"
    )]
    Name {
        /// The source.
        source_name: String,
        /// The name.
        name: String,
    },
    /// A column twice.
    #[error("inbox of {source_name}: column '{column}' is written twice")]
    Twice {
        /// The source.
        source_name: String,
        /// The column.
        column: String,
    },
}

impl Columns {
    /// The columns that are no key, each with the item that it takes.
    pub(crate) fn others(&self) -> Vec<(Item, &str)> {
        let all = [
            (Item::Pin, &self.pin),
            (Item::Detail, &self.detail),
            (Item::Deadline, &self.deadline),
            (Item::Value, &self.value),
            (Item::Reason, &self.reason),
            (Item::WayOut, &self.way_out),
            (Item::AnsweredAt, &self.answered_at),
        ];
        all.into_iter().filter_map(|(item, column)| Some((item, column.as_deref()?))).collect()
    }
}

/// What a column that is no key takes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Pin,
    Detail,
    Deadline,
    Value,
    Reason,
    WayOut,
    AnsweredAt,
}

impl Inbox {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InboxError> {
        let inbox: Self = toml::from_str(text).map_err(|e| InboxError::Form(e.message().to_owned()))?;
        match inbox.fault() {
            Some(fault) => Err(fault),
            None => Ok(inbox),
        }
    }

    fn fault(&self) -> Option<InboxError> {
        let source_name = self.source.clone();
        let mut columns = vec![
            self.columns.record_key.as_str(),
            self.columns.outcome.as_str(),
            self.columns.field.as_str(),
        ];
        columns.extend(self.columns.others().into_iter().map(|(_, column)| column));
        let mut names =
            [self.table.as_str(), self.positions.as_str()].into_iter().chain(columns.iter().copied());
        if let Some(name) = names.find(|name| quoted_identifier(name).is_none()) {
            return Some(InboxError::Name { source_name, name: name.to_owned() });
        }
        let twice = |(n, column): (usize, &&str)| {
            columns.iter().take(n).any(|earlier| earlier == column).then(|| (*column).to_owned())
        };
        let column = columns.iter().enumerate().find_map(twice)?;
        Some(InboxError::Twice { source_name, column })
    }

    /// What the office's clerks read for a code.
    pub(crate) fn text_of<'a>(&'a self, code: &'a str) -> &'a str {
        self.texts.get(code).map_or(code, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILED: &str = include_str!("../../../deploy/inboxes/civil_status.toml");

    #[test]
    fn the_filed_inbox_is_readable_and_translates_codes() {
        let inbox = Inbox::parse(FILED).unwrap();
        assert_eq!(inbox.source, "civil_status");
        assert_ne!(inbox.text_of("correct"), "correct");
        assert_eq!(inbox.text_of("a code of tomorrow"), "a code of tomorrow");
    }

    #[test]
    fn what_is_no_name_or_stands_twice_is_refused() {
        let bad = FILED.replace("hotich.hop_thu_den", "hotich.hop_thu_den; drop table x");
        assert!(matches!(Inbox::parse(&bad), Err(InboxError::Name { .. })));
        let twice = FILED.replace("\"ly_do\"", "\"loai\"");
        assert!(matches!(Inbox::parse(&twice), Err(InboxError::Twice { column, .. }) if column == "loai"));
        assert!(matches!(Inbox::parse("source = 1"), Err(InboxError::Form(_))));
    }
}
