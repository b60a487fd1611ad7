//! What is wrong in a configuration, in full.

use std::fmt;

/// One fault: where, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct ConfigFault {
    /// Dotted path of the key; empty for the whole file.
    pub path: String,
    /// The file with its line, or the environment variable.
    pub place: Option<String>,
    /// What is wrong and what would be right. Never the value of a secret.
    pub reason: String,
}

impl ConfigFault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), place: None, reason: reason.into() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

/// All faults of a configuration. A service that checks more than types may collect its own:
/// `faults.require(condition, path, reason)` and at the end `faults.into_result()?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFaults {
    faults: Vec<ConfigFault>,
}

impl ConfigFaults {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, fault: ConfigFault) {
        self.faults.push(fault);
    }

    /// A fault at `path` unless `condition` holds.
    pub fn require(&mut self, condition: bool, path: &str, reason: &str) {
        if !condition {
            self.push(ConfigFault::new(path, reason));
        }
    }

    /// The faults so far.
    pub fn as_slice(&self) -> &[ConfigFault] {
        &self.faults
    }

    /// `Err` when there is any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.faults.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<ConfigFault> for ConfigFaults {
    fn from(fault: ConfigFault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl FromIterator<ConfigFault> for ConfigFaults {
    fn from_iter<I: IntoIterator<Item = ConfigFault>>(faults: I) -> Self {
        Self { faults: faults.into_iter().collect() }
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s)", self.faults.len())?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}
