//! What the matcher has still to look at.

use crate::StoreError;
use sqlx::PgConnection;

/// A row of a source that changed, and the transaction that changed it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Pending {
    /// `source/entity/key`.
    pub row_key: String,
    /// The transaction's number.
    pub xact: i64,
}

/// Notes rows that changed in this transaction.
pub async fn add_pending(connection: &mut PgConnection, rows: &[&str]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into match_pending (row_key, xact)
         select distinct row_key, pg_current_xact_id()::text::bigint from unnest($1::text[]) as t (row_key)
         on conflict do nothing",
    )
    .bind(rows)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes rows of records that say nothing to compare any more, each with the record's key, where the matcher has given the record
/// a place or may be about to: then its row still waits, or not all records have theirs. All of it is read at one moment.
pub async fn add_pending_of_placed(
    connection: &mut PgConnection,
    records: &[(&str, String)],
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into match_pending (row_key, xact)
         select distinct row_key, pg_current_xact_id()::text::bigint from unnest($1::text[], $2::text[]) as t (record_key, row_key)
         where exists (select from match_record m where m.record_key = t.record_key)
           or exists (select from match_pending p where p.row_key = t.row_key)
           or not exists (select from match_state where phase = 'live')
         on conflict do nothing",
    )
    .bind(records.iter().map(|(record, _)| *record).collect::<Vec<_>>())
    .bind(records.iter().map(|(_, row)| row.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Some rows that changed.
pub async fn take_pending(connection: &mut PgConnection, limit: i64) -> Result<Vec<Pending>, StoreError> {
    let rows = sqlx::query_as("select row_key, xact from match_pending order by row_key, xact limit $1")
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// These were looked at.
pub async fn done_pending(connection: &mut PgConnection, done: &[Pending]) -> Result<(), StoreError> {
    if done.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from match_pending p using unnest($1::text[], $2::bigint[]) as t (row_key, xact)
         where p.row_key = t.row_key and p.xact = t.xact",
    )
    .bind(done.iter().map(|p| p.row_key.as_str()).collect::<Vec<_>>())
    .bind(done.iter().map(|p| p.xact).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets links of source keys be decided anew.
pub async fn add_again(connection: &mut PgConnection, source_keys: &[&str]) -> Result<(), StoreError> {
    if source_keys.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into match_again (source_key) select distinct unnest($1::text[]) on conflict do nothing",
    )
    .bind(source_keys)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets all links be decided anew: of every source key that rule 4 may decide, and of those with something open.
pub async fn again_all(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "insert into match_again (source_key)
         select source_key from match_record where movable
         union select source_key from scored_link where until is null
         union select source_key from match_review where until is null
         on conflict do nothing",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the first source keys out, in their order.
pub async fn take_again(connection: &mut PgConnection, limit: i64) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = sqlx::query_scalar(
        "delete from match_again where source_key in (
           select source_key from match_again order by source_key limit $1) returning source_key",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    keys.sort_unstable();
    Ok(keys)
}
