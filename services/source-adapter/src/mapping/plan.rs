//! A table's mapping with every column resolved to its number.

use super::file::DateFormat;
use super::forms::CodeTable;
use registry_rules::{FieldName, IdentifierKind, Period, Standing};
use std::collections::BTreeMap;

/// How the rows of one table, with its present columns, become records.
#[derive(Clone, Debug)]
pub struct TablePlan {
    pub(super) source: String,
    pub(super) entity: String,
    pub(super) mapping_version: u32,
    pub(super) columns: Vec<String>,
    pub(super) key: Vec<usize>,
    pub(super) recorded_at: Option<usize>,
    pub(super) valid_from: Option<(usize, DateFormat)>,
    pub(super) valid_to: Option<(usize, DateFormat)>,
    pub(super) act: Vec<usize>,
    pub(super) refers_to: Option<ReferencePlan>,
    pub(super) group: GroupPlan,
    pub(super) kind: ChoicePlan<String>,
    pub(super) standing: ChoicePlan<Standing>,
    pub(super) withdrawn_kind: String,
    pub(super) roles: Vec<RolePlan>,
}

#[derive(Clone, Debug)]
pub(super) struct ReferencePlan {
    pub(super) source: String,
    pub(super) columns: Vec<usize>,
    pub(super) role: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum GroupPlan {
    None,
    RowKey,
    Columns { prefix: String, columns: Vec<usize> },
}

/// A constant, or a meaning for each value of a column.
#[derive(Clone, Debug)]
pub(super) enum ChoicePlan<T> {
    Constant(T),
    Column { column: usize, codes: BTreeMap<String, T>, null: Option<T>, filled: Option<T> },
}

#[derive(Clone, Debug)]
pub(super) struct RolePlan {
    pub(super) role: String,
    pub(super) present: Vec<usize>,
    pub(super) identifiers: Vec<(IdentifierKind, usize)>,
    pub(super) fields: Vec<(FieldName, ValuePlan)>,
}

#[derive(Clone, Debug)]
pub(super) enum ValuePlan {
    Name { full: Option<usize>, family: Option<usize>, middle: Option<usize>, given: Option<usize> },
    Scalar(ReaderPlan),
    Constant { value: String, when: Vec<usize> },
    Parts(Vec<(String, ReaderPlan)>),
}

#[derive(Clone, Debug)]
pub(super) enum ReaderPlan {
    Text(usize),
    Date(usize, DateFormat),
    Code(usize, CodeTable),
    CodeOn(usize, TimedCodes),
    Constant(String),
}

/// A code whose list is the one in force on the day in another column.
#[derive(Clone, Debug)]
pub(super) struct TimedCodes {
    pub(super) of: String,
    pub(super) on: (usize, DateFormat),
    pub(super) lists: Vec<(Period, CodeTable)>,
}

impl TablePlan {
    /// The entity its rows are.
    pub fn entity(&self) -> &str {
        &self.entity
    }

    /// The columns, in the order of a row's cells.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Version of the mapping it was made from.
    pub const fn mapping_version(&self) -> u32 {
        self.mapping_version
    }

    /// How many records a row gives at most.
    pub const fn role_count(&self) -> usize {
        self.roles.len()
    }

    pub(super) fn column(&self, column: usize) -> &str {
        self.columns.get(column).map_or("?", String::as_str)
    }
}
