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

/// Adds entries. A second entry for the same (release, mode) is an error.
pub async fn insert_entries(connection: &mut PgConnection, entries: &[NewEntry]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger_entry (ref, entry_id, agreement, mode, release_no, bytes, salt)
         select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[])",
    )
    .bind(entries.iter().map(|e| e.reference.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.entry_id).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.agreement.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.mode).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.release_no).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.bytes.as_slice()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.salt.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of the references that an agreement was ever given.
pub async fn references_known(
    connection: &mut PgConnection,
    agreement: &str,
    references: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    let known: Vec<String> = sqlx::query_scalar(
        "select r from unnest($2::text[]) as r
         where exists (select from ledger_entry e where e.ref = r and e.agreement = $1)",
    )
    .bind(agreement)
    .bind(references)
    .fetch_all(connection)
    .await?;
    Ok(known.into_iter().collect())
}
