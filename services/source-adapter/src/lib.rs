//! The source adapter: what changes in a source database becomes records in Kafka, once each, in the source's commit order.
//!
//! The walk: [`postgres`] reads the stream or a snapshot, [`mapping`] makes records of rows, `batch` keeps the position that
//! belongs to them, `publish` makes bytes, `outbox` commits events and position in one Kafka transaction; only then is the
//! source told that it may forget.
//!
//! Laws kept here:
//! - a position is a transaction's end and is stored with the events before it, in one Kafka transaction; the slot is
//!   acknowledged after that, never before;
//! - what cannot be mapped is quarantined and marked in that same transaction, and blocks nobody;
//! - a snapshot that was interrupted begins anew under the next epoch; the stream begins where the snapshot stands;
//! - at most one instance has a source: it holds the claim, then the slot, then the transactional id, in that order;
//! - whatever may hide a loss (slot lost, moved by others, another cluster) ends in a refusal that names the way out.

pub mod batch;
mod capture;
mod chunk;
mod claim;
mod commands;
mod config;
mod context;
mod envelope;
mod halt;
pub mod mapping;
mod measure;
mod outbox;
mod position;
pub mod postgres;
mod preconditions;
mod publish;
mod redrive;
mod requests;
mod run;
mod session;
mod snapshot;

pub use commands::{
    AuditReport, AuditedTable, RedriveReport, RedriveScope, audit, redrive, redrive_is_done, reset,
};
pub use config::{Config, Limits, SourceConfig};
pub use halt::{Halt, Refusal};
pub use run::run;
