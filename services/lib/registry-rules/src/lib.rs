//! The rules of the population registry: which person a record belongs to, which value stands, who may have it.
//!
//! Pure: no clock, no I/O, no randomness, no logging, no hash-map iteration. What a rule needs (the business date, the
//! rule set, what stands in the store) is an argument; what it decides is returned with its reasons.
//!
//! Invariants kept here and proven by this crate's tests:
//! - attaching and merging are functions of the *set* of latest records, so order and repetition cannot matter;
//! - every field of a golden record names the record and the rule it stands by;
//! - a release holds nothing but fields its agreement names.

mod adoption;
mod agreement;
mod agreement_reader;
mod attach;
mod authority;
mod canonical;
mod case;
mod case_clock;
mod case_life;
mod catalogue;
mod catalogue_diff;
mod catalogue_reader;
mod claims;
mod code;
mod code_file;
mod cohort;
mod confusion;
mod contradiction;
mod decision;
mod decision_links;
#[cfg(test)]
mod decision_links_tests;
mod digits;
#[cfg(test)]
mod disclosure_tests;
mod error_report;
#[cfg(test)]
mod error_report_tests;
mod explain;
mod facts;
mod field;
mod guard;
mod identifier;
mod identity_decision;
mod known;
mod ledger;
mod merge;
mod name;
mod numbers;
mod on_day;
mod orphan;
mod partial_date;
mod person;
mod pin_register;
mod population;
#[cfg(test)]
mod question_tests;
mod record_key;
mod reference;
mod rehearse;
mod relatives;
mod release;
mod report_refusal;
mod resemblance;
mod source_record;
mod stale_link;
mod stands_for;
mod state_hash;
mod unit;
mod version;
mod working_days;

pub use adoption::{FamilySecret, family_secret};
pub use agreement::{
    Agreement, AgreementError, AgreementState, Column, ColumnContent, Environment, Mode, Title, Visibility,
};
pub use attach::{AttachRule, Attachment, Offer, RecordedLinks, apart, attach, offer, source_key};
pub use authority::{Authority, AuthorityRank, AuthorityRule, Cohort, Effect, Ground};
pub use canonical::{ContentHash, canonical_json};
pub use case::{CaseFinding, CaseKind, CaseSubject, FingerprintKey, severity};
pub use case_clock::{CaseClock, CaseClocks, ClockBasis};
pub use case_life::{CaseEvent, CaseLife, CaseState, Ended, Handling};
pub use catalogue::{
    Cardinality, Comparison, ConflictRule, FieldCatalogue, FieldDefinition, Owner, Sensitivity,
};
pub use catalogue_diff::{Difference, differences};
pub use catalogue_reader::CatalogueError;
pub use code::{CodeList, CodeListError, CodeLists, CodeName, Lead, Period};
pub use confusion::marked_confusions;
pub use contradiction::contradiction;
pub use decision::{Considered, Decision, DecisionError};
pub use decision_links::{Rulings, in_force};
pub use digits::NumberRule;
pub use error_report::{
    CITIZEN, ErrorReport, FEEDBACK, Fault, ReportError, Reported, refused_record, reports_among,
};
pub use explain::{Explained, ExplainedDecision, Explanation, Verdict, explain};
pub use facts::{PersonFacts, Tie, TieKind};
pub use field::{FieldName, FieldNameError, FieldValue};
pub use guard::{GuardViolation, covered, guard};
pub use identifier::{Identifier, IdentifierKind, Pin, PinError};
pub use identity_decision::{IDENTITY_DECISION, IdentityDecision, NamedRecord, Ruling, RulingKind, asked};
pub use known::{
    Known, KnownPerson, MAX_TIES, STEWARD, Terms, decisions_about, offered_keys, relation_group,
};
pub use ledger::{LedgerEntry, LedgerEvent, payload_hash};
pub use merge::{MergeInput, MergeOutcome, Prepared, facts, merge};
pub use name::{NameLevel, compare_names, normalise_text, tone_key, unaccented};
pub use partial_date::{PartialDate, PartialDateError};
pub use person::{
    Answer, AnswerKind, FieldState, Lifecycle, LinkEvent, LinkKind, PersonId, PersonImage, PinStanding,
    PinState, StandingField,
};
pub use pin_register::{PIN_REGISTER, PinRegister, RegisterEntry, anchor_of, register_entry};
pub use population::{Condition, ConditionKind, Coverage, Population};
pub use record_key::{RecordKey, RecordKeyError, RowKey, SourceId};
pub use reference::{LedgerKey, MasterKey, MasterKeyError, ReferenceKey};
pub use rehearse::{FieldDifference, Rehearsal};
pub use release::{Release, ReleaseContext, ReleaseReason, release, release_hash};
pub use report_refusal::Refusal;
pub use resemblance::{Resemblance, resemblances};
pub use source_record::{ActReference, SourceRecord, Standing};
pub use stale_link::{considered, evidence, questions_of_rulings, stale_links};
pub use stands_for::StandsFor;
pub use state_hash::{StateHash, person_hash};
pub use version::Version;
pub use working_days::{CalendarError, DueDay, LONGEST_CLOCK, WorkingCalendar, due_on};
