//! Reads an agreement's TOML key by key, gathering every fault instead of stopping at the first.

use crate::{AgreementError, Title};
use chrono::NaiveDate;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// A word of a closed set.
pub(crate) trait Word: Sized + Ord {
    fn read(word: &str) -> Option<Self>;
    fn choices() -> String;
}

/// What is left to read, and what was wrong so far.
pub(crate) struct Reader {
    table: Table,
    faults: Vec<AgreementError>,
    /// Where this table stands in the file, for the faults: empty at the top.
    path: String,
}

impl Reader {
    pub(crate) fn of(text: &str) -> Result<Self, Vec<AgreementError>> {
        // The parser's own message repeats the line; agreements hold no personal value.
        let table = text.parse::<Table>().map_err(|e| vec![AgreementError::Form(e.message().to_owned())])?;
        Ok(Self { table, faults: Vec::new(), path: String::new() })
    }

    pub(crate) fn fault(&mut self, fault: AgreementError) {
        self.faults.push(fault);
    }

    /// The result, if nothing was wrong and nothing is left over.
    pub(crate) fn finish<T>(mut self, found: Option<T>) -> Result<T, Vec<AgreementError>> {
        self.refuse_rest();
        match found {
            Some(found) if self.faults.is_empty() => Ok(found),
            Some(_) | None => Err(self.faults),
        }
    }

    fn refuse_rest(&mut self) {
        let rest: Vec<_> = self.table.keys().map(|key| AgreementError::Unknown(self.full(key))).collect();
        self.faults.extend(rest);
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    fn wrong<T>(&mut self, key: &str, expected: impl Into<String>) -> Option<T> {
        let key = self.full(key);
        self.faults.push(AgreementError::Value { key, expected: expected.into() });
        None
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let value = self.table.remove(key);
        if value.is_none() {
            let key = self.full(key);
            self.faults.push(AgreementError::Missing(key));
        }
        value
    }

    /// A text that is not blank.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => self.wrong(key, "a text"),
        }
    }

    /// An identifier: it becomes part of topic, table and metric names.
    pub(crate) fn id(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        let fits = text.len() <= 48
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Some(text) } else { self.wrong(key, "lower-case letters, digits and '_', 48 at most") }
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        self.take(key)?.as_bool().or_else(|| self.wrong(key, "true or false"))
    }

    /// A name in both languages.
    pub(crate) fn title(&mut self, key: &str) -> Option<Title> {
        let value = self.take(key)?;
        let word = |language: &str| value.get(language).and_then(Value::as_str).map(str::to_owned);
        match (word("vi"), word("en")) {
            (Some(vi), Some(en)) => Some(Title { vi, en }),
            (None, _) | (_, None) => self.wrong(key, "{ vi = \"…\", en = \"…\" }"),
        }
    }

    /// A whole number from 0.
    pub(crate) fn count(&mut self, key: &str) -> Option<u32> {
        let value = self.take(key)?;
        value.as_integer().and_then(|n| u32::try_from(n).ok()).or_else(|| self.wrong(key, "a number from 0"))
    }

    /// A whole number from 1.
    pub(crate) fn number(&mut self, key: &str) -> Option<u32> {
        self.count(key)?.checked_sub(1).map(|n| n + 1).or_else(|| self.wrong(key, "a number from 1"))
    }

    /// A word of a closed set.
    pub(crate) fn word<T: Word>(&mut self, key: &str) -> Option<T> {
        let value = self.take(key)?;
        value.as_str().and_then(T::read).or_else(|| self.wrong(key, format!("one of {}", T::choices())))
    }

    /// A list of words of a closed set, at least one.
    pub(crate) fn words<T: Word>(&mut self, key: &str) -> Option<BTreeSet<T>> {
        let names = self.names(key);
        let words: Option<BTreeSet<T>> = names.iter().map(|name| T::read(name)).collect();
        words.or_else(|| self.wrong(key, format!("a list of {}", T::choices())))
    }

    /// A list of texts, at least one; empty after a fault.
    pub(crate) fn names(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let names = value
            .as_array()
            .filter(|list| !list.is_empty())
            .and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
        names.unwrap_or_else(|| self.wrong(key, "a list of texts, not empty").unwrap_or_default())
    }

    /// A day, as TOML date or text.
    pub(crate) fn date(&mut self, key: &str) -> Option<NaiveDate> {
        let value = self.take(key)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Datetime(date) => date.to_string(),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_) => {
                String::new()
            }
        };
        text.parse().ok().or_else(|| self.wrong(key, "a day, YYYY-MM-DD"))
    }

    /// A day that may be left out.
    pub(crate) fn optional_date(&mut self, key: &str) -> Option<NaiveDate> {
        if self.table.contains_key(key) { self.date(key) } else { None }
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reads each table of a list of tables with `read`; faults name the place.
    pub(crate) fn each<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(Value::Array(items)) = self.table.remove(key) else {
            return self.wrong(key, "a list of tables");
        };
        let mut found = Vec::with_capacity(items.len());
        for (n, item) in items.into_iter().enumerate() {
            let Value::Table(table) = item else {
                return self.wrong(key, "a list of tables");
            };
            let path = format!("{}[{n}].", self.full(key));
            let mut inner = Self { table, faults: Vec::new(), path };
            let one = read(&mut inner);
            inner.refuse_rest();
            self.faults.append(&mut inner.faults);
            found.extend(one);
        }
        Some(found)
    }
}
