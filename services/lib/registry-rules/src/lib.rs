//! The rules of the population registry: which person a record belongs to, which value stands, who may have it.
//!
//! Pure: no clock, no I/O, no randomness, no logging, no hash-map iteration. What a rule needs (the business date, the
//! rule set, what stands in the store) is an argument; what it decides is returned with its reasons.
//!
//! Invariants kept here and proven by this crate's tests:
//! - attaching and merging are functions of the *set* of latest records, so order and repetition cannot matter;
//! - every field of a golden record names the record and the rule it stands by;
//! - a release holds nothing but fields its agreement names.

mod agreement;
mod agreement_reader;
mod attach;
mod canonical;
mod case;
mod catalogue;
mod claims;
mod code;
mod decision;
#[cfg(test)]
mod disclosure_tests;
mod facts;
mod field;
mod guard;
mod identifier;
mod ledger;
mod merge;
mod name;
mod partial_date;
mod person;
mod population;
mod record_key;
mod reference;
mod release;
mod source_record;
mod state_hash;
mod version;

pub use agreement::{
    Agreement, AgreementError, AgreementState, Column, ColumnContent, Environment, Mode, Title, Visibility,
};
pub use attach::{
    AttachRule, Attachment, Offer, PIN_REGISTER, PinRegister, RecordedLinks, RegisterEntry, accepted_anchor,
    anchor_of, attach, offer, register_entry, source_key,
};
pub use canonical::{ContentHash, canonical_json};
pub use case::{CaseFinding, CaseKind, CaseSubject, FingerprintKey};
pub use catalogue::{
    Authority, AuthorityRank, Cardinality, CatalogueError, Comparison, ConflictRule, FieldCatalogue,
    FieldDefinition, Sensitivity,
};
pub use code::{CodeList, CodeListError, CodeLists};
pub use decision::{Considered, Decision, DecisionError};
pub use facts::{PersonFacts, Tie, TieKind};
pub use field::{FieldName, FieldNameError, FieldValue};
pub use guard::{GuardViolation, covered, guard};
pub use identifier::{Identifier, IdentifierKind, Pin, PinError};
pub use ledger::{LedgerEntry, LedgerEvent, payload_hash};
pub use merge::{MergeInput, MergeOutcome, Prepared, facts, merge};
pub use name::{NameLevel, compare_names, normalise_text, tone_key, unaccented};
pub use partial_date::{PartialDate, PartialDateError};
pub use person::{
    Answer, AnswerKind, FieldState, Lifecycle, LinkEvent, LinkKind, PersonId, PersonImage, PinStanding,
    PinState, StandingField,
};
pub use population::{Condition, ConditionKind, Coverage, Population};
pub use record_key::{RecordKey, RecordKeyError, RowKey, SourceId};
pub use reference::{LedgerKey, MasterKey, MasterKeyError, ReferenceKey};
pub use release::{Release, ReleaseContext, ReleaseReason, release, release_hash};
pub use source_record::{ActReference, SourceRecord, Standing};
pub use state_hash::{StateHash, person_hash};
pub use version::Version;
