//! The ledger: added to, never changed.

use crate::StoreError;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A new entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The person towards the agreement.
    pub reference: String,
    /// The entry's id, also the message's.
    pub entry_id: Uuid,
    /// The agreement.
    pub agreement: String,
    /// How it gets out.
    pub mode: &'static str,
    /// The release; none for answers to requests.
    pub release_no: Option<i64>,
    /// Canonical bytes.
    pub bytes: Vec<u8>,
    /// Salt of the payload hash.
    pub salt: [u8; 16],
}

/// Those of the references that an agreement was ever given.
pub async fn references_known(
    connection: &mut PgConnection,
    agreement: &str,
    references: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    let known: Vec<String> = sqlx::query_scalar(
        "select r from unnest($2::text[]) as r
         cross join lateral (select from ledger_entry e where e.ref = r and e.agreement = $1 limit 1) one",
    )
    .bind(agreement)
    .bind(references)
    .fetch_all(connection)
    .await?;
    Ok(known.into_iter().collect())
}
