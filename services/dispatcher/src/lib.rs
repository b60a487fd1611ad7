//! From the population registry to the sectors: who may have what, and bringing it there.
//!
//! `registry.person` → [`authorise`](mod@authorise): person state, holdings and their difference, ledger → `lane`: guard,
//! topic or sector database → outcome. Two steps joined by the table `delivery` only; the second never asks the registry.
//!
//! Laws kept here:
//! - nothing is sent that is not on the ledger, under the version in force, and passed by the guard;
//! - a position moves only with its effects; an outcome is given once;
//! - a lane that fails, fails alone.

mod agreements;
mod authorise;
mod backfill;
mod compare;
mod comparer;
mod config;
mod database;
mod drift;
mod lane;
mod lanes;
mod manage;
mod marking;
mod metrics;
mod outgoing;
mod plan;
mod positions;
mod receiver;
mod review;
mod run;
mod sector;
mod topic;
mod wake;

pub use config::{Config, KeysConfig, SectorConfig, TopicsConfig};
pub use manage::{
    AgreementStatus, ImportError, StatusError, activate, agreement_status, catalogue, import_agreements,
    migrate, step,
};
pub use run::run;
pub use sector::{MappingError, SectorMapping};
