//! The real parts on one machine: three PostgreSQL clusters, Kafka and Apicurio, started as own processes on free loopback
//! ports under one state directory, or taken from elsewhere by configuration.
//!
//! The processes end with the program that started them, however it ends.

mod apicurio;
mod artefacts;
mod kafka;
mod kafka_fence;
mod kafka_metadata;
mod options;
mod ports;
mod postgres;
mod postgres_crash;
mod postgres_roles;
mod postgres_server;
mod process;
mod scratch;
pub mod secret;
mod shared;
mod start;
mod user;

pub use apicurio::Apicurio;
pub use artefacts::{Artefacts, cache_folder};
pub use kafka::Kafka;
pub use options::{External, ExternalCluster, NamedPorts, StackOptions};
pub use ports::free_port;
pub use postgres::PostgresCluster;
pub use postgres_roles::Role;
pub use process::{Launch, Process};
pub use scratch::Scratch;
pub use shared::{ExclusiveStack, SharedStack, exclusive, shared};
pub use start::Stack;
