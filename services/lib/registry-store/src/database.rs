//! Opens the database and brings its schema up to date.

use crate::StoreError;
use service_runtime::planning;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

static MIGRATOR: Migrator = sqlx::migrate!();

/// A caller that gets no connection within this time sees the database as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements of one program are few; each connection keeps them prepared.
const STATEMENTS: usize = 256;

/// Opens a pool; connections are made when first needed.
pub fn connect(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let options = options
        .application_name("dansync-registry")
        .statement_cache_capacity(STATEMENTS)
        .options(planning::BY_KEY);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options);
    Ok(pool)
}

/// Makes or updates the schema; several instances may do so at once.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    MIGRATOR
        .run(pool)
        .await
        .map_err(|error| StoreError::Database { code: "-".to_owned(), reason: error.to_string() })
}
