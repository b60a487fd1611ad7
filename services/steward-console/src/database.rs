//! The console's own database: opening it, its tables, and the rights of the roles that use it.

use secrecy::ExposeSecret as _;
use service_runtime::DatabaseConfig;
use sqlx::AssertSqlSafe;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// A page that waits longer for a connection is answered with "unavailable": a person is waiting.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A statement that runs longer is ended by the server: every query of the console reads one page.
const STATEMENT_LIMIT: (&str, &str) = ("statement_timeout", "10s");

/// A pool for a database that need not answer yet.
pub(crate) fn pool(config: &DatabaseConfig) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = config.url().expose_secret().parse()?;
    let options = options.application_name("dansync-steward-console").options([STATEMENT_LIMIT]);
    Ok(PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(LONGEST_WAIT)
        .connect_lazy_with(options))
}

/// Makes the console's tables, or brings them up to date. Run by the database's owner, not by the console's own role.
///
/// # Errors
/// When the database does not answer or a migration differs from the one applied.
pub async fn migrate(owner: &PgPool) -> Result<(), MigrateError> {
    MIGRATIONS.run(owner).await
}

/// Gives the console's role what it needs and no more: decisions and audit entries it can only add.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_console(owner: &PgPool, role: &str) -> Result<(), sqlx::Error> {
    let (database, role) = quoted(owner, role).await?;
    for statement in [
        format!("grant connect on database {database} to {role}"),
        format!("grant usage on schema console to {role}"),
        format!("grant select on console.steward_user to {role}"),
        format!("grant select, insert, update, delete on console.session, console.sign_in_failure to {role}"),
        format!(
            "grant select, insert on console.decision, console.identity_decision, console.case_decision to {role}"
        ),
        format!("grant select, insert on console.proposal, console.proposal_outcome to {role}"),
        format!("grant select, insert on console.held_decision, console.held_outcome to {role}"),
        format!("grant select, insert, delete on console.held_now to {role}"),
        format!("grant select, insert, update, delete on console.case_claim to {role}"),
        format!("grant insert on console.audit to {role}"),
        // Why something was decided is read beside the decision; who looked at what is not.
        format!("grant select (decision_id, identity_decision_id, reason) on console.audit to {role}"),
    ] {
        // The only part made at run time was quoted by the server.
        sqlx::query(AssertSqlSafe(statement)).execute(owner).await?;
    }
    Ok(())
}

/// Gives the capturing role sight of the decisions.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_capture(owner: &PgPool, role: &str) -> Result<(), sqlx::Error> {
    let (database, role) = quoted(owner, role).await?;
    for statement in [
        format!("grant connect on database {database} to {role}"),
        format!("grant usage on schema console to {role}"),
        format!("grant select on console.decision, console.identity_decision to {role}"),
    ] {
        // The only part made at run time was quoted by the server.
        sqlx::query(AssertSqlSafe(statement)).execute(owner).await?;
    }
    Ok(())
}

/// The database's name and the role's, ready to stand in a statement.
async fn quoted(owner: &PgPool, role: &str) -> Result<(String, String), sqlx::Error> {
    sqlx::query_as("select quote_ident(current_database()), quote_ident($1)")
        .bind(role)
        .fetch_one(owner)
        .await
}

/// Whether the tables are there.
pub(crate) async fn is_migrated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regclass('console.held_now') is not null").fetch_one(pool).await
}

/// SQLSTATE classes that waiting does not change: wrong password or role, no such database, no right.
const LASTING: [&str; 3] = ["28", "3D", "42"];

/// Whether an error says that the database, or the role's rights in it, are not as they must be.
pub(crate) fn is_lasting(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| LASTING.iter().any(|class| code.starts_with(class)))
}
