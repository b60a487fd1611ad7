//! Connecting, and what the owner of the database does once: tables and rights.

use crate::StoreError;
use service_runtime::planning;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _};
use std::time::Duration;

/// A pool that has no free connection for so long is an outage.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// A pool; the server need not answer yet.
pub fn connect(options: PgConnectOptions, max_connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // One round trip less for each transaction: a broken connection shows at its first statement, and is an outage.
        .test_before_acquire(false)
        .connect_lazy_with(options.application_name("dansync-disclosure").options(planning::BY_KEY))
}

/// Makes or changes the tables; for the database's owner.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    Ok(MIGRATOR.run(pool).await?)
}

/// Whether the database has the tables of this version; a service asks at start, and never changes them.
pub async fn schema_is_current(pool: &PgPool) -> Result<bool, StoreError> {
    let exists: Option<String> =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations')::text").fetch_one(pool).await?;
    if exists.is_none() {
        return Ok(false);
    }
    let applied: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(pool).await?;
    Ok(MIGRATOR.iter().all(|migration| applied.contains(&migration.version)))
}

/// Gives a login role what a dispatcher needs and no more: agreements are read, the ledger is only added to.
pub async fn grant_dispatcher(pool: &PgPool, role: &str) -> Result<(), StoreError> {
    let role: String = sqlx::query_scalar("select quote_ident($1)").bind(role).fetch_one(pool).await?;
    for statement in [
        "grant usage on schema public to {role}",
        "grant select on agreement_version, agreement_field, agreement_state, _sqlx_migrations to {role}",
        "grant select, insert on ledger_entry to {role}",
        "grant select, insert, update on person_state, holding, delivery, consumer_position, lane, business_day, \
         backfill to {role}",
    ] {
        pool.execute(AssertSqlSafe(statement.replace("{role}", &role))).await?;
    }
    Ok(())
}
