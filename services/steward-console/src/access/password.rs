//! Passwords as Argon2id, checked off the event loop and never more than a few at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// OWASP's least for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each check takes 19 MiB and a core for some 30 ms: more at once would let sign-ins starve the pages.
const CHECKS_AT_ONCE: usize = 2;

/// ASVS 5.0 6.2.1: at least 8; longer passwords than this are no passwords and cost time.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=256;

static CHECKS: Semaphore = Semaphore::const_new(CHECKS_AT_ONCE);

/// A hash that no password has: unknown users cost the same time as known ones.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let random: [u8; 32] = rand::random();
    let password = random.map(|byte| char::from(b'a' + byte % 26)).iter().collect::<String>();
    hash(&SecretString::from(password)).unwrap_or_default()
});

/// Why a password cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has 12 to 256 characters; choose another")]
    Length,
    /// The hash function refused.
    #[error("the password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The thread that hashed it ended.
    #[error("the password check was cut short; try again")]
    CutShort,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| PasswordError::Hash(error.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password.
pub(crate) fn hash(password: &SecretString) -> Result<String, PasswordError> {
    if !LENGTHS.contains(&password.expose_secret().chars().count()) {
        return Err(PasswordError::Length);
    }
    let salt: [u8; 16] = rand::random();
    let hash = argon2()?
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether the password is the one hashed. `None` stands for a user that does not exist: never, after the same time.
pub(crate) async fn matches(password: SecretString, known: Option<String>) -> Result<bool, PasswordError> {
    let _place = CHECKS.acquire().await.map_err(|_| PasswordError::CutShort)?;
    let check = move || {
        let exists = known.is_some();
        let phc = known.unwrap_or_else(|| NOBODY.clone());
        // A longer one was never hashed.
        let fits = password.expose_secret().chars().count() <= *LENGTHS.end();
        let candidate = if fits { password.expose_secret().as_bytes() } else { b"" };
        let same = PasswordHash::new(&phc)
            .is_ok_and(|hash| Argon2::default().verify_password(candidate, &hash).is_ok());
        exists && fits && same
    };
    tokio::task::spawn_blocking(check).await.map_err(|_| PasswordError::CutShort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_matches() {
        let secret = |text: &str| SecretString::from(text);
        let phc = hash(&secret("mật khẩu thử nghiệm")).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(matches(secret("mật khẩu thử nghiệm"), Some(phc.clone())).await.unwrap());
        assert!(!matches(secret("mật khẩu thử nghiem"), Some(phc.clone())).await.unwrap());
        assert!(!matches(secret("mật khẩu thử nghiệm"), None).await.unwrap());
        assert!(!matches(secret(&"a".repeat(300)), Some(phc)).await.unwrap());
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        for password in ["", "elevenchars", &"a".repeat(257)] {
            assert!(matches!(hash(&SecretString::from(password)), Err(PasswordError::Length)));
        }
    }
}
