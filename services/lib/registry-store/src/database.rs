//! Opens the database and brings its schema up to date.

use crate::StoreError;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

static MIGRATOR: Migrator = sqlx::migrate!();

/// A caller that gets no connection within this time sees the database as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Every statement of the merge finds rows by keys that the program gives in arrays. One plan serves arrays of any length,
/// and it must be the plan for large tables even while they are empty: a plan made before the first load would read whole
/// tables through all of it.
const PLANNING: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Hardly any key is looked up twice by one statement: remembering what was found only costs.
    ("enable_memoize", "off"),
    ("jit", "off"),
];
/// Statements of one program are few; each connection keeps them prepared.
const STATEMENTS: usize = 256;

/// Opens a pool; connections are made when first needed.
pub fn connect(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let options =
        options.application_name("dansync-registry").statement_cache_capacity(STATEMENTS).options(PLANNING);
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
