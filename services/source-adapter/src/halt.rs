//! Why a session with the source ends: for good, or to be tried again.

use crate::mapping::MappingFault;
use service_runtime::ExitClass;

/// Something at the source or in the configuration that a human has to change. Exit 78.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server is too old.
    #[error("the source runs PostgreSQL {0}; the adapter needs 15 or later")]
    ServerVersion(String),
    /// No logical decoding.
    #[error("the source has wal_level = {0}; set wal_level = logical in postgresql.conf and restart it")]
    WalLevel(String),
    /// The role may not replicate.
    #[error("role {0} may not replicate; run: alter role {0} replication")]
    RoleReplication(String),
    /// No such publication.
    #[error(
        "there is no publication {publication}; run: create publication {publication} for table {tables}"
    )]
    PublicationMissing {
        /// The publication.
        publication: String,
        /// The mapped tables.
        tables: String,
    },
    /// It leaves operations out.
    #[error(
        "publication {publication} does not publish {missing}; run: alter publication {publication} set (publish = '{wanted}')"
    )]
    PublicationOperations {
        /// The publication.
        publication: String,
        /// What it leaves out.
        missing: String,
        /// What it should publish.
        wanted: String,
    },
    /// It publishes partitions under their own names.
    #[error(
        "{table} is partitioned; run: alter publication {publication} set (publish_via_partition_root = true)"
    )]
    PartitionRoot {
        /// The table.
        table: String,
        /// The publication.
        publication: String,
    },
    /// A mapped table does not exist.
    #[error("the mapping names table {0}, which the source does not have (or the role does not see)")]
    TableMissing(String),
    /// A mapped table is not published.
    #[error(
        "publication {publication} does not cover {table}; run: alter publication {publication} add table {table}"
    )]
    TableUnpublished {
        /// The table.
        table: String,
        /// The publication.
        publication: String,
    },
    /// Rows are filtered on the way.
    #[error(
        "publication {publication} filters the rows of {table}; remove its WHERE: a row that leaves the filter would stay for ever"
    )]
    RowFilter {
        /// The table.
        table: String,
        /// The publication.
        publication: String,
    },
    /// The old row is not sent whole.
    #[error("{table} has no REPLICA IDENTITY FULL; run: alter table {table} replica identity full")]
    ReplicaIdentity {
        /// The table.
        table: String,
    },
    /// The snapshot could not read it.
    #[error("role {role} may not read {table}; run: grant select on {table} to {role}")]
    Privilege {
        /// The table.
        table: String,
        /// The role.
        role: String,
    },
    /// The mapping does not fit the tables.
    #[error("{0}")]
    Mapping(String),
    /// The slot is gone, and with it the changes since.
    #[error("the replication slot {slot} is lost ({why}), and with it the changes after the stored position; {}", reset(.source_name))]
    SlotLost {
        /// The slot.
        slot: String,
        /// How.
        why: String,
        /// The source.
        source_name: String,
    },
    /// Somebody moved the slot on.
    #[error("the replication slot {slot} stands at {slot_at}, ahead of the stored position {stored}: changes between them were given to somebody else; {}", reset(.source_name))]
    SlotAhead {
        /// The slot.
        slot: String,
        /// Where it stands.
        slot_at: String,
        /// What is stored.
        stored: String,
        /// The source.
        source_name: String,
    },
    /// A slot of that name that is not ours.
    #[error(
        "the replication slot {slot} belongs to {owner}; name another slot in the mapping, or drop this one"
    )]
    SlotForeign {
        /// The slot.
        slot: String,
        /// Plugin or database.
        owner: String,
    },
    /// A slot without a position.
    #[error("the replication slot {slot} exists, but no position of the source is stored: either it is somebody else's, or the topic of positions was lost; {}", reset(.source_name))]
    SlotWithoutPosition {
        /// The slot.
        slot: String,
        /// The source.
        source_name: String,
    },
    /// The mapping names another slot than the position.
    #[error("the stored position belongs to slot {stored}, the mapping names {mapped}; name the former again, or {}", reset(.source_name))]
    OtherSlot {
        /// The slot of the position.
        stored: String,
        /// The slot of the mapping.
        mapped: String,
        /// The source.
        source_name: String,
    },
    /// Another cluster.
    #[error("the dsn leads to the cluster with system id {found}, the stored position is of {stored}; correct source.dsn, or, if the source was moved there, {}", reset(.source_name))]
    WrongSystem {
        /// The stored id.
        stored: String,
        /// The found id.
        found: String,
        /// The source.
        source_name: String,
    },
    /// The source's log ends before the stored position.
    #[error("the source's log ends at {log_end}, before the stored position {stored}: it was restored or failed over; {}", reset(.source_name))]
    BeyondLog {
        /// Where it ends.
        log_end: String,
        /// What is stored.
        stored: String,
        /// The source.
        source_name: String,
    },
    /// The stream contradicts the stored position.
    #[error("{what}; {}", reset(.source_name))]
    Stream {
        /// How.
        what: String,
        /// The source.
        source_name: String,
    },
    /// The server says no to who we are or what we ask.
    #[error("the source refuses: {0}; correct source.dsn, source.password_file or the role's rights")]
    Server(String),
    /// Kafka or the schema registry say no.
    #[error("{0}")]
    Log(String),
}

fn reset(source: &str) -> String {
    format!("to capture the source anew, run: dansync source reset {source}")
}

/// How a session ended.
#[derive(Debug)]
pub enum Halt {
    /// Not before a human has changed something.
    Refused(Vec<Refusal>),
    /// Another instance is active.
    Standby(&'static str),
    /// Something is away, or has to be opened anew.
    Lost(anyhow::Error),
    /// What was asked for does not fit the source's types: asking again gives the same.
    Unfit(String),
}

impl Halt {
    /// To be tried again.
    pub fn lost(why: impl Into<String>) -> Self {
        Self::Lost(anyhow::Error::msg(why.into()))
    }

    /// As an error with its exit class, for commands that try once.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Refused(refusals) => {
                let text: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                anyhow::Error::msg(text.join("\n")).context(ExitClass::Configuration)
            }
            Self::Standby(why) => anyhow::Error::msg(why).context(ExitClass::Unavailable),
            Self::Lost(error) => error.context(ExitClass::Unavailable),
            Self::Unfit(why) => anyhow::Error::msg(why).context(ExitClass::BadData),
        }
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<Vec<MappingFault>> for Halt {
    fn from(faults: Vec<MappingFault>) -> Self {
        Self::Refused(faults.iter().map(|fault| Refusal::Mapping(fault.to_string())).collect())
    }
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        // Server messages may quote values of a row; code and place may not.
        let code = error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
        match code {
            Some(code) if code.starts_with("28") || ["3D000", "42501", "0A000"].contains(&code.as_str()) => {
                Refusal::Server(server_words(&error)).into()
            }
            Some(code) if code == "55006" => Self::Standby("the replication slot is in use"),
            // Data exceptions: a key that its column's type does not take.
            Some(code) if code.starts_with("22") => Self::Unfit(format!("source: SQLSTATE {code}")),
            Some(code) => Self::lost(format!("source: SQLSTATE {code}")),
            None => Self::Lost(anyhow::Error::new(error).context("source")),
        }
    }
}

/// A refusal's own words: those of classes 28, 3D, 42501 and 0A name roles, databases and features.
fn server_words(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(String::new, |e| e.message().to_owned())
}

impl From<pgwire_replication::PgWireError> for Halt {
    fn from(error: pgwire_replication::PgWireError) -> Self {
        let text = error.to_string();
        if text.contains("SQLSTATE 55006") {
            return Self::Standby("the replication slot is in use");
        }
        if error.is_server()
            && ["SQLSTATE 28", "SQLSTATE 3D000", "SQLSTATE 42501"].iter().any(|code| text.contains(code))
        {
            return Refusal::Server(text).into();
        }
        Self::Lost(anyhow::Error::new(error).context("replication stream"))
    }
}

impl From<event_log::ProducerError> for Halt {
    fn from(error: event_log::ProducerError) -> Self {
        match error {
            event_log::ProducerError::Configuration { .. } => Refusal::Log(error.to_string()).into(),
            event_log::ProducerError::Fenced { .. } => {
                Self::Standby("a younger instance took the source over")
            }
            event_log::ProducerError::Retry { .. }
            | event_log::ProducerError::Rebuild { .. }
            | event_log::ProducerError::TooLarge { .. } => Self::Lost(error.into()),
        }
    }
}

impl From<event_log::ReadTopicError> for Halt {
    fn from(error: event_log::ReadTopicError) -> Self {
        match error {
            event_log::ReadTopicError::Configuration { .. } => Refusal::Log(error.to_string()).into(),
            event_log::ReadTopicError::Unavailable { .. } => Self::Lost(error.into()),
        }
    }
}

impl From<event_log::AdminError> for Halt {
    fn from(error: event_log::AdminError) -> Self {
        match error {
            // A topic just made has no partitions until every broker has heard of it.
            event_log::AdminError::Unavailable { .. }
            | event_log::AdminError::Partitions { found: 0, .. } => Self::Lost(error.into()),
            event_log::AdminError::Configuration { .. }
            | event_log::AdminError::Refused { .. }
            | event_log::AdminError::Partitions { .. } => Refusal::Log(error.to_string()).into(),
        }
    }
}
