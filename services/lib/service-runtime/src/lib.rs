//! What every service needs and none should write again: configuration, logs, metrics, the admin port, named tasks,
//! one drain signal, retry with backoff, a clock, and points at which a test may end the process.
//!
//! A service is `pub fn run(config: Config, runtime: Runtime) -> Running`. It spawns its tasks with
//! [`Tasks::spawn`], marks its readiness checks, and ends with `runtime.tasks.join().await`, which waits for the drain
//! and then for all tasks. Its `Config` holds `pub admin: AdminConfig` (`#[serde(default)]`): the binary serves that port.

pub mod admin;
pub mod backoff;
pub mod clock;
pub mod config;
pub mod crash;
pub mod drain;
pub mod exit;
mod identifier;
pub mod logging;
pub mod metrics;
pub mod panics;
pub mod planning;
pub mod readiness;
pub mod runtime;
pub mod tasks;

pub use admin::AdminConfig;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{ByteSize, ConfigFaults, DatabaseConfig, HumanDuration, SecretFile};
pub use drain::Drain;
pub use exit::ExitClass;
pub use identifier::quoted_identifier;
pub use metrics::Metrics;
pub use readiness::{Detail, Readiness};
pub use runtime::{Running, Runtime};
pub use tasks::{Fate, Tasks};
