//! One writer at a time for each key.

use crate::StoreError;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
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

/// The lock between deciding who a record belongs to and attaching records. Held shared, it costs an entry in memory.
const RULING_LOCK: i64 = 0x6461_6e73_796e_6301;

/// A transaction that attaches records: what stewards decided about persons does not change before it ends.
pub async fn begin_attaching(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    begin(pool, "pg_advisory_xact_lock_shared").await
}

/// A transaction that takes in decisions about persons: nobody else attaches before it ends.
pub async fn begin_ruling(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    begin(pool, "pg_advisory_xact_lock").await
}

/// The lock comes with the beginning, in one round trip: later statements see what those before it have committed.
async fn begin(pool: &PgPool, lock: &str) -> Result<Transaction<'static, Postgres>, StoreError> {
    // Both parts are constants of this file.
    Ok(pool.begin_with(AssertSqlSafe(format!("begin; select {lock}({RULING_LOCK})"))).await?)
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
