//! An agreement's comparison over everybody, page by page.

use crate::StoreError;
use registry_rules::PersonId;
use sqlx::PgConnection;

/// A comparison that is not over yet, or over and its topic not told.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Backfill {
    /// The agreement.
    pub agreement: String,
    /// The version that was activated.
    pub version: i32,
    /// The topic's generation.
    pub generation: i32,
    /// The last person compared.
    pub cursor: Option<PersonId>,
    /// All pages are done.
    pub finished: bool,
    /// The topic has got its `complete`.
    pub completed: bool,
}

/// Asks for a comparison of one agreement from the beginning.
pub(crate) async fn request(connection: &mut PgConnection, agreement: &str) -> Result<(), StoreError> {
    request_where(connection, Some(agreement)).await
}

/// Asks for a comparison of all agreements that have been activated.
pub async fn request_all(connection: &mut PgConnection) -> Result<(), StoreError> {
    request_where(connection, None).await
}

async fn request_where(connection: &mut PgConnection, agreement: Option<&str>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into backfill as b (agreement, version, generation)
         select agreement, version, generation from agreement_state
         where version is not null and ($1::text is null or agreement = $1)
         on conflict (agreement) do update set
             version = excluded.version, generation = excluded.generation, requested_at = clock_timestamp(),
             barrier = null, cursor = null, finished_at = null,
             completed_at = case when b.generation = excluded.generation then b.completed_at end",
    )
    .bind(agreement)
    .execute(connection)
    .await?;
    Ok(())
}

/// What is left to do.
pub async fn open_backfills(connection: &mut PgConnection) -> Result<Vec<Backfill>, StoreError> {
    let open = sqlx::query_as(
        "select agreement, version, generation, cursor, finished_at is not null as finished,
                completed_at is not null as completed
         from backfill where finished_at is null or completed_at is null order by requested_at, agreement",
    )
    .fetch_all(connection)
    .await?;
    Ok(open)
}

/// Whether every transaction that may have read the agreement as it was before has ended. Only then is a page complete:
/// such a transaction may be inserting a person whom the page does not show. To be asked in a statement of its own,
/// after the request is committed.
pub async fn pass_barrier(connection: &mut PgConnection, agreement: &str) -> Result<bool, StoreError> {
    let passed: Option<bool> = sqlx::query_scalar(
        "update backfill set barrier = coalesce(barrier, pg_snapshot_xmax(pg_current_snapshot()))
         where agreement = $1
         returning barrier <= pg_snapshot_xmin(pg_current_snapshot())",
    )
    .bind(agreement)
    .fetch_optional(connection)
    .await?;
    Ok(passed.unwrap_or(false))
}

/// Stores how far it has come, unless it was asked for anew meanwhile.
pub async fn advance_backfill(
    connection: &mut PgConnection,
    done: &Backfill,
    cursor: PersonId,
) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "update backfill set cursor = $4
         where agreement = $1 and version = $2 and generation = $3 and finished_at is null
           and cursor is not distinct from $5",
    )
    .bind(&done.agreement)
    .bind(done.version)
    .bind(done.generation)
    .bind(cursor)
    .bind(done.cursor)
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// No person follows the cursor.
pub async fn finish_backfill(connection: &mut PgConnection, done: &Backfill) -> Result<(), StoreError> {
    sqlx::query(
        "update backfill set finished_at = clock_timestamp()
         where agreement = $1 and version = $2 and generation = $3 and cursor is not distinct from $4",
    )
    .bind(&done.agreement)
    .bind(done.version)
    .bind(done.generation)
    .bind(done.cursor)
    .execute(connection)
    .await?;
    Ok(())
}

/// The generation of the topic is filled and its subscriber told so.
pub async fn complete_backfill(connection: &mut PgConnection, done: &Backfill) -> Result<(), StoreError> {
    sqlx::query(
        "update backfill set completed_at = clock_timestamp()
         where agreement = $1 and generation = $2 and finished_at is not null",
    )
    .bind(&done.agreement)
    .bind(done.generation)
    .execute(connection)
    .await?;
    Ok(())
}
