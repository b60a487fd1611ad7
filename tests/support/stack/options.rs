//! What may be asked of the stack, and where to find parts that somebody else runs.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

/// How to start the stack. The default is what the demo uses: durable, one broker, free ports, everything our own.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackOptions {
    /// PostgreSQL waits for the disk at each commit (fsync). Off only where nothing tests durability.
    pub durable: bool,
    /// Kafka nodes: 1, or 3 with three copies of which two must be written.
    pub kafka_nodes: u8,
    /// Ports by name; the others are free ones.
    pub ports: NamedPorts,
    /// Parts that already run.
    pub external: External,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { durable: true, kafka_nodes: 1, ports: NamedPorts::default(), external: External::default() }
    }
}

impl StackOptions {
    /// Reads options from a TOML file such as `deploy/local/stack.toml`.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", file.display()))
    }
}

/// Ports asked for by name, on 127.0.0.1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamedPorts {
    /// Kafka's first node.
    pub kafka: Option<u16>,
    /// The schema registry.
    pub schema_registry: Option<u16>,
    /// The agencies' cluster.
    pub agencies: Option<u16>,
    /// The registry's cluster.
    pub registry: Option<u16>,
    /// The sectors' cluster.
    pub sectors: Option<u16>,
}

/// Addresses of parts that already run; each is optional, and what is not named is started here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct External {
    /// `host:port,…` of Kafka brokers.
    pub kafka: Option<String>,
    /// Address of a registry with the Confluent API, such as `http://127.0.0.1:8081/apis/ccompat/v7`.
    pub schema_registry: Option<String>,
    /// Cluster of the four agencies' databases.
    pub agencies: Option<ExternalCluster>,
    /// Cluster of the registry, disclosure and console databases.
    pub registry: Option<ExternalCluster>,
    /// Cluster of the sectors' databases.
    pub sectors: Option<ExternalCluster>,
}

/// A PostgreSQL cluster somebody else runs: version 15 or later, `wal_level = logical`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalCluster {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// A role that may make databases and roles.
    pub administrator: String,
    /// The file with its password, if it needs one.
    pub password_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::StackOptions;

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/local/stack.toml");

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = StackOptions::load(Path::new(SHIPPED)).unwrap();
        assert_eq!(format!("{shipped:?}"), format!("{:?}", StackOptions::default()));
    }

    #[test]
    fn the_shipped_file_is_understood_with_every_line_taken_in() {
        let text = std::fs::read_to_string(SHIPPED).unwrap();
        let is_setting = |line: &str| line.contains(" = ") || line.starts_with('[') && line.ends_with(']');
        let lines =
            text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
        let all: StackOptions = toml::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap();
        assert_eq!(all.ports.sectors, Some(5435));
        assert_eq!(all.external.agencies.unwrap().administrator, "postgres");
        assert!(all.external.schema_registry.is_some());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = toml::from_str::<StackOptions>("durabel = true").unwrap_err();
        assert!(error.to_string().contains("durabel"), "{error}");
    }
}
