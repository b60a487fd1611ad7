//! Signing in: the limit first, then the password, then a session and its audit entry.

use super::session::{self, SessionLimits};
use super::sign_in_limit::Attempt;
use super::token::SessionToken;
use super::user::{self, UserError};
use super::{password, sign_in_limit};
use crate::audit::{self, Actor, Channel, Entry};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::PgPool;

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum SignIn {
    /// The session's token.
    Opened(SessionToken),
    /// Name or password is wrong; the page does not say which.
    Refused,
    /// Too many failures in the window.
    Blocked,
}

/// Tries to sign in.
pub(crate) async fn sign_in(
    pool: &PgPool,
    name: &str,
    password: SecretString,
    now: DateTime<Utc>,
    limits: SessionLimits,
) -> Result<SignIn, UserError> {
    let known = user::find(pool, name).await?;
    let who = sign_in_limit::row_of(name, known.is_some());
    let attempt = sign_in_limit::take(pool, &who, now).await?;
    let outcome = if attempt != Attempt::Allowed {
        SignIn::Blocked
    } else if password::matches(password, known.map(|user| user.password_hash)).await? {
        sign_in_limit::forgive(pool, &who).await?;
        SignIn::Opened(session::open(pool, name, now, limits).await?)
    } else {
        SignIn::Refused
    };
    let action = match (&outcome, attempt) {
        (SignIn::Opened(_), _) => "signed_in",
        (SignIn::Refused, _) => "sign_in_refused",
        (SignIn::Blocked, Attempt::StillClosed) => return Ok(outcome),
        (SignIn::Blocked, Attempt::Allowed | Attempt::Closed) => "sign_in_blocked",
    };
    // What was typed as a name may be a password: an unknown name stands as its row of the limit.
    let actor = Actor { name: who, channel: Channel::Page };
    audit::write(pool, &Entry::of(action, &actor, now)).await?;
    Ok(outcome)
}
