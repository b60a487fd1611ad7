//! How a service reaches a PostgreSQL database.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};

use super::secret::SecretFile;

/// Enough for the few concurrent transactions of one instance; PostgreSQL's own default is 100 for all.
const DEFAULT_CONNECTIONS: u32 = 8;

/// A database, without its password in the text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://role@host:port/database?…`, without a password.
    pub dsn: Dsn,
    /// The file with the role's password; none where the server asks for none.
    #[serde(default)]
    pub password_file: Option<SecretFile>,
    /// The most connections this instance opens.
    #[serde(default = "default_connections")]
    pub max_connections: u32,
}

const fn default_connections() -> u32 {
    DEFAULT_CONNECTIONS
}

impl DatabaseConfig {
    /// The URL with the password, for the driver's own parser.
    pub fn url(&self) -> SecretString {
        let Some(file) = &self.password_file else {
            return SecretString::from(self.dsn.as_str());
        };
        let separator = if self.dsn.as_str().contains('?') { '&' } else { '?' };
        let password = percent_encode(file.secret().expose_secret());
        SecretString::from(format!("{}{separator}password={password}", self.dsn.as_str()))
    }
}

/// A PostgreSQL URL that holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsn(String);

/// Why a text is no [`Dsn`]. Does not quote it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// Another scheme.
    #[error("not a PostgreSQL URL; write postgres://role@host:port/database")]
    Scheme,
    /// A password inside.
    #[error("holds a password; remove it and name a file in password_file")]
    Password,
}

impl Dsn {
    /// Checks the scheme and that there is no password.
    pub fn new(text: impl Into<String>) -> Result<Self, DsnError> {
        let text = text.into();
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or(DsnError::Scheme)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = address.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        let in_query = query.split('&').any(|pair| pair.split('=').next() == Some("password"));
        // A password with an unescaped slash hides the `@` from the authority: refuse any `:` … `@` in the address.
        let hidden = address.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'));
        if user.contains(':') || hidden || in_query {
            return Err(DsnError::Password);
        }
        Ok(Self(text))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Dsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_in_the_url_is_refused() {
        for text in [
            "postgres://role:secret@host/db",
            "postgres://host/db?password=secret",
            "postgres://role:pass/word@host/db",
            "postgresql:///db?user=role&password=secret",
        ] {
            assert_eq!(Dsn::new(text), Err(DsnError::Password), "{text}");
        }
        assert_eq!(Dsn::new("mysql://host/db"), Err(DsnError::Scheme));
        for text in ["postgres://role@127.0.0.1:5432/db", "postgresql:///db?host=/run/pg&user=role"] {
            assert!(Dsn::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_password_file_completes_the_url() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "p@ss w&rd\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let config = DatabaseConfig {
            dsn: Dsn::new("postgres://role@host/db?sslmode=disable").unwrap(),
            password_file: Some(SecretFile::read(path).unwrap()),
            max_connections: 1,
        };
        let expected = "postgres://role@host/db?sslmode=disable&password=p%40ss%20w%26rd";
        assert_eq!(config.url().expose_secret(), expected);
        assert!(!format!("{config:?}").contains("p@ss"));
    }
}
