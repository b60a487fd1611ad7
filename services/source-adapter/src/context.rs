//! What all sessions of one adapter share.

use crate::config::Config;
use crate::mapping::{Mapping, MappingFault};
use crate::measure::Measures;
use anyhow::Context as _;
use event_log::{SchemaRegistry, SnapshotState, SourcePosition};
use registry_rules::CodeLists;
use service_runtime::{ExitClass, Runtime};
use std::path::Path;

/// Configuration and mapping, read and checked once.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) mapping: Mapping,
    pub(crate) registry: SchemaRegistry,
    pub(crate) measures: Measures,
    pub(crate) runtime: Runtime,
}

impl Context {
    pub(crate) fn new(config: Config, runtime: Runtime) -> anyhow::Result<Self> {
        let mapping = load_mapping(&config)?;
        let measures = Measures::new(&runtime.metrics, &mapping, config.source.expected_interval.get());
        let registry = SchemaRegistry::new(&config.schema_registry);
        Ok(Self { config, mapping, registry, measures, runtime })
    }

    pub(crate) fn slot(&self) -> &str {
        &self.mapping.file().slot
    }

    /// The id by which a younger instance fences an older one.
    pub(crate) fn transactional_id(&self) -> String {
        transactional_id(&self.config, &self.mapping)
    }

    /// A position as it is stored.
    pub(crate) fn position(&self, epoch: u32, system_id: &str) -> SourcePosition {
        SourcePosition {
            source: self.mapping.source().to_owned(),
            epoch,
            position: 0,
            part: 0,
            system_id: system_id.to_owned(),
            slot: self.slot().to_owned(),
            snapshot: None,
            mapping_version: self.mapping.file().mapping_version,
            updated_at: self.runtime.clock.now(),
        }
    }
}

/// The state of a snapshot that has begun, or is asked for: the next start begins it under the next epoch.
pub(crate) const fn incomplete_snapshot() -> SnapshotState {
    SnapshotState { consistent_point: 0, tables: Vec::new(), truncated: Vec::new() }
}

pub(crate) fn transactional_id(config: &Config, mapping: &Mapping) -> String {
    format!("{}adapter.{}", config.kafka.topic_prefix, mapping.source())
}

/// Reads the mapping and the code lists that it names.
pub(crate) fn load_mapping(config: &Config) -> anyhow::Result<Mapping> {
    let mut texts = Vec::new();
    let codes = &config.source.codes;
    let entries = std::fs::read_dir(codes)
        .with_context(|| format!("source.codes: {} cannot be read", codes.display()))
        .context(ExitClass::Configuration)?;
    for entry in entries {
        let path = entry.context("source.codes")?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            texts.push(read(&path)?);
        }
    }
    let lists = CodeLists::parse(texts.iter().map(String::as_str))
        .map_err(|faults| joined("source.codes", faults.iter().map(ToString::to_string)))?;
    let text = read(&config.source.mapping)?;
    Mapping::parse(&text, &lists).map_err(|faults| {
        joined(&config.source.mapping.display().to_string(), faults.iter().map(MappingFault::to_string))
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))
        .context(ExitClass::Configuration)
}

fn joined(place: &str, faults: impl Iterator<Item = String>) -> anyhow::Error {
    let faults: Vec<String> = faults.collect();
    anyhow::Error::msg(format!("{place}:\n{}", faults.join("\n"))).context(ExitClass::Configuration)
}
