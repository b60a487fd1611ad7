//! Bytes of one pgoutput message (protocol 1) in, what it says out. Total: bytes of any content give a message or an error.
//!
//! Begin, commit and logical messages are taken out by the replication client; here is what lies between them. Tuples stay
//! in the message's bytes and are walked by [`Tuple::cells`]: nothing is copied to look at a row.

use super::row::Cell;

/// Something between a transaction's begin and commit.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A table's columns, sent before its first row in a session and after each change to it.
    Relation(Relation),
    /// A new row.
    Insert {
        /// The table's id.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A changed row.
    Update {
        /// The table's id.
        relation: u32,
        /// The row before, with its replica identity's columns.
        old: Option<OldTuple<'a>>,
        /// The row after.
        new: Tuple<'a>,
    },
    /// A deleted row.
    Delete {
        /// The table's id.
        relation: u32,
        /// The row before.
        old: OldTuple<'a>,
    },
    /// Emptied tables.
    Truncate {
        /// The tables' ids.
        relations: Vec<u32>,
    },
    /// Said for others: a type's name, the origin of a transaction.
    Other,
}

/// A table as its publication describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its id in this stream.
    pub id: u32,
    /// Schema; `pg_catalog` is sent empty.
    pub schema: String,
    /// Name.
    pub table: String,
    /// `d`efault, `n`othing, `f`ull or by `i`ndex.
    pub replica_identity: u8,
    /// Column names in the order of the tuples' cells.
    pub columns: Vec<String>,
}

/// The row before a change.
#[derive(Debug, PartialEq, Eq)]
pub struct OldTuple<'a> {
    /// The whole row (replica identity full), not only its key.
    pub whole: bool,
    /// The cells.
    pub tuple: Tuple<'a>,
}

/// A row's cells, checked for form but not yet split.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tuple<'a> {
    count: u16,
    bytes: &'a [u8],
}

/// Cells are personal: only their number is shown.
impl std::fmt::Debug for Tuple<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tuple({} cells)", self.count)
    }
}

/// Why bytes are not a pgoutput message. Offsets and tags only, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends in the middle of something.
    #[error("pgoutput message ends early, while reading {0}")]
    Short(&'static str),
    /// A tag that protocol version 1 does not have there.
    #[error("pgoutput message has tag {tag:#04x} where {place} stands")]
    Tag {
        /// The byte found.
        tag: u8,
        /// Where.
        place: &'static str,
    },
    /// A name that is not text.
    #[error("pgoutput message has a {0} that is not UTF-8")]
    Text(&'static str),
    /// A length below zero.
    #[error("pgoutput message has a negative length of {0}")]
    Length(&'static str),
    /// Bytes after the end.
    #[error("pgoutput message has {0} bytes after its end")]
    Rest(usize),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Short(what))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Short(what))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn name(&mut self, what: &'static str) -> Result<String, DecodeError> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(DecodeError::Short(what))?;
        let text = std::str::from_utf8(self.take(end, what)?).map_err(|_| DecodeError::Text(what))?;
        self.u8(what)?;
        Ok(text.to_owned())
    }

    fn tuple(&mut self) -> Result<Tuple<'a>, DecodeError> {
        let count = self.u16("a tuple")?;
        let start = self.0;
        for _ in 0..count {
            cell(self)?;
        }
        let used = start.len() - self.0.len();
        Ok(Tuple { count, bytes: start.get(..used).unwrap_or_default() })
    }

    fn old_tuple(&mut self, tag: u8) -> Result<OldTuple<'a>, DecodeError> {
        match tag {
            b'K' => Ok(OldTuple { whole: false, tuple: self.tuple()? }),
            b'O' => Ok(OldTuple { whole: true, tuple: self.tuple()? }),
            tag => Err(DecodeError::Tag { tag, place: "an old row" }),
        }
    }

    fn new_tuple(&mut self, tag: u8) -> Result<Tuple<'a>, DecodeError> {
        if tag == b'N' { self.tuple() } else { Err(DecodeError::Tag { tag, place: "a new row" }) }
    }

    const fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Rest(self.0.len())) }
    }
}

fn cell<'a>(reader: &mut Reader<'a>) -> Result<Cell<'a>, DecodeError> {
    match reader.u8("a cell")? {
        b'n' => Ok(Cell::Null),
        b'u' => Ok(Cell::Unchanged),
        b't' => {
            let len = i32::from_be_bytes(reader.array("a cell's length")?);
            let len = usize::try_from(len).map_err(|_| DecodeError::Length("a cell"))?;
            Ok(Cell::Text(reader.take(len, "a cell's text")?))
        }
        tag => Err(DecodeError::Tag { tag, place: "a cell" }),
    }
}

impl<'a> Tuple<'a> {
    /// How many cells.
    pub const fn len(self) -> usize {
        self.count as usize
    }

    /// Whether it has no cells.
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The cells in the order of the relation's columns.
    pub fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        let mut reader = Reader(self.bytes);
        (0..self.count).map_while(move |_| cell(&mut reader).ok())
    }
}

/// Reads one message.
pub fn decode(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut reader = Reader(bytes);
    let message = match reader.u8("a message")? {
        b'R' => Message::Relation(relation(&mut reader)?),
        b'I' => {
            let relation = reader.u32("an insert")?;
            let tag = reader.u8("an insert")?;
            Message::Insert { relation, new: reader.new_tuple(tag)? }
        }
        b'U' => update(&mut reader)?,
        b'D' => {
            let relation = reader.u32("a delete")?;
            let tag = reader.u8("a delete")?;
            Message::Delete { relation, old: reader.old_tuple(tag)? }
        }
        b'T' => {
            let count = reader.u32("a truncate")?;
            reader.u8("a truncate's options")?;
            // The list is read until it ends: a wrong count allocates nothing.
            let relations =
                (0..count).map(|_| reader.u32("a truncate's tables")).collect::<Result<_, _>>()?;
            Message::Truncate { relations }
        }
        b'Y' | b'O' => return Ok(Message::Other),
        tag => return Err(DecodeError::Tag { tag, place: "a message" }),
    };
    reader.end()?;
    Ok(message)
}

fn relation(reader: &mut Reader<'_>) -> Result<Relation, DecodeError> {
    let id = reader.u32("a relation")?;
    let schema = reader.name("schema name")?;
    let table = reader.name("table name")?;
    let replica_identity = reader.u8("a replica identity")?;
    let count = reader.u16("a relation's columns")?;
    let mut columns = Vec::new();
    for _ in 0..count {
        reader.u8("a column's flags")?;
        columns.push(reader.name("column name")?);
        reader.u32("a column's type")?;
        reader.u32("a column's modifier")?;
    }
    Ok(Relation { id, schema, table, replica_identity, columns })
}

fn update<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, DecodeError> {
    let relation = reader.u32("an update")?;
    let tag = reader.u8("an update")?;
    if tag == b'N' {
        return Ok(Message::Update { relation, old: None, new: reader.tuple()? });
    }
    let old = reader.old_tuple(tag)?;
    let tag = reader.u8("an update's new row")?;
    Ok(Message::Update { relation, old: Some(old), new: reader.new_tuple(tag)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tuple(cells: &[Cell<'_>]) -> Vec<u8> {
        let mut out = u16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
        for cell in cells {
            match cell {
                Cell::Null => out.push(b'n'),
                Cell::Unchanged => out.push(b'u'),
                Cell::Text(text) => {
                    out.push(b't');
                    out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
                    out.extend(*text);
                }
            }
        }
        out
    }

    fn message(tag: u8, relation: u32, parts: &[(u8, &[Cell<'_>])]) -> Vec<u8> {
        let mut out = vec![tag];
        out.extend(relation.to_be_bytes());
        for (tag, cells) in parts {
            out.push(*tag);
            out.extend(tuple(cells));
        }
        out
    }

    #[test]
    fn rows_of_all_kinds() {
        let (old, new) = ([Cell::Text(b"7"), Cell::Text(b"x")], [Cell::Text(b"7"), Cell::Unchanged]);
        let bytes = message(b'U', 3, &[(b'O', &old), (b'N', &new)]);
        let Message::Update { relation: 3, old: Some(read), new: read_new } = decode(&bytes).unwrap() else {
            panic!("an update")
        };
        assert!(read.whole);
        assert_eq!(read.tuple.cells().collect::<Vec<_>>(), old);
        assert_eq!(read_new.cells().collect::<Vec<_>>(), new);
        let bytes = message(b'D', 3, &[(b'K', &[Cell::Null])]);
        assert!(matches!(decode(&bytes), Ok(Message::Delete { old: OldTuple { whole: false, .. }, .. })));
        let bytes = message(b'I', 9, &[(b'N', &[])]);
        assert!(matches!(decode(&bytes), Ok(Message::Insert { relation: 9, new }) if new.is_empty()));
    }

    #[test]
    fn a_relation_names_its_columns() {
        let mut bytes = vec![b'R'];
        bytes.extend(5_u32.to_be_bytes());
        bytes.extend(b"hotich\0khai_sinh\0f");
        bytes.extend(1_u16.to_be_bytes());
        bytes.extend(b"\x01id\0\0\0\0\x14\xff\xff\xff\xff");
        let relation = Relation {
            id: 5,
            schema: "hotich".to_owned(),
            table: "khai_sinh".to_owned(),
            replica_identity: b'f',
            columns: vec!["id".to_owned()],
        };
        assert_eq!(decode(&bytes), Ok(Message::Relation(relation)));
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_refused() {
        let bytes = message(b'I', 1, &[(b'N', &[Cell::Text(b"abc"), Cell::Null])]);
        for end in 0..bytes.len() {
            assert!(matches!(decode(&bytes[..end]), Err(DecodeError::Short(_))), "{end}");
        }
        let mut long = bytes;
        long.push(0);
        assert_eq!(decode(&long), Err(DecodeError::Rest(1)));
        let negative = [b"I\0\0\0\x01N\0\x01t".as_slice(), &(-1_i32).to_be_bytes()].concat();
        assert_eq!(decode(&negative), Err(DecodeError::Length("a cell")));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Message::Insert { new, .. }) = decode(&bytes) {
                prop_assert_eq!(new.cells().count(), new.len());
            }
        }

        #[test]
        fn likely_bytes_give_a_message_or_an_error(
            tag in proptest::sample::select(b"RIUDTYO".to_vec()),
            bytes in proptest::collection::vec(proptest::sample::select(vec![0_u8, 1, 2, 3, b'N', b'O', b'K', b't', b'n', b'u', 255]), 0..80),
        ) {
            let bytes = [&[tag], bytes.as_slice()].concat();
            if let Ok(Message::Update { new, old: Some(old), .. }) = decode(&bytes) {
                prop_assert_eq!(new.cells().count(), new.len());
                prop_assert_eq!(old.tuple.cells().count(), old.tuple.len());
            }
        }
    }
}
