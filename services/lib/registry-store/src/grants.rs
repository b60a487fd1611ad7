//! The rights of the roles that use the registry; given by the database's owner, after [`crate::migrate`].

use crate::StoreError;
use sqlx::{AssertSqlSafe, PgPool};

/// Gives the reconciler's role what it needs and no more. It keeps history: what was received, published, linked and
/// answered it may add to and not change.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_reconciler(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    grant(
        owner,
        role,
        &[
            "grant usage on schema public to {role}",
            "grant select, insert, update, delete on all tables in schema public to {role}",
            "revoke update, delete on record_version, person_version, link, answer, record_former, present_history, secret_view from {role}",
            "revoke delete on scored_link, match_review from {role}",
            "revoke insert, update, delete on _sqlx_migrations from {role}",
            "grant execute on function index_record_latest() to {role}",
        ],
    )
    .await
}

/// Gives the capturing role sight of what is published.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_capture(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    grant(
        owner,
        role,
        &["grant usage on schema public to {role}", "grant select on person_version, link, answer to {role}"],
    )
    .await
}

/// Gives the steward console's role sight of the registry; it changes nothing in it.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_console(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    grant(
        owner,
        role,
        &["grant usage on schema public to {role}", "grant select on all tables in schema public to {role}"],
    )
    .await
}

/// All of them or none: between a grant and the revocation that narrows it nobody sees the wider right.
async fn grant(owner: &PgPool, role: &str, statements: &[&str]) -> Result<(), StoreError> {
    let mut transaction = owner.begin().await?;
    let role: String =
        sqlx::query_scalar("select quote_ident($1)").bind(role).fetch_one(&mut *transaction).await?;
    for statement in statements {
        // The only part made at run time was quoted by the server.
        sqlx::query(AssertSqlSafe(statement.replace("{role}", &role))).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
