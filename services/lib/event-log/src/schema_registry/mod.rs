//! The schema registry behind the Confluent API, and what is remembered of it on disk.

mod http;
mod memory;
mod registry;

pub use registry::{SchemaRegistry, SchemaRegistryConfig, SchemaRegistryError};

/// A schema's id at a registry: what the wire header carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

impl std::fmt::Display for SchemaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
