//! The rights of those who manage agreements; the dispatcher's are in [`crate::grant_dispatcher`].

use crate::StoreError;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

/// Gives a login role what importing agreements, changing their state and counting what became of them needs, and no
/// more: versions and the steps taken it can only add, of persons and the ledger it only reads.
///
/// # Errors
/// When the role does not exist or `owner` does not own the tables.
pub async fn grant_to_officer(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    let mut transaction = owner.begin().await?;
    let role: String =
        sqlx::query_scalar("select quote_ident($1)").bind(role).fetch_one(&mut *transaction).await?;
    for statement in [
        "grant usage on schema public to {role}",
        "grant select, insert on agreement_version, agreement_field, agreement_event to {role}",
        "grant select, insert, update on agreement_state, backfill to {role}",
        "grant select on business_day, person_state, holding, delivery, ledger_entry to {role}",
    ] {
        // The only part made at run time was quoted by the server.
        sqlx::query(AssertSqlSafe(statement.replace("{role}", &role))).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
