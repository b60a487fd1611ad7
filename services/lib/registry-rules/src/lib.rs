//! The rules of the population registry: which person a record belongs to, which value stands, who may have it.
//!
//! Pure: no clock, no I/O, no randomness, no logging, no hash-map iteration. What a rule needs (the business date, the
//! rule set, what stands in the store) is an argument; what it decides is returned with its reasons.
//!
//! Invariants kept here and proven by this crate's tests:
//! - attaching and merging are functions of the *set* of latest records, so order and repetition cannot matter;
//! - every field of a golden record names the record and the rule it stands by;
//! - a release holds nothing but fields its agreement names.

mod canonical;
mod catalogue;
mod code;
mod field;
mod identifier;
mod name;
mod partial_date;
mod record_key;
mod source_record;
mod version;

pub use canonical::{ContentHash, canonical_json};
pub use catalogue::{
    Authority, Cardinality, CatalogueError, Comparison, ConflictRule, FieldCatalogue, FieldDefinition, Sensitivity,
};
pub use code::{CodeList, CodeListError, CodeLists};
pub use field::{FieldName, FieldNameError, FieldValue};
pub use identifier::{Identifier, IdentifierKind, Pin, PinError};
pub use name::{NameLevel, compare_names, normalise_text};
pub use partial_date::{PartialDate, PartialDateError};
pub use record_key::{RecordKey, RecordKeyError, RowKey, SourceId};
pub use source_record::{ActReference, SourceRecord, Standing};
pub use version::Version;
