//! Rows on their way into a table, in PostgreSQL's COPY text form.

use super::chance::Chance;
use chrono::{NaiveDate, NaiveTime};

/// What a table is called and looks like.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Source database.
    pub source: &'static str,
    /// Schema and table.
    pub table: &'static str,
    /// Entity of its records; none if it is not captured.
    pub entity: Option<&'static str>,
    /// Columns, in the order in which rows give them, separated by commas.
    pub columns: &'static str,
    /// Column whose values the database makes for later rows.
    pub identity: Option<&'static str>,
    /// Values that no list, calendar or form has, by column.
    pub junk: &'static [(&'static str, &'static str)],
}

impl Layout {
    fn place(&self, column: &str) -> Option<usize> {
        self.columns.split(',').position(|name| name.trim() == column)
    }
}

/// The rows of one table.
#[derive(Clone, Debug)]
pub struct TableRows {
    /// The table.
    pub layout: Layout,
    /// How many.
    pub rows: u64,
    /// How many of them cannot be mapped.
    pub quarantined: u64,
    copy: Vec<u8>,
}

/// One row in the making: values in the order of the columns.
#[derive(Clone, Debug, Default)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A value.
    pub fn text(mut self, value: impl Into<String>) -> Self {
        self.0.push(Some(value.into()));
        self
    }

    /// A number.
    pub fn number(self, value: impl std::fmt::Display) -> Self {
        self.text(format!("{value}"))
    }

    /// A value, or null.
    pub fn maybe<T: Into<String>>(mut self, value: Option<T>) -> Self {
        self.0.push(value.map(Into::into));
        self
    }

    /// A day.
    pub fn day(self, day: NaiveDate) -> Self {
        self.text(day.to_string())
    }

    /// A moment in Vietnam on that day.
    pub fn moment(self, day: NaiveDate, chance: &mut Chance) -> Self {
        let seconds = u32::try_from(chance.between(8 * 3600..=16 * 3600)).unwrap_or(8 * 3600);
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default();
        self.text(format!("{day} {time}+07"))
    }

    /// Each of them or null.
    pub fn all<const N: usize>(mut self, values: [Option<String>; N]) -> Self {
        self.0.extend(values);
        self
    }
}

impl TableRows {
    /// No rows yet.
    pub const fn new(layout: Layout) -> Self {
        Self { layout, rows: 0, quarantined: 0, copy: Vec::new() }
    }

    /// Adds a row; in the given share of cases with junk in it.
    pub fn push(&mut self, mut row: Row, junk: f64, chance: &mut Chance) {
        debug_assert_eq!(
            row.0.len(),
            self.layout.columns.split(',').count(),
            "columns of {}",
            self.layout.table
        );
        if !self.layout.junk.is_empty() && chance.hit(junk) {
            let (column, value) = chance.pick(self.layout.junk);
            if let Some(cell) = self.layout.place(column).and_then(|i| row.0.get_mut(i)) {
                *cell = Some(value.to_owned());
                self.quarantined += 1;
            }
        }
        for (i, cell) in row.0.iter().enumerate() {
            if i > 0 {
                self.copy.push(b'\t');
            }
            match cell {
                None => self.copy.extend_from_slice(b"\\N"),
                Some(text) => escape(text, &mut self.copy),
            }
        }
        self.copy.push(b'\n');
        self.rows += 1;
    }

    /// The rows in COPY's text form.
    pub fn copy(&self) -> &[u8] {
        &self.copy
    }

    /// Writes other values into one column; null and what `change` gives none for stay.
    pub fn rewrite(&mut self, column: &str, mut change: impl FnMut(&str) -> Option<String>) {
        let place = self.layout.place(column).unwrap_or(usize::MAX);
        let mut copy = Vec::with_capacity(self.copy.len());
        for line in self.copy.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            for (n, cell) in line.split(|byte| *byte == b'\t').enumerate() {
                if n > 0 {
                    copy.push(b'\t');
                }
                let text = std::str::from_utf8(cell).ok().filter(|text| n == place && *text != "\\N");
                match text.and_then(&mut change) {
                    Some(other) => escape(&other, &mut copy),
                    None => copy.extend_from_slice(cell),
                }
            }
            copy.push(b'\n');
        }
        self.copy = copy;
    }

    /// The values of one column, for tests: null as none.
    pub fn column(&self, name: &str) -> Vec<Option<String>> {
        let place = self.layout.place(name).unwrap_or(usize::MAX);
        let text = String::from_utf8_lossy(&self.copy);
        let cells = text
            .lines()
            .map(|line| line.split('\t').nth(place).filter(|v| *v != "\\N").map(ToOwned::to_owned));
        cells.collect()
    }
}

/// Backslash, tab and line ends have a meaning in COPY.
fn escape(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}
