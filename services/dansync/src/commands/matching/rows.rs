//! Reads CSV files strictly: every fault names file, line, column, reason and way out, and repeats no value.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use csv::StringRecord;
use service_runtime::ExitClass;

/// Some spreadsheets put this before the first heading.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// No line of headings is longer.
const HEADINGS_BYTES: u64 = 1 << 20;

/// A CSV file with its headings, to be read row by row.
pub(super) struct Rows {
    path: PathBuf,
    headings: Vec<String>,
    reader: csv::Reader<File>,
    row: StringRecord,
    line: u64,
    /// Lines that the reader's own count is behind, after the first: it says where a row begins before it has passed the
    /// second half of the line end before.
    behind: u64,
}

impl Rows {
    /// Opens a file; its first headings must be these, in this order.
    pub(super) fn open(path: &Path, first: &[&str]) -> anyhow::Result<Self> {
        let opened =
            File::open(path).and_then(|mut file| Ok((u64::from(has_double_line_ends(&mut file)?), file)));
        let (behind, file) = opened
            .with_context(|| format!("{}: cannot be opened", path.display()))
            .context(ExitClass::BadData)?;
        let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
        let mut rows = Self {
            path: path.to_owned(),
            headings: Vec::new(),
            reader,
            row: StringRecord::new(),
            line: 0,
            behind: 0,
        };
        if !rows.next()? {
            return Err(rows.fault(
                None,
                &format!("is empty; want a line of headings that begins with {}", first.join(",")),
            ));
        }
        rows.behind = behind;
        let plain = |heading: &str| heading.trim_start_matches(BYTE_ORDER_MARK).trim().to_owned();
        rows.headings = rows.row.iter().map(plain).collect();
        for (place, want) in first.iter().enumerate() {
            if rows.headings.get(place).is_none_or(|heading| heading != want) {
                let reason = format!("column {} must be headed `{want}`", place + 1);
                return Err(rows.fault(None, &reason));
            }
        }
        let mut sorted = rows.headings.clone();
        sorted.sort_unstable();
        if let Some((twice, _)) = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b) {
            return Err(rows.fault(Some(twice), "two columns have this heading; rename one"));
        }
        Ok(rows)
    }

    /// The headings.
    pub(super) fn headings(&self) -> &[String] {
        &self.headings
    }

    /// Goes to the next row; `false` at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<bool> {
        match self.reader.read_record(&mut self.row) {
            Ok(true) => {
                self.line = self.row.position().map_or(0, csv::Position::line) + self.behind;
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// The value of a column of this row.
    pub(super) fn value(&self, column: usize) -> &str {
        self.row.get(column).unwrap_or_default()
    }

    /// The value of a column of this row, which must not be empty.
    pub(super) fn required(&self, column: usize) -> anyhow::Result<&str> {
        let value = self.value(column).trim();
        if value.is_empty() {
            let heading = self.headings.get(column).map(String::as_str);
            return Err(self.fault(heading, "is empty; every row needs it"));
        }
        Ok(value)
    }

    /// The line of this row, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// A fault of this row.
    pub(super) fn fault(&self, column: Option<&str>, reason: &str) -> anyhow::Error {
        let place = format!("{}:{}", self.path.display(), self.line.max(1));
        let column = column.map_or_else(String::new, |column| format!(" column `{column}`:"));
        anyhow!("{place}:{column} {reason}").context(ExitClass::BadData)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the crate's list of kinds is open; the others have nothing to add"
    )]
    fn unreadable(&mut self, error: &csv::Error) -> anyhow::Error {
        let line = error.position().map(|position| position.line() + self.behind);
        self.line = line.unwrap_or(self.line + 1);
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => self.fault(
                None,
                &format!(
                    "has {len} values where the headings are {expected_len}; a value that holds a comma or a line break \
                     must stand in double quotes"
                ),
            ),
            csv::ErrorKind::Utf8 { err, .. } => {
                let heading = self.headings.get(err.field()).cloned();
                self.fault(heading.as_deref(), "is not UTF-8; write the file anew in UTF-8")
            }
            _ => self.fault(None, "cannot be read"),
        }
    }
}

/// Whether the lines end with `\r\n`, as the first one tells; the file is at its beginning again.
fn has_double_line_ends(file: &mut File) -> std::io::Result<bool> {
    let mut first = Vec::new();
    BufReader::new(&*file).take(HEADINGS_BYTES).read_until(b'\n', &mut first)?;
    file.rewind()?;
    Ok(first.ends_with(b"\r\n"))
}

/// Keys of rows seen so far, each with its line.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<String, u64>);

impl Seen {
    /// Notes the row's key.
    pub(super) fn note(&mut self, rows: &Rows, key: &str) -> anyhow::Result<()> {
        match self.0.insert(key.to_owned(), rows.line()) {
            None => Ok(()),
            Some(line) => Err(rows.fault(
                Some("record_id"),
                &format!("stands on line {line} already; every record needs an id of its own"),
            )),
        }
    }
}
