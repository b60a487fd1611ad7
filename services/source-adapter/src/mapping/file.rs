//! The mapping file as it is written (`deploy/sources/README.md` explains every key).

use serde::Deserialize;
use std::collections::BTreeMap;

/// What the rows of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Rows of an agency's tables, which become source records.
    Record,
    /// Rows that carry topic, key and payload already.
    Envelope,
}

/// One source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// Name of the source.
    pub source: String,
    /// What its rows are.
    pub kind: SourceKind,
    /// Version of this mapping; travels with each record.
    pub mapping_version: u32,
    /// The publication that covers the tables.
    pub publication: String,
    /// The replication slot.
    pub slot: String,
    /// The tables.
    #[serde(rename = "table")]
    pub tables: Vec<TableSpec>,
}

/// One table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// `schema.table`.
    pub table: String,
    /// The entity its rows are.
    pub entity: String,
    /// Key columns.
    #[serde(default)]
    pub key: Vec<String>,
    /// When the source recorded the row.
    #[serde(default)]
    pub recorded_at: Option<String>,
    /// First day in law.
    #[serde(default)]
    pub valid_from: Option<DateColumn>,
    /// Last day in law.
    #[serde(default)]
    pub valid_to: Option<DateColumn>,
    /// Columns of the act.
    #[serde(default)]
    pub act: Vec<String>,
    /// The act it refers to.
    #[serde(default)]
    pub refers_to: Option<ReferenceSpec>,
    /// Whose rows concern each other.
    #[serde(default)]
    pub relation_group: Option<GroupSpec>,
    /// Event id.
    #[serde(default)]
    pub kind: Option<Choice>,
    /// Standing in law.
    #[serde(default)]
    pub standing: Option<Choice>,
    /// The persons in the row.
    #[serde(default, rename = "role")]
    pub roles: Vec<RoleSpec>,
}

/// A date column, ISO unless said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum DateColumn {
    /// ISO.
    Iso(String),
    /// Another form.
    Formatted {
        /// The column.
        column: String,
        /// How it is written.
        format: DateFormat,
    },
}

/// How a date is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// `1954-03-17`, and less.
    #[default]
    Iso,
    /// `17/03/1954`, and less.
    Dmy,
    /// `19540317`, and less; `00` for what is not known.
    Compact,
}

/// A reference to an act.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSpec {
    /// Source in whose register it stands.
    pub source: String,
    /// Columns of the act.
    pub columns: Vec<String>,
    /// Role in that act.
    #[serde(default)]
    pub role: Option<String>,
}

/// A group of rows that concern each other's persons.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// First part.
    pub prefix: String,
    /// Columns that follow, joined by `/`.
    pub columns: Vec<String>,
}

/// A constant, or a meaning for each value of a column.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// The same for every row.
    Constant(String),
    /// By a column.
    Column(ColumnChoice),
}

/// A meaning for each value of a column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnChoice {
    /// The column.
    pub column: String,
    /// Meaning of each value.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// Meaning of null and blank.
    #[serde(default)]
    pub null: Option<String>,
    /// Meaning of any other value.
    #[serde(default)]
    pub filled: Option<String>,
}

/// One person in the row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Name of the role.
    pub role: String,
    /// Columns of which one is filled where the role is present.
    #[serde(default)]
    pub present: Vec<String>,
    /// Numbers that name the person.
    #[serde(default)]
    pub identifiers: Vec<IdentifierSpec>,
    /// What the row says of the person.
    #[serde(default, rename = "field")]
    pub fields: Vec<FieldSpec>,
}

/// A number that names the person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentifierSpec {
    /// What kind of number.
    pub kind: registry_rules::IdentifierKind,
    /// Where it stands.
    pub column: String,
}

/// An item of the catalogue and how it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// The item.
    pub field: String,
    /// How it is read, unless in parts.
    #[serde(default)]
    pub form: Option<FormName>,
    /// The column.
    #[serde(default)]
    pub column: Option<String>,
    /// Columns of a name.
    #[serde(default)]
    pub columns: Option<NameColumns>,
    /// How a date is written.
    #[serde(default)]
    pub format: Option<DateFormat>,
    /// Code list.
    #[serde(default)]
    pub list: Option<String>,
    /// Numbering of the code list.
    #[serde(default)]
    pub numbering: Option<String>,
    /// A constant's value.
    #[serde(default)]
    pub value: Option<String>,
    /// Columns of which one is filled where a constant counts.
    #[serde(default)]
    pub when: Vec<String>,
    /// The parts of a structure.
    #[serde(default)]
    pub parts: BTreeMap<String, PartSpec>,
}

/// A part of a structure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartSpec {
    /// How it is read.
    pub form: FormName,
    /// The column.
    #[serde(default)]
    pub column: Option<String>,
    /// How a date is written.
    #[serde(default)]
    pub format: Option<DateFormat>,
    /// Code list.
    #[serde(default)]
    pub list: Option<String>,
    /// Numbering of the code list.
    #[serde(default)]
    pub numbering: Option<String>,
    /// What the list numbers, where there is another list for each time.
    #[serde(default)]
    pub of: Option<String>,
    /// The column with the day whose list it is.
    #[serde(default)]
    pub on: Option<DateColumn>,
    /// A constant's value.
    #[serde(default)]
    pub value: Option<String>,
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormName {
    /// A person's name.
    Name,
    /// Free text.
    Text,
    /// A date known to the day, month or year.
    Date,
    /// A code of a list.
    Code,
    /// Always the same.
    Constant,
}

/// The columns of a name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameColumns {
    /// The whole name.
    #[serde(default)]
    pub full: Option<String>,
    /// Family name (họ).
    #[serde(default)]
    pub family: Option<String>,
    /// Middle name (chữ đệm).
    #[serde(default)]
    pub middle: Option<String>,
    /// Given name (tên).
    #[serde(default)]
    pub given: Option<String>,
}
