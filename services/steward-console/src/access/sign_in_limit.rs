//! A limit on guessing: so many failed sign-ins per name and window, counted before the password is looked at, so that
//! guesses made at once count as well.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

/// Failures after which a name is closed until the window ends.
pub(crate) const MOST_FAILURES: i32 = 5;

/// How long failures count; the page says it in words.
const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Names that no user has are counted in so many rows: the same answer for them, yet a table that cannot grow.
const UNKNOWN_ROWS: u16 = 1024;

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It may.
    Allowed,
    /// It may not, and it is the first of the window that may not: worth an audit entry.
    Closed,
    /// It may not, like those before it: further entries would let a stranger fill the log.
    StillClosed,
}

/// The row in which attempts at a name are counted.
pub(crate) fn row_of(name: &str, is_known: bool) -> String {
    if is_known {
        return name.to_owned();
    }
    let [first, second, ..] = <[u8; 32]>::from(Sha256::digest(name.as_bytes()));
    // No user's name begins so.
    format!("?{}", u16::from_be_bytes([first, second]) % UNKNOWN_ROWS)
}

/// Counts an attempt as failed until it succeeds; says whether it may be made.
pub(crate) async fn take(pool: &PgPool, who: &str, now: DateTime<Utc>) -> Result<Attempt, sqlx::Error> {
    let failures: i32 = sqlx::query_scalar(
        "insert into console.sign_in_failure as f (who, failures, since) values ($1, 1, $2)
         on conflict (who) do update set
            failures = case when f.since <= $3 then 1 else least(f.failures + 1, $4 + 2) end,
            since = case when f.since <= $3 then excluded.since else f.since end
         returning failures",
    )
    .bind(who)
    .bind(now)
    .bind(now - WINDOW)
    .bind(MOST_FAILURES)
    .fetch_one(pool)
    .await?;
    Ok(match failures - MOST_FAILURES {
        ..=0 => Attempt::Allowed,
        1 => Attempt::Closed,
        2.. => Attempt::StillClosed,
    })
}

/// The attempt succeeded: nothing counts against the name any more.
pub(crate) async fn forgive(pool: &PgPool, who: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from console.sign_in_failure where who = $1").bind(who).execute(pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::user::is_name;

    #[test]
    fn unknown_names_share_a_fixed_number_of_rows() {
        let rows: std::collections::BTreeSet<_> =
            (0..20_000).map(|n| row_of(&format!("x{n}"), false)).collect();
        assert!(rows.len() <= usize::from(UNKNOWN_ROWS));
        assert!(rows.iter().all(|row| !is_name(row)));
        assert_eq!(row_of("an", true), "an");
    }
}
