//! Loading: the file, the environment over it, then one reading that collects every fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use toml::de::DeTable;

use super::fault::{ConfigFault, ConfigFaults};
use super::lines::Lines;
use super::read;

/// What overriding variables begin with.
const PREFIX: &str = "DANSYNC";

/// Between the section and the key in a variable's name.
const SEPARATOR: &str = "__";

/// Hexadecimal digits of the hash that are shown: enough to tell configurations apart.
const HASH_DIGITS: usize = 12;

/// A configuration and what identifies it.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The configuration.
    pub config: T,
    /// Hash over the effective keys and values (secrets by their path only), for `dansync_config_info`.
    pub hash: String,
}

/// The process's environment, as far as it is text.
pub fn environment() -> BTreeMap<String, String> {
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Loads a configuration from `path` and the process's environment.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigFaults> {
    load_with_environment(path, environment()).map(|loaded| loaded.config)
}

/// Loads a configuration from `path` and the given environment, with its hash.
pub fn load_with_environment<T: DeserializeOwned>(
    path: &Path,
    environment: BTreeMap<String, String>,
) -> Result<Loaded<T>, ConfigFaults> {
    let file = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigFault::new(
            "",
            format!("the configuration file {file} cannot be read: {error}; name another with --config"),
        )
    })?;
    let lines = parse(&text, path)?;
    let values = merge(&text, environment).map_err(|error| ConfigFault::new("", error.to_string()))?;
    let config = read::read(&values).map_err(|faults| {
        let placed = faults.into_iter().map(|(path, reason)| ConfigFault {
            place: Some(place(&values, &lines, &path)),
            path: path.join("."),
            reason,
        });
        placed.collect::<ConfigFaults>()
    })?;
    Ok(Loaded { config, hash: hash_of(&values) })
}

/// Where each key stands, or every fault of the file's syntax.
fn parse<'t>(text: &'t str, path: &Path) -> Result<Lines, ConfigFaults> {
    let file = path.display().to_string();
    let (table, errors): (toml::Spanned<DeTable<'t>>, _) = DeTable::parse_recoverable(text);
    let lines = Lines::new(file, text, table.get_ref());
    let faults = errors.iter().map(|error| ConfigFault {
        path: String::new(),
        place: Some(lines.place_at(error.span().map_or(0, |span| span.start))),
        reason: format!("not TOML: {}", error.message()),
    });
    faults.collect::<ConfigFaults>().into_result().map(|()| lines)
}

fn merge(text: &str, environment: BTreeMap<String, String>) -> Result<Value, config::ConfigError> {
    let overrides: Map<String, String> =
        environment.into_iter().filter(|(name, _)| is_override(name)).collect();
    let environment =
        Environment::with_prefix(PREFIX).prefix_separator("_").separator(SEPARATOR).source(Some(overrides));
    let merged = Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build()?;
    Ok(merged.cache)
}

/// Names without the separator (`DANSYNC_LOG`) belong to other parts of the program.
fn is_override(name: &str) -> bool {
    let key = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_'));
    key.is_some_and(|key| key.contains(SEPARATOR))
}

fn place(values: &Value, lines: &Lines, path: &[String]) -> String {
    if read::is_from_environment(values, path) {
        return format!("environment {PREFIX}_{}", path.join(SEPARATOR).to_uppercase());
    }
    lines.place_of(path)
}

fn hash_of(values: &Value) -> String {
    let mut text = String::new();
    write_canonical(values, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let mut hash = String::new();
    for byte in digest {
        // Writing to a String cannot fail.
        write!(hash, "{byte:02x}").ok();
    }
    hash.truncate(HASH_DIGITS);
    hash
}

fn write_canonical(value: &Value, text: &mut String) {
    match &value.kind {
        ValueKind::Table(table) => {
            let sorted: BTreeMap<_, _> = table.iter().collect();
            text.push('{');
            for (key, value) in sorted {
                write!(text, "{key:?}:").ok();
                write_canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        ValueKind::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        ValueKind::String(string) => {
            write!(text, "{string:?}").ok();
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => {
            write!(text, "{}", value.kind).ok();
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
