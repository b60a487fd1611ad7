//! One row as text cells, wherever it came from: the stream's tuples or a line of `copy … to stdout`.
//!
//! A [`RowBuffer`] is used again for each row, so that looking at a row allocates nothing.

use super::pgoutput::Tuple;

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// SQL null.
    Null,
    /// A large value that this update did not touch: it stands in the old row.
    Unchanged,
    /// The type's text form.
    Text(&'a [u8]),
}

/// Start and end of a cell's text; an end before the start is null.
type Span = (usize, usize);
const NULL: Span = (1, 0);

/// Storage for one row at a time.
#[derive(Default)]
pub struct RowBuffer {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// A row's cells by column number.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    bytes: &'a str,
    spans: &'a [Span],
}

/// Cells are personal: only their number is shown.
impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({} cells)", self.spans.len())
    }
}

impl std::fmt::Debug for RowBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowBuffer({} cells)", self.spans.len())
    }
}

/// Why there is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Bytes that are not UTF-8, though the session asked for it (`SQL_ASCII` databases hold such).
    #[error("the row's text is not UTF-8")]
    NotText,
    /// A cell is neither in the new nor in the old row.
    #[error("the update leaves a cell out and brings no old row: the table has no REPLICA IDENTITY FULL")]
    Missing,
    /// A line that `copy` cannot have written.
    #[error("the copied line is malformed")]
    Line,
}

impl RowBuffer {
    /// Takes over a tuple; cells it leaves out as unchanged are read from the row before.
    pub fn fill(&mut self, tuple: Tuple<'_>, before: Option<Tuple<'_>>) -> Result<Row<'_>, RowError> {
        self.clear();
        let mut before = before.map(Tuple::cells);
        for cell in tuple.cells() {
            let before = before.as_mut().and_then(Iterator::next);
            match cell {
                Cell::Null => self.spans.push(NULL),
                Cell::Text(text) => self.push(text),
                Cell::Unchanged => match before {
                    Some(Cell::Text(text)) => self.push(text),
                    Some(Cell::Null) => self.spans.push(NULL),
                    Some(Cell::Unchanged) | None => return Err(RowError::Missing),
                },
            }
        }
        self.row()
    }

    /// Takes over a line of `copy … to stdout` in text format, without its line end.
    pub fn fill_line(&mut self, line: &[u8]) -> Result<Row<'_>, RowError> {
        self.clear();
        for field in line.split(|byte| *byte == b'\t') {
            if field == b"\\N" {
                self.spans.push(NULL);
            } else if field.contains(&b'\\') {
                let start = self.bytes.len();
                unescape(field, &mut self.bytes)?;
                self.spans.push((start, self.bytes.len()));
            } else {
                self.push(field);
            }
        }
        self.row()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    fn push(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.spans.push((start, self.bytes.len()));
    }

    fn row(&self) -> Result<Row<'_>, RowError> {
        let bytes = std::str::from_utf8(&self.bytes).map_err(|_| RowError::NotText)?;
        // Each cell by itself must be text: two halves of a character in two cells are not.
        if self.spans.iter().any(|(start, _)| !bytes.is_char_boundary((*start).min(bytes.len()))) {
            return Err(RowError::NotText);
        }
        Ok(Row { bytes, spans: &self.spans })
    }

    /// The row last filled in, with what is not text replaced: for quarantine only.
    pub fn lossy(&self) -> Vec<Option<String>> {
        let cell = |(start, end): &Span| {
            self.bytes.get(*start..*end).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        self.spans.iter().map(cell).collect()
    }
}

/// The escapes of `copy`'s text format.
fn unescape(field: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next().ok_or(RowError::Line)? {
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            other => other,
        });
    }
    Ok(())
}

impl<'a> Row<'a> {
    /// The text of a cell; none if null.
    pub fn get(self, column: usize) -> Option<&'a str> {
        let (start, end) = *self.spans.get(column)?;
        self.bytes.get(start..end)
    }

    /// The trimmed text of a cell; none if null or blank.
    pub fn value(self, column: usize) -> Option<&'a str> {
        self.get(column).map(str::trim).filter(|text| !text.is_empty())
    }

    /// How many cells.
    pub const fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether it has no cells.
    pub const fn is_empty(self) -> bool {
        self.spans.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_copied_line_reads_back() {
        let mut buffer = RowBuffer::default();
        let row = buffer.fill_line("7\t\\N\ta\\tb\\\\c\\n\t\tữ".as_bytes()).unwrap();
        let cells: Vec<_> = (0..row.len()).map(|n| row.get(n)).collect();
        assert_eq!(cells, [Some("7"), None, Some("a\tb\\c\n"), Some(""), Some("ữ")]);
        assert_eq!(row.value(3), None);
        assert_eq!(row.get(9), None);
        assert_eq!(buffer.fill_line(b"a\\").unwrap_err(), RowError::Line);
        assert_eq!(buffer.fill_line(b"\xff").unwrap_err(), RowError::NotText);
        let split = [&"ữ".as_bytes()[..1], b"\t", &"ữ".as_bytes()[1..]].concat();
        assert_eq!(buffer.fill_line(&split).unwrap_err(), RowError::NotText);
    }

    proptest! {
        #[test]
        fn any_line_gives_a_row_or_an_error(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut buffer = RowBuffer::default();
            if let Ok(row) = buffer.fill_line(&line) {
                for n in 0..row.len() { let _ = row.value(n); }
            }
            prop_assert!(buffer.lossy().len() <= line.len() + 1);
        }
    }
}
