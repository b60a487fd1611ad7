//! Agreements: which fields of which persons a subscriber may have, for which purpose, on which legal basis.
//!
//! A version never changes; what it says is compiled once into columns. Anything it does not name is denied.

use crate::agreement_reader::Reader;
use crate::population::Population;
use crate::{Cardinality, FieldCatalogue, FieldName};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// A closed set of words, written in snake case in files and tables.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in files and tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The meaning of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|w| w.as_str() == word)
            }
        }

        impl crate::agreement_reader::Word for $name {
            fn read(word: &str) -> Option<Self> {
                Self::from_word(word)
            }
            fn choices() -> String {
                [$($text),+].join(", ")
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where the subscriber's system runs; test systems get test persons only, by their own agreement.
    Environment {
        /// Real service.
        Production = "production",
        /// Technical test (Circular 46/2022/TT-BCA art. 7).
        Test = "test",
        /// Synthetic people only.
        Demo = "demo",
    }
}

words! {
    /// Whether the citizen sees the releases under this agreement.
    Visibility {
        /// At once.
        Now = "now",
        /// After the time that the law sets.
        Delayed = "delayed",
        /// Not at all: investigation, national security.
        Never = "never",
    }
}

words! {
    /// How content gets out under an agreement, and what a ledger entry says of it.
    Mode {
        /// Kafka topic of the agreement.
        Topic = "topic",
        /// The subscriber's own database.
        Database = "database",
        /// A call to the subscriber.
        Webhook = "webhook",
        /// Fetched by the subscriber.
        Pull = "pull",
        /// One person, on request.
        Lookup = "lookup",
        /// Yes or no, on request.
        Verify = "verify",
        /// A written extract (Decree 70/2024 art. 10).
        Written = "written",
    }
}

impl Mode {
    /// Whether deliveries of this mode are sent by lanes, without a request.
    pub const fn is_pushed(self) -> bool {
        matches!(self, Self::Topic | Self::Database)
    }
}

words! {
    /// Where an agreement stands on its way (Circular 46/2022/TT-BCA art. 7).
    AgreementState {
        /// The body has asked.
        Requested = "requested",
        /// Technical documents handed out.
        DocumentsIssued = "documents_issued",
        /// Connection under test.
        TechnicalTest = "technical_test",
        /// Security level assessed.
        SecurityAssessed = "security_assessed",
        /// Approved, not yet switched on.
        Approved = "approved",
        /// In force.
        Active = "active",
        /// No content leaves; leaves and take-backs still do.
        Suspended = "suspended",
        /// Over: everybody leaves.
        Ended = "ended",
    }
}

impl AgreementState {
    /// Whether the next state may follow: one step forward; active and suspended alternate; any may end.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Requested, Self::DocumentsIssued)
                | (Self::DocumentsIssued, Self::TechnicalTest)
                | (Self::TechnicalTest, Self::SecurityAssessed)
                | (Self::SecurityAssessed, Self::Approved)
                | (Self::Approved | Self::Suspended, Self::Active)
                | (Self::Active, Self::Suspended)
                | (
                    Self::Requested
                        | Self::DocumentsIssued
                        | Self::TechnicalTest
                        | Self::SecurityAssessed
                        | Self::Approved
                        | Self::Active
                        | Self::Suspended,
                    Self::Ended
                )
        )
    }
}

/// What one outgoing column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnContent {
    /// The text of a scalar item; of several scalars, canonical JSON.
    Scalar,
    /// One part of a structure.
    Part(String),
    /// A list of structures as canonical JSON, of these parts only.
    ListOf(BTreeSet<String>),
}

/// One column that an agreement permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Flat name: `birth_name_full`, `date_of_birth`, `id_cards`.
    pub name: String,
    /// The item it is taken from.
    pub item: FieldName,
    /// What of the item.
    pub content: ColumnContent,
    /// The permitted field names it carries: `npd.birth_name.full`.
    pub fields: Vec<String>,
}

/// A name in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

/// One version of one agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Identifier: lower-case letters, digits, '_'.
    pub name: String,
    /// Counts from 1; a version never changes.
    pub version: u32,
    /// The body that receives.
    pub subscriber: String,
    /// Its name, in Vietnamese and English.
    pub subscriber_name: Title,
    /// What for.
    pub purpose: String,
    /// Real or test.
    pub environment: Environment,
    /// The articles that permit it.
    pub legal_basis: Vec<String>,
    /// May it ask, by look-up, for what stood earlier? Pushed content is always what stands now.
    pub history: bool,
    /// Does the citizen see it?
    pub visibility: Visibility,
    /// How content gets out.
    pub modes: BTreeSet<Mode>,
    /// Where it stood when the file was written; the state in force is kept beside the versions.
    pub state: AgreementState,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day.
    pub valid_to: Option<NaiveDate>,
    /// Whom it covers.
    pub population: Population,
    /// What it permits, sorted: `npd.birth_name.full`.
    pub fields: BTreeSet<String>,
    columns: Vec<Column>,
}

/// What is wrong with an agreement; all faults of a file at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AgreementError {
    /// Not TOML.
    #[error("agreement is not readable: {0}")]
    Form(String),
    /// A key is missing.
    #[error("agreement: '{0}' is missing")]
    Missing(String),
    /// A key that no agreement has.
    #[error("agreement: '{0}' is not a key of an agreement")]
    Unknown(String),
    /// A value of the wrong kind.
    #[error("agreement: '{key}' must be {expected}")]
    Value {
        /// The key.
        key: String,
        /// What stands there in a good file.
        expected: String,
    },
    /// A field that the catalogue does not have.
    #[error(
        "agreement: the field catalogue does not have '{0}'; name items and parts as it does, e.g. birth_name.full"
    )]
    NoSuchField(String),
    /// A population that is not limited by anything, nor says so.
    #[error(
        "agreement: the population has no condition; write condition = \"everyone\" if everybody is meant"
    )]
    NoCondition,
    /// Two fields would have the same column.
    #[error("agreement: two fields give the column '{0}'")]
    Clash(String),
    /// The last day lies before the first.
    #[error("agreement: valid_to lies before valid_from")]
    Validity,
}

impl Agreement {
    /// Reads one file and checks it against the catalogue; all faults at once.
    pub fn parse(text: &str, catalogue: &FieldCatalogue) -> Result<Self, Vec<AgreementError>> {
        let mut reader = Reader::of(text)?;
        let name = reader.id("agreement");
        let version = reader.number("version");
        let subscriber = reader.id("subscriber");
        let subscriber_name = reader.title("subscriber_name");
        let purpose = reader.text("purpose");
        let environment = reader.word("environment");
        let legal_basis = reader.names("legal_basis");
        let history = reader.flag("history");
        let visibility = reader.word("visibility");
        let modes = reader.words("modes");
        let state = reader.word("state");
        let valid_from = reader.date("valid_from");
        let valid_to = reader.optional_date("valid_to");
        let population = Population::read(&mut reader, catalogue);
        let names = reader.names("fields");
        let (fields, columns) = compile(&names, catalogue, &mut reader);
        if valid_to.is_some_and(|to| valid_from.is_some_and(|from| to < from)) {
            reader.fault(AgreementError::Validity);
        }
        let found = (|| {
            Some(Self {
                name: name?,
                version: version?,
                subscriber: subscriber?,
                subscriber_name: subscriber_name?,
                purpose: purpose?,
                environment: environment?,
                legal_basis,
                history: history?,
                visibility: visibility?,
                modes: modes?,
                state: state?,
                valid_from: valid_from?,
                valid_to,
                population: population?,
                fields,
                columns,
            })
        })();
        reader.finish(found)
    }

    /// The columns that it permits, sorted by name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether a day lies in its validity.
    pub fn is_valid_on(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|to| day <= to)
    }

    /// Whether it permits less than an earlier version did: what was given under that one must be taken back.
    pub fn is_narrower_than(&self, earlier: &Self) -> bool {
        !self.fields.is_superset(&earlier.fields)
    }
}

/// Turns field names into columns; names that the catalogue does not have become faults.
fn compile(
    names: &[String],
    catalogue: &FieldCatalogue,
    reader: &mut Reader,
) -> (BTreeSet<String>, Vec<Column>) {
    let mut fields = BTreeSet::new();
    let mut columns: BTreeMap<String, Column> = BTreeMap::new();
    for name in names {
        match column_of(name, catalogue) {
            None => reader.fault(AgreementError::NoSuchField(name.clone())),
            Some(column) => {
                fields.extend(column.fields.iter().cloned());
                match columns.get_mut(&column.name) {
                    None => {
                        columns.insert(column.name.clone(), column);
                    }
                    Some(other) if other.item == column.item => widen(other, column),
                    Some(_) => reader.fault(AgreementError::Clash(column.name)),
                }
            }
        }
    }
    (fields, columns.into_values().collect())
}

/// A list named by several of its parts stays one column.
fn widen(column: &mut Column, more: Column) {
    if let (ColumnContent::ListOf(parts), ColumnContent::ListOf(new)) = (&mut column.content, more.content) {
        parts.extend(new);
    }
    column.fields.extend(more.fields);
    column.fields.sort();
    column.fields.dedup();
}

/// The column of `item`, `item.part`, `namespace.item` or `namespace.item.part`.
fn column_of(name: &str, catalogue: &FieldCatalogue) -> Option<Column> {
    let definition = catalogue.iter().find(|definition| {
        let item = definition.name.as_str();
        definition.disclosable().iter().any(|full| full == name || home(full) == Some(name))
            || (item == name || home(item) == Some(name)) && definition.parts.is_empty()
    })?;
    let item = definition.name.clone();
    let flat = home(item.as_str()).map_or_else(|| item.as_str().replace('.', "_"), str::to_owned);
    let part = definition.parts.iter().find(|part| name.ends_with(&format!(".{part}")));
    let (name, content, field) = match part {
        None => (flat, ColumnContent::Scalar, item.as_str().to_owned()),
        Some(part) => {
            let field = format!("{item}.{part}");
            if matches!(definition.cardinality, Cardinality::Collected | Cardinality::Relation) {
                (flat, ColumnContent::ListOf([part.clone()].into()), field)
            } else {
                (format!("{flat}_{part}"), ColumnContent::Part(part.clone()), field)
            }
        }
    };
    Some(Column { name, item, content, fields: vec![field] })
}

/// Names of the home namespace may be written without it.
fn home(name: &str) -> Option<&str> {
    name.strip_prefix("npd.")
}
