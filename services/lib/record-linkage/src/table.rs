//! The records of a table, each value read once into what is compared.

use crate::column::Values;
use crate::model::Model;
use crate::numeric::{narrow, wide};

/// Records of one table at most: their places are 32-bit numbers.
const MOST_RECORDS: usize = 100_000_000;

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The same id twice.
    #[error("record id `{0}` stands twice")]
    Twice(String),
    /// Too many.
    #[error("more than {MOST_RECORDS} records")]
    TooMany,
}

/// Takes records one after another.
#[derive(Debug)]
pub struct TableBuilder<'m> {
    model: &'m Model,
    values: Vec<Values>,
    ids: Vec<String>,
    cells: Vec<u32>,
}

/// Records, in the order of their ids: nothing that follows knows in which order they came.
#[derive(Clone, Debug)]
pub struct Table {
    ids: Vec<String>,
    /// Numbers of values, record by record.
    cells: Vec<u32>,
    columns: usize,
    pub(crate) values: Vec<Values>,
}

impl<'m> TableBuilder<'m> {
    /// An empty table for a model.
    pub fn new(model: &'m Model) -> Self {
        let values = model.columns.iter().map(|column| Values::new(column.kind)).collect();
        Self { model, values, ids: Vec::new(), cells: Vec::new() }
    }

    /// Takes a record: its id, and its values in the order of [`Model::columns`]; an empty value is missing.
    pub fn push<'t>(&mut self, id: &str, values: impl IntoIterator<Item = &'t str>) {
        self.ids.push(id.to_owned());
        let mut texts = values.into_iter();
        for (column, kept) in self.model.columns.iter().zip(&mut self.values) {
            self.cells.push(kept.number(texts.next().unwrap_or_default(), column));
        }
    }

    /// The table, sorted by id.
    ///
    /// # Errors
    /// An id that stands twice, or too many records.
    pub fn finish(self) -> Result<Table, TableError> {
        if self.ids.len() > MOST_RECORDS {
            return Err(TableError::TooMany);
        }
        let columns = self.model.columns.len();
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_by(|a, b| self.ids.get(*a).cmp(&self.ids.get(*b)));
        let mut cells = Vec::with_capacity(self.cells.len());
        for place in &order {
            cells.extend_from_slice(
                self.cells.get(place * columns..(place + 1) * columns).unwrap_or_default(),
            );
        }
        let mut ids: Vec<String> = self.ids;
        ids.sort_unstable();
        if let Some(twice) = ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b) {
            return Err(TableError::Twice(twice.0.clone()));
        }
        Ok(Table { ids, cells, columns, values: self.values })
    }
}

impl Table {
    /// How many records there are.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// A record's id.
    pub fn id(&self, record: u32) -> &str {
        self.ids.get(wide(record)).map_or("", String::as_str)
    }

    /// The record of an id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.ids.binary_search_by(|known| known.as_str().cmp(id)).ok().map(narrow)
    }

    /// Values that could not be read and count as missing, by column.
    pub fn unreadable<'t>(&'t self, model: &'t Model) -> impl Iterator<Item = (&'t str, u64)> {
        model.columns().zip(self.values.iter().map(|values| values.unreadable))
    }

    /// The numbers of a record's values, by column.
    pub(crate) fn row(&self, record: u32) -> &[u32] {
        let first = wide(record) * self.columns;
        self.cells.get(first..first + self.columns).unwrap_or_default()
    }

    /// The number of one value.
    pub(crate) fn cell(&self, record: u32, column: usize) -> u32 {
        self.row(record).get(column).copied().unwrap_or(0)
    }

    /// All records.
    pub(crate) fn records(&self) -> impl Iterator<Item = u32> {
        0..narrow(self.ids.len())
    }
}
