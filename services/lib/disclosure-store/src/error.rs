//! What a statement's failure means to its caller.

/// A failure of the disclosure database. Its text holds no value of a row.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The statement failed; see [`StoreError::is_contention`] and [`StoreError::is_outage`].
    #[error("disclosure database: {}", describe(.0))]
    Database(sqlx::Error),
    /// Migration failed.
    #[error("disclosure database: migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Stored content does not read back: not written by this program.
    #[error("disclosure database: {table}.{column} holds something that this version does not know")]
    Content {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// SQLSTATE and relation only: PostgreSQL's messages may quote values of the row.
fn describe(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!(
            "SQLSTATE {}{}",
            error.code().unwrap_or_default(),
            error.table().map(|t| format!(" on {t}")).unwrap_or_default()
        ),
        None => error.to_string(),
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StoreError {
    fn code(&self) -> Option<String> {
        match self {
            Self::Database(error) => error.as_database_error()?.code().map(std::borrow::Cow::into_owned),
            Self::Migration(_) | Self::Content { .. } => None,
        }
    }

    /// Lost against another transaction: run it again at once.
    pub fn is_contention(&self) -> bool {
        self.code().is_some_and(|code| code == "40001" || code == "40P01")
    }

    /// The server is away, starting, stopping or out of something: run it again later.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            ) => true,
            Self::Database(_) => self
                .code()
                .is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class))),
            Self::Migration(_) | Self::Content { .. } => false,
        }
    }
}
