//! After a restore from backup: subscribers may hold releases that the restored database does not know.

use crate::StoreError;
use sqlx::postgres::PgPool;

/// Releases that may have been lost with the backup, per person: far above any real number.
const LIFT: i64 = 1 << 20;

/// Lifts every release number above whatever was sent, and forgets what subscribers hold, so that everything is compared
/// and sent anew (design §6). For the owner, with no dispatcher running.
pub async fn lift_after_restore(pool: &PgPool) -> Result<u64, StoreError> {
    let mut transaction = pool.begin().await?;
    let lifted = sqlx::query(
        "update holding set release_no = release_no + $1, content_hash = null where release_no > 0",
    )
    .bind(LIFT)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "update delivery set outcome = 'superseded', settled_at = now(), payload = null where settled_at is null",
    )
    .execute(&mut *transaction)
    .await?;
    crate::request_all(&mut transaction).await?;
    transaction.commit().await?;
    Ok(lifted.rows_affected())
}
