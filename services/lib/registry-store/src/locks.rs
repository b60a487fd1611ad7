//! One writer at a time for each key.

use crate::StoreError;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Locks keys (numbers, source keys, relation groups) until the end of the transaction, in one order for everybody.
///
/// A key is locked by its hash: two keys with one hash wait for each other and nothing worse. The upsert that never
/// updates locks rows that are there and makes those that are not, in one statement and without a new row version.
pub async fn lock_keys<'a>(
    connection: &mut PgConnection,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    let hashes: BTreeSet<i64> = keys.into_iter().map(hash).collect();
    if hashes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into key_lock (key) select key from unnest($1::bigint[]) as t (key) order by key
         on conflict (key) do update set key = excluded.key where false",
    )
    .bind(hashes.into_iter().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// For the rest of this transaction: who waits longer than this for somebody else begins again, and lets go of what others
/// wait for.
pub async fn wait_briefly(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("set local lock_timeout = '100ms'").execute(connection).await?;
    Ok(())
}

fn hash(key: &str) -> i64 {
    let digest = Sha256::digest(key.as_bytes());
    digest.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}
