//! Configuration: a TOML file, then the environment over it, checked as a whole before anything starts.
//!
//! `DANSYNC_SECTION__KEY` replaces `key` in `[section]`, deeper levels by further `__`; variables without `__` are no
//! overrides. Nothing is interpolated. Secrets are files. Durations and sizes carry their unit. A key that the
//! service does not know is a fault, and all faults are reported at once, each with its place.

mod database;
mod fault;
mod lines;
mod load;
mod node;
mod read;
mod read_error;
mod secret;
mod units;

pub use database::{DatabaseConfig, Dsn};
pub use fault::{ConfigFault, ConfigFaults};
pub use load::{Loaded, environment, load, load_with_environment};
pub use secret::SecretFile;
pub use units::{ByteSize, HumanDuration};
