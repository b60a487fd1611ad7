//! The steward console: where people decide what the rules cannot (design §3, Case and Decision).
//!
//! The pages and the commands `dansync case …` share the same functions: [`list_cases`], [`show_case`], [`decide`], [`undo`],
//! [`end_proposal`], [`reverse`], [`case_trail`]. Cases and values are read from the registry; a decision is a row in the
//! console's own database, inserted together with its audit entry when undo window ([`record_due`]) and second approval are
//! over, and reaches the registry as any record does: captured as source `steward` (`deploy/sources/steward.toml`). The
//! console writes nothing to the registry.
//!
//! The pages are rendered here, work without script and load nothing from elsewhere.

mod access;
mod audit;
mod config;
mod database;
mod desk;
mod difference;
mod language;
mod metrics;
mod pages;
mod rules;
mod run;
mod vocabulary;

pub use access::password::PasswordError;
pub use access::user::{Role, UserError, ensure_user};
pub use audit::{Actor, Channel};
pub use config::{Config, SessionConfig};
pub use database::{grant_to_capture, grant_to_console, migrate};
pub use desk::{
    Action, CaseLine, CaseList, CaseSheet, Claim, DecideError, DecideRequest, Decided, DecisionRow, Desk,
    DeskError, HeldDecision, IdentityRow, NotTakeable, PageRequest, PersonLine, Proposal, ProposalEnd,
    Question, RecordedDecision, ReportLine, ReverseRequest, RuleAction, ShownRecord, Statement, TrailEntry,
    UndoWindow, WhoDecided, case_trail, claim, closed_case, command_actor, cursor_text, decide, end_proposal,
    list_cases, parse_cursor, record_due, release, reverse, show_case, undo, who_decided,
};
pub use difference::Difference;
pub use registry_store::CaseCursor;
pub use run::run;
