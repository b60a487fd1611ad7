//! What an error means to whoever started the process: the exit codes that outside programs rely on.

use std::fmt;

use crate::config::{ConfigFault, ConfigFaults};

/// The class of a failure. Attach it as context, `Err(error).context(ExitClass::Unavailable)`: the binary finds it
/// by downcasting, however deep it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitClass {
    /// The configuration, or what it names at a database or broker, is not as it must be: a human changes it.
    Configuration,
    /// A dependency does not answer: try again later.
    Unavailable,
    /// The input data is not as promised.
    BadData,
    /// An invariant of our own does not hold.
    Bug,
}

impl ExitClass {
    /// The process's exit code (the values of `sysexits.h`).
    pub const fn code(self) -> u8 {
        match self {
            Self::BadData => 65,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Configuration => 78,
        }
    }

    /// The exit code for an error: its class, 78 for configuration faults, else 1.
    pub fn code_of(error: &anyhow::Error) -> u8 {
        if let Some(class) = error.downcast_ref::<Self>() {
            return class.code();
        }
        if error.downcast_ref::<ConfigFaults>().is_some() || error.downcast_ref::<ConfigFault>().is_some() {
            return Self::Configuration.code();
        }
        1
    }
}

impl fmt::Display for ExitClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "the configuration does not fit",
            Self::Unavailable => "a dependency is unavailable",
            Self::BadData => "the data is not as promised",
            Self::Bug => "a fault in dansync itself",
        })
    }
}

impl std::error::Error for ExitClass {}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_class_is_found_however_deep_it_stands() {
        let error: anyhow::Result<()> = Err(anyhow!("no route")).context(ExitClass::Unavailable);
        let error = error.context("opening the registry").unwrap_err();
        assert_eq!(ExitClass::code_of(&error), 69);
    }

    #[test]
    fn a_class_can_be_the_cause_itself_and_no_class_is_1() {
        assert_eq!(ExitClass::code_of(&anyhow::Error::new(ExitClass::Bug).context("merge")), 70);
        assert_eq!(ExitClass::code_of(&anyhow!("plain")), 1);
    }

    #[test]
    fn configuration_faults_are_78_without_a_class() {
        let faults = ConfigFaults::from(ConfigFault::new("kafka.bootstrap", "missing"));
        assert_eq!(ExitClass::code_of(&anyhow::Error::new(faults)), 78);
    }
}
