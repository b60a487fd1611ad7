//! Whether who reports an error holds what the report is about: all that the reconciler may learn of disclosure.

use crate::StoreError;
use crate::questions::grant_question;
use sqlx::PgPool;
use uuid::Uuid;

/// What an agreement may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MayReport {
    /// It is active, and the version in force permits the item or a part of it.
    pub has_item: bool,
    /// It holds the person.
    pub holds_person: bool,
}

/// Gives a role the right to ask [`may_report`], and to nothing that it reads.
///
/// # Errors
/// When the role does not exist or `owner` does not own the function.
pub async fn grant_to_reconciler(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    grant_question(owner, role, "may_report(text, text, uuid)").await
}

/// What an agreement may say of an item (`npd.birth_name`) and of a person; nobody's, where there is no such person.
///
/// # Errors
/// When the database does not answer, or the role may not ask.
pub async fn may_report(
    pool: &PgPool,
    agreement: &str,
    item: &str,
    person: Option<Uuid>,
) -> Result<MayReport, StoreError> {
    let row = sqlx::query_as("select has_item, holds_person from may_report($1, $2, $3)")
        .bind(agreement)
        .bind(item)
        .bind(person)
        .fetch_one(pool)
        .await?;
    Ok(row)
}
