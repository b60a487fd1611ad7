//! The console's users.

use super::password::{self, PasswordError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look and decide.
    Steward,
    /// Look.
    Reader,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Steward, Self::Reader];

    /// The name used in tables and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steward => "steward",
            Self::Reader => "reader",
        }
    }

    /// Whether this role may decide cases.
    pub const fn may_decide(self) -> bool {
        match self {
            Self::Steward => true,
            Self::Reader => false,
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UserError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UserError::Role)
    }
}

/// Why a user cannot be made or found.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The name has another form.
    #[error(
        "a user name has 2 to 63 characters: a lower-case letter, then lower-case letters, digits, '.', '_' or '-'"
    )]
    Name,
    /// No such role.
    #[error("no such role; write 'steward' or 'reader'")]
    Role,
    /// No such user.
    #[error("the console has no such user; add one with `dansync console user add`")]
    Unknown,
    /// The password does not do.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database.
    #[error("the console database refused")]
    Database(#[from] sqlx::Error),
}

/// The longest name; also in the table's own check.
const LONGEST_NAME: usize = 63;

/// Whether a text can be a user's name.
pub(crate) fn is_name(text: &str) -> bool {
    (2..=LONGEST_NAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// A user as signing in needs them.
pub(crate) struct KnownUser {
    pub(crate) role: Role,
    pub(crate) password_hash: String,
}

/// The user of that name.
pub(crate) async fn find(pool: &PgPool, name: &str) -> Result<Option<KnownUser>, UserError> {
    if !is_name(name) {
        return Ok(None);
    }
    let row: Option<(String, String)> =
        sqlx::query_as("select role, password_hash from console.steward_user where name = $1")
            .bind(name)
            .fetch_optional(pool)
            .await?;
    row.map(|(role, password_hash)| Ok(KnownUser { role: role.parse()?, password_hash })).transpose()
}

/// Makes a user, or gives an existing one this role and password; who is signed in under that name is signed out.
/// Run by the database's owner: the console's own role cannot make users.
///
/// # Errors
/// When the name or the password does not do, or the database refuses.
pub async fn ensure_user(
    owner: &PgPool,
    name: &str,
    role: Role,
    password: SecretString,
) -> Result<(), UserError> {
    if !is_name(name) {
        return Err(UserError::Name);
    }
    let hash = tokio::task::spawn_blocking(move || password::hash(&password))
        .await
        .map_err(|_| PasswordError::CutShort)??;
    let mut transaction = owner.begin().await?;
    sqlx::query(
        "insert into console.steward_user (name, role, password_hash) values ($1, $2, $3)
         on conflict (name) do update
         set role = excluded.role, password_hash = excluded.password_hash, changed_at = now()",
    )
    .bind(name)
    .bind(role.as_str())
    .bind(hash)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("delete from console.session where user_name = $1")
        .bind(name)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["an", "le.thi-an_2", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a", "An", "2an", "lê", "a b", "?1", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn roles_read_as_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
        assert!("admin".parse::<Role>().is_err());
        assert!(!Role::Reader.may_decide());
    }
}
