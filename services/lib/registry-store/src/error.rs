//! What can go wrong at the registry database.

/// An error of the store. Holds no value of any row: of the server's words only the message, never its detail.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refuses or is away.
    #[error("the registry database answers {code}: {reason}")]
    Database {
        /// SQLSTATE; `-` where the server said nothing.
        code: String,
        /// The server's message without detail, or the driver's.
        reason: String,
    },
    /// Another transaction was faster; the batch is to be tried again from its beginning.
    #[error("another transaction changed {0} meanwhile")]
    Overtaken(&'static str),
    /// What is stored cannot be read.
    #[error("the registry holds an unreadable {0}: restore it, or replay its topic")]
    Unreadable(&'static str),
    /// A question that would read more than one answer may hold.
    #[error("more than {limit} {what} belong to this question; ask about fewer")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that one question may read.
        limit: usize,
    },
    /// What is to be stored cannot be written.
    #[error("{0} cannot be encoded")]
    Unwritable(&'static str),
}

/// SQLSTATE of a row whose key another one has.
const UNIQUE_VIOLATION: &str = "23505";
/// SQLSTATEs of a transaction that lost against another one.
const CONTENTION: [&str; 3] = ["40001", "40P01", "55P03"];

impl StoreError {
    /// Whether the same transaction may succeed at once when repeated.
    pub fn is_contention(&self) -> bool {
        match self {
            Self::Overtaken(_) => true,
            Self::Database { code, .. } => CONTENTION.contains(&code.as_str()),
            Self::Unreadable(_) | Self::Unwritable(_) | Self::TooMany { .. } => false,
        }
    }

    /// Whether the database may come back: connection lost, shutting down, out of resources.
    pub fn is_unavailable(&self) -> bool {
        let Self::Database { code, .. } = self else {
            return false;
        };
        code == "-" || ["08", "53", "57"].iter().any(|class| code.starts_with(class))
    }
}

/// Reads a row that is there already as what it is where only new ones are written: another writer was faster.
pub(crate) fn overtaken(error: StoreError) -> StoreError {
    let is_taken = matches!(&error, StoreError::Database { code, .. } if code == UNIQUE_VIOLATION);
    if is_taken { StoreError::Overtaken("a record") } else { error }
}

impl From<sqlx::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the driver's other errors are about the connection")]
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => Self::Database {
                code: database.code().map_or_else(|| "-".to_owned(), Into::into),
                reason: database.message().to_owned(),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable("column"),
            other => Self::Database { code: "-".to_owned(), reason: other.to_string() },
        }
    }
}
