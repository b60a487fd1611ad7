//! Secrets that a browser holds: the session's token and the form token made from it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a form token is made over; another purpose would take another text.
const FORM: &[u8] = b"dansync console form";

/// 256 random bits. `Debug` shows nothing of them.
#[derive(Clone)]
pub(crate) struct SessionToken([u8; 32]);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(***)")
    }
}

impl SessionToken {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// The cookie's value.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads a cookie's value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What the database knows of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The token that each form of this session carries: only who can read our pages has it.
    pub(crate) fn form_token(&self) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(FORM);
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether a form came from this session's page.
    pub(crate) fn made(&self, form_token: &str) -> bool {
        let own = self.form_token();
        !own.is_empty() && own.as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_cookie_and_a_form_token_fits_its_session_only() {
        let (mine, other) = (SessionToken::random(), SessionToken::random());
        let read = SessionToken::parse(&mine.text()).unwrap();
        assert_eq!(read.hash(), mine.hash());
        assert!(read.made(&mine.form_token()));
        assert!(!other.made(&mine.form_token()));
        assert!(!mine.made(""));
        assert_ne!(mine.form_token(), mine.text());
        assert_eq!(format!("{mine:?}"), "SessionToken(***)");
    }

    #[test]
    fn garbled_cookies_are_no_tokens() {
        for text in ["", "a", &"A".repeat(42), &"A".repeat(44), "ü"] {
            assert!(SessionToken::parse(text).is_none(), "{text}");
        }
    }
}
