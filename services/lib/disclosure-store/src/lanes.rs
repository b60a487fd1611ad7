//! Who sends on a lane: a lease that ends by itself when its holder is gone.

use crate::StoreError;
use sqlx::postgres::PgPool;
use std::time::Duration;
use uuid::Uuid;

/// A lane's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// The agreement.
    pub agreement: String,
    /// The mode.
    pub mode: String,
}

impl std::fmt::Display for LaneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.agreement, self.mode)
    }
}

/// The right to send on a lane, while it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which lane.
    pub lane: LaneKey,
    /// The instance that holds it.
    pub owner: Uuid,
    /// Rises with each new holder.
    pub epoch: i64,
}

/// Takes a lane that nobody holds; none if somebody does. Who holds it is looked up first: to find it by conflict would lock
/// the row, for which the holder would wait.
pub async fn acquire(
    pool: &PgPool,
    lane: &LaneKey,
    owner: Uuid,
    lasts: Duration,
) -> Result<Option<Lease>, StoreError> {
    let epoch: Option<i64> = sqlx::query_scalar(
        "insert into lane as l (agreement, mode, owner, epoch, expires_at)
         select $1, $2, $3, 1, clock_timestamp() + $4 * interval '1 millisecond'
         where not exists (
             select from lane h where h.agreement = $1 and h.mode = $2 and h.owner is not null and h.expires_at >= clock_timestamp())
         on conflict (agreement, mode) do update
             set owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at
             where l.owner is null or l.expires_at < clock_timestamp()
         returning epoch",
    )
    .bind(&lane.agreement)
    .bind(&lane.mode)
    .bind(owner)
    .bind(milliseconds(lasts))
    .fetch_optional(pool)
    .await?;
    Ok(epoch.map(|epoch| Lease { lane: lane.clone(), owner, epoch }))
}

/// Lengthens a lease; `false` if another has taken the lane.
pub async fn renew(pool: &PgPool, lease: &Lease, lasts: Duration) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update lane set expires_at = clock_timestamp() + $5 * interval '1 millisecond'
         where agreement = $1 and mode = $2 and owner = $3 and epoch = $4",
    )
    .bind(&lease.lane.agreement)
    .bind(&lease.lane.mode)
    .bind(lease.owner)
    .bind(lease.epoch)
    .bind(milliseconds(lasts))
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lane back, so that another instance need not wait for the lease to end.
pub async fn release_lane(pool: &PgPool, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query(
        "update lane set owner = null, expires_at = '-infinity'
         where agreement = $1 and mode = $2 and owner = $3 and epoch = $4",
    )
    .bind(&lease.lane.agreement)
    .bind(&lease.lane.mode)
    .bind(lease.owner)
    .bind(lease.epoch)
    .execute(pool)
    .await?;
    Ok(())
}

fn milliseconds(lasts: Duration) -> i64 {
    i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)
}
