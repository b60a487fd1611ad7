//! Whether the inbox is as its file says: asked before anything is read.

use crate::inbox::Inbox;
use crate::positions::InboxPositions;
use crate::statements::Statements;
use anyhow::{Context as _, anyhow};
use service_runtime::ExitClass;
use sqlx::postgres::PgPool;
use std::collections::BTreeMap;

/// A server's answer that time does not heal: a table or column that is not there, a right that is missing.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("42") || code.starts_with("28") || code.starts_with("3D"))
}

/// What keeps the inbox from being written: `Ok(false)` when its database is away.
///
/// # Errors
/// Exit 78 with what is wrong and the way out.
pub(crate) async fn holds(
    pool: &PgPool,
    inbox: &Inbox,
    statements: &Statements,
    positions: &InboxPositions,
) -> anyhow::Result<bool> {
    let asked = async {
        let mut transaction = pool.begin().await?;
        // With nothing to write: names, types and rights are looked at all the same.
        statements.write(&mut transaction, inbox, &[]).await?;
        positions.fence(&mut transaction, &BTreeMap::new()).await?;
        positions.advance(&mut transaction, &BTreeMap::new()).await?;
        let captured: Option<String> = sqlx::query_scalar(
            "select pubname::text from pg_publication_tables
             where schemaname || '.' || tablename in ($1, $2) limit 1",
        )
        .bind(&inbox.table)
        .bind(&inbox.positions)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        Ok::<_, sqlx::Error>(captured)
    };
    match asked.await {
        Ok(None) => Ok(true),
        Ok(Some(publication)) => Err(anyhow!(
            "the inbox of {} is in the publication {publication}: what we write would be captured as the office's own; \
             run: alter publication {publication} drop table {}, {}",
            inbox.source, inbox.table, inbox.positions
        ))
        .context(ExitClass::Configuration),
        // No row was written, so that the message quotes none.
        Err(error) if is_refusal(&error) => Err(anyhow::Error::new(error)
            .context(format!(
                "the inbox of {} cannot be written: its role needs usage on the schema, and select, insert, update on {} \
                 and {}, with the columns of the inbox file",
                inbox.source, inbox.table, inbox.positions
            ))
            .context(ExitClass::Configuration)),
        Err(_) => Ok(false),
    }
}
