//! Sessions: rows in the console's database, known by the hash of a token that only the browser has. Rights are not in
//! them; they are read with every request.

use super::token::SessionToken;
use super::user::{Role, UserError};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

/// A user is signed in at so many places at most; the oldest ends.
const MOST_SESSIONS: i64 = 5;

/// The last use is written down at most this often: not every look at a page is a write.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    /// Without use.
    pub(crate) idle: TimeDelta,
    /// At all.
    pub(crate) absolute: TimeDelta,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) token: SessionToken,
}

/// Opens a session; ends those that are over, and the user's oldest beyond the limit.
pub(crate) async fn open(
    pool: &PgPool,
    name: &str,
    now: DateTime<Utc>,
    limits: SessionLimits,
) -> Result<SessionToken, sqlx::Error> {
    let token = SessionToken::random();
    let mut transaction = pool.begin().await?;
    sqlx::query("delete from console.session where expires_at <= $1 or last_seen_at <= $2")
        .bind(now)
        .bind(now - limits.idle)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "delete from console.session where token_hash in (
            select token_hash from console.session where user_name = $1
            order by created_at desc, token_hash offset $2)",
    )
    .bind(name)
    .bind(MOST_SESSIONS - 1)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "insert into console.session (token_hash, user_name, created_at, last_seen_at, expires_at)
         values ($1, $2, $3, $3, $4)",
    )
    .bind(token.hash().as_slice())
    .bind(name)
    .bind(now)
    .bind(now + limits.absolute)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(token)
}

/// Whose session it is, with the rights they have now; none when it is over.
pub(crate) async fn find(
    pool: &PgPool,
    token: SessionToken,
    now: DateTime<Utc>,
    limits: SessionLimits,
) -> Result<Option<SignedIn>, UserError> {
    let row: Option<(String, String, DateTime<Utc>)> = sqlx::query_as(
        "select u.name, u.role, s.last_seen_at
         from console.session s join console.steward_user u on u.name = s.user_name
         where s.token_hash = $1 and s.expires_at > $2 and s.last_seen_at > $3",
    )
    .bind(token.hash().as_slice())
    .bind(now)
    .bind(now - limits.idle)
    .fetch_optional(pool)
    .await?;
    let Some((name, role, last_seen_at)) = row else {
        return Ok(None);
    };
    if last_seen_at + SEEN_EVERY <= now {
        sqlx::query("update console.session set last_seen_at = $2 where token_hash = $1")
            .bind(token.hash().as_slice())
            .bind(now)
            .execute(pool)
            .await?;
    }
    Ok(Some(SignedIn { name, role: role.parse()?, token }))
}

/// Ends a session.
pub(crate) async fn close(pool: &PgPool, token: &SessionToken) -> Result<(), sqlx::Error> {
    sqlx::query("delete from console.session where token_hash = $1")
        .bind(token.hash().as_slice())
        .execute(pool)
        .await?;
    Ok(())
}
