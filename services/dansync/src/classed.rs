//! Which exit code the errors of the libraries mean to whoever runs a command.

use disclosure_store::ChangeError;
use dispatcher::{ImportError, StatusError};
use event_log::{AdminError, ProducerError, ReadTopicError, SchemaRegistryError};
use service_runtime::ExitClass;
use steward_console::{DecideError, DeskError, UserError};

use crate::failure::Verdict;

/// An error that knows its exit code.
pub(crate) trait Classed {
    /// The code's name, put before the error.
    fn class(&self) -> Class;

    /// What to do about it, where the error itself cannot know.
    fn way_out(&self) -> Option<&'static str> {
        None
    }
}

/// Which code an error ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// One of those that services have too.
    Exit(ExitClass),
    /// One that only commands have.
    Command(Verdict),
    /// 1: the error says it all.
    Plain,
}

const AWAY: Class = Class::Exit(ExitClass::Unavailable);
const CONFIGURATION: Class = Class::Exit(ExitClass::Configuration);
const BAD_DATA: Class = Class::Exit(ExitClass::BadData);

/// Gives a result's error its class.
pub(crate) trait ResultExt<T> {
    /// The value, or the error with its class as context.
    fn classed(self) -> anyhow::Result<T>;
}

impl<T, E: Classed + std::error::Error + Send + Sync + 'static> ResultExt<T> for Result<T, E> {
    fn classed(self) -> anyhow::Result<T> {
        self.map_err(|error| {
            let (class, way_out) = (error.class(), error.way_out());
            let error = anyhow::Error::new(error);
            let error = match way_out {
                Some(way_out) => error.context(way_out),
                None => error,
            };
            match class {
                Class::Exit(class) => error.context(class),
                Class::Command(verdict) => error.context(verdict),
                Class::Plain => error,
            }
        })
    }
}

/// What a server's SQLSTATE means: it is away, or whoever set it up has something to change.
fn of_sqlstate(code: &str) -> Class {
    // No such role, database, table or schema; a password or a right that is missing.
    const SETUP: [&str; 5] = ["3D000", "3F000", "42501", "42704", "42P01"];
    if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) {
        AWAY
    } else if code.starts_with("28") || SETUP.contains(&code) {
        CONFIGURATION
    } else {
        Class::Plain
    }
}

/// What to do where a server refuses what it was set up to refuse.
fn way_out_of(code: &str) -> Option<&'static str> {
    match code {
        "42501" => Some(
            "the role of this configuration may not do this; use the one that may (see `dansync migrate`)",
        ),
        "28P01" | "28000" => Some("the server refuses this role; look at dsn and password_file"),
        "3D000" => Some("the server has no such database; look at dsn"),
        "3F000" | "42P01" => {
            Some("the database has not the tables of this version; its owner runs `dansync migrate`")
        }
        _ => None,
    }
}

impl Classed for sqlx::Error {
    fn way_out(&self) -> Option<&'static str> {
        way_out_of(&self.as_database_error()?.code()?)
    }

    fn class(&self) -> Class {
        match self.as_database_error() {
            Some(error) => error.code().map_or(Class::Plain, |code| of_sqlstate(&code)),
            None if matches!(self, Self::Configuration(_)) => CONFIGURATION,
            None => AWAY,
        }
    }
}

impl Classed for registry_store::StoreError {
    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Database { code, .. } => way_out_of(code),
            Self::Overtaken(_) | Self::Unreadable(_) | Self::Unwritable(_) | Self::TooMany { .. } => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            // The driver alone speaks where no server answers.
            Self::Database { code, .. } if code == "-" => AWAY,
            Self::Database { code, .. } => of_sqlstate(code),
            Self::Overtaken(_) => Class::Command(Verdict::TryAgain),
            Self::Unreadable(_) => BAD_DATA,
            Self::Unwritable(_) => Class::Exit(ExitClass::Bug),
            Self::TooMany { .. } => Class::Plain,
        }
    }
}

impl Classed for disclosure_store::StoreError {
    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Database(error) => error.way_out(),
            Self::Migration(_) | Self::Content { .. } => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Database(error) => error.class(),
            Self::Migration(_) => CONFIGURATION,
            Self::Content { .. } => BAD_DATA,
        }
    }
}

impl Classed for ChangeError {
    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.way_out(),
            Self::Faults(_)
            | Self::VersionTaken { .. }
            | Self::Unknown(_)
            | Self::Step { .. }
            | Self::DropsMode(_) => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Faults(_) | Self::VersionTaken { .. } => BAD_DATA,
            Self::Unknown(_) => Class::Plain,
            Self::Step { .. } | Self::DropsMode(_) => Class::Command(Verdict::NotPermitted),
            Self::Store(error) => error.class(),
        }
    }
}

impl Classed for ImportError {
    fn class(&self) -> Class {
        match self {
            Self::File { .. } => BAD_DATA,
            Self::Refused { source, .. } => source.class(),
        }
    }
}

impl Classed for StatusError {
    fn class(&self) -> Class {
        match self {
            Self::Store(error) => error.class(),
            Self::Read(error) if error.is_transient() => AWAY,
            Self::Read(_) => BAD_DATA,
        }
    }
}

impl Classed for DeskError {
    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Registry(error) => error.way_out(),
            Self::Disclosure(error) => error.way_out(),
            Self::Console(error) => error.way_out(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Registry(error) => error.class(),
            Self::Disclosure(error) => error.class(),
            Self::Console(error) => error.class(),
        }
    }
}

impl Classed for DecideError {
    fn class(&self) -> Class {
        match self {
            Self::NotAllowed | Self::SamePerson => Class::Command(Verdict::NotPermitted),
            Self::Changed | Self::Claimed | Self::Held => Class::Command(Verdict::TryAgain),
            Self::NotOpen
            | Self::NotTakeable
            | Self::Kind
            | Self::Record
            | Self::Other
            | Self::Question
            | Self::NoEffect
            | Self::UnknownDecision
            | Self::TakenBack
            | Self::WindowOver
            | Self::Undone
            | Self::NoProposal
            | Self::Reason => Class::Plain,
            Self::Desk(error) => error.class(),
        }
    }
}

impl Classed for UserError {
    fn class(&self) -> Class {
        match self {
            Self::Unknown => Class::Command(Verdict::NotPermitted),
            Self::Name | Self::Role | Self::Password(_) => Class::Plain,
            Self::Database(error) => error.class(),
        }
    }
}

impl Classed for ReadTopicError {
    fn class(&self) -> Class {
        match self {
            Self::Configuration { .. } => CONFIGURATION,
            Self::Unavailable { .. } => AWAY,
        }
    }
}

impl Classed for AdminError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. } => AWAY,
            Self::Configuration { .. } | Self::Refused { .. } | Self::Partitions { .. } => CONFIGURATION,
        }
    }
}

impl Classed for ProducerError {
    fn class(&self) -> Class {
        match self {
            Self::Configuration { .. } => CONFIGURATION,
            Self::Retry { .. } | Self::Rebuild { .. } | Self::Fenced { .. } => AWAY,
            Self::TooLarge { .. } => BAD_DATA,
        }
    }
}

impl Classed for SchemaRegistryError {
    fn class(&self) -> Class {
        match self {
            Self::Away { .. } => AWAY,
            Self::Refused { .. } | Self::Unknown { .. } => CONFIGURATION,
            Self::Schema { .. } => BAD_DATA,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_was_set_up_to_refuse_has_a_way_out() {
        for code in ["3D000", "3F000", "42501", "42P01", "28P01", "28000"] {
            assert!(way_out_of(code).is_some() && of_sqlstate(code) == CONFIGURATION, "{code}");
        }
        let refused =
            registry_store::StoreError::Database { code: "42501".to_owned(), reason: String::new() };
        let text = format!("{:#}", Err::<(), _>(refused).classed().unwrap_err());
        assert!(text.contains("may not do this"), "{text}");
    }

    #[test]
    fn a_server_that_is_away_is_not_one_that_is_set_up_wrong() {
        for (code, class) in [
            ("08006", AWAY),
            ("57P03", AWAY),
            ("53300", AWAY),
            ("28P01", CONFIGURATION),
            ("42501", CONFIGURATION),
            ("42P01", CONFIGURATION),
            ("23505", Class::Plain),
        ] {
            assert_eq!(of_sqlstate(code), class, "{code}");
        }
        assert_eq!(sqlx::Error::PoolTimedOut.class(), AWAY);
        let silent = registry_store::StoreError::Database { code: "-".to_owned(), reason: String::new() };
        assert_eq!(silent.class(), AWAY);
    }
}
