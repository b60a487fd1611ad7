//! The right to ask a question that a function answers, and to nothing that it reads.

use crate::StoreError;
use sqlx::{AssertSqlSafe, PgPool};

/// Gives it to a role. `function`: name and types of a function of this schema, a constant of the caller.
pub(crate) async fn grant_question(
    owner: &PgPool,
    role: &str,
    function: &'static str,
) -> Result<(), StoreError> {
    let (database, role): (String, String) =
        sqlx::query_as("select quote_ident(current_database()), quote_ident($1)")
            .bind(role)
            .fetch_one(owner)
            .await?;
    let mut transaction = owner.begin().await?;
    for statement in [
        format!("grant connect on database {database} to {role}"),
        format!("grant usage on schema public to {role}"),
        format!("grant execute on function {function} to {role}"),
    ] {
        // The names were quoted by the server.
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
