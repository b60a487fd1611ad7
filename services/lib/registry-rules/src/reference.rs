//! References by which subscribers know persons, and the keys they are made with.
//!
//! One master key, a key for each use derived from it: whoever has one agreement's references learns nothing of another's.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::PersonId;

/// Length of references and of the ledger's person hash in bytes: 160 bits, 32 letters of base32.
const LENGTH: usize = 20;

/// The shortest master key that is accepted.
const MIN_KEY: usize = 32;

/// The secret that all others are derived from. Lose it, and every subscriber has to be filled anew.
#[derive(Clone)]
pub struct MasterKey(Vec<u8>);

/// Why a text is not a master key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the master key must be at least {MIN_KEY} bytes in hexadecimal; make one with: openssl rand -hex 32"
)]
pub struct MasterKeyError;

/// Makes the references of one agreement.
#[derive(Clone)]
pub struct ReferenceKey([u8; 32]);

/// Makes the ledger's keyed hash of a person.
#[derive(Clone)]
pub struct LedgerKey([u8; 32]);

macro_rules! secret {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )+};
}
secret!(MasterKey, ReferenceKey, LedgerKey);

impl MasterKey {
    /// Reads the content of a key file: hexadecimal, white space around it.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or(MasterKeyError)?;
        if bytes.len() < MIN_KEY { Err(MasterKeyError) } else { Ok(Self(bytes)) }
    }

    /// The key of one agreement's references.
    pub fn references(&self, agreement: &str) -> ReferenceKey {
        ReferenceKey(mac(&self.0, &[b"dansync/reference/1/", agreement.as_bytes()]))
    }

    /// The key of the ledger's person hashes.
    pub fn ledger(&self) -> LedgerKey {
        LedgerKey(mac(&self.0, &[b"dansync/ledger/1"]))
    }
}

impl ReferenceKey {
    /// How this agreement knows the person: 32 lower-case letters and digits.
    pub fn reference(&self, person: PersonId) -> String {
        base32(mac(&self.0, &[person.as_bytes()]).iter().take(LENGTH))
    }
}

impl LedgerKey {
    /// How the ledger names the person.
    pub fn person(&self, person: PersonId) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        for (to, from) in out.iter_mut().zip(mac(&self.0, &[person.as_bytes()])) {
            *to = from;
        }
        out
    }
}

const fn nibble(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    #[expect(clippy::expect_used, reason = "the only error is a key length, and HMAC accepts all")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// RFC 4648 base32, lower case, without padding.
fn base32<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut out, mut buffer, mut bits) = (String::with_capacity(LENGTH * 8 / 5), 0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = (buffer >> bits & 31) as usize;
            out.push(LETTERS.get(index).copied().map_or('a', char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn person(n: u128) -> PersonId {
        PersonId::from_u128(n)
    }

    #[test]
    fn references_are_stable_and_differ_by_agreement_and_person() {
        let master = MasterKey::from_hex(&format!("{KEY}\n")).unwrap();
        let (a, b) = (master.references("education"), master.references("insurance"));
        let reference = a.reference(person(1));
        assert_eq!(reference, a.reference(person(1)));
        assert_eq!(reference.len(), 32);
        assert!(reference.bytes().all(|c| c.is_ascii_lowercase() || (b'2'..=b'7').contains(&c)));
        assert_ne!(reference, a.reference(person(2)));
        assert_ne!(reference, b.reference(person(1)));
    }

    #[test]
    fn base32_of_the_rfc() {
        for (text, expected) in [("f", "my"), ("fo", "mzxq"), ("foobar", "mzxw6ytboi")] {
            let mut got = base32(text.as_bytes().iter());
            got.truncate(expected.len());
            assert!(expected.starts_with(&got), "{text}: {got}");
        }
        assert_eq!(base32(b"fooba".iter()), "mzxw6ytb");
    }

    #[test]
    fn a_short_or_foreign_key_is_refused_and_none_is_shown() {
        for bad in ["", "00", KEY.get(2..).unwrap(), &KEY.replace('0', "g"), &format!("{KEY}0")] {
            assert_eq!(MasterKey::from_hex(bad).err(), Some(MasterKeyError), "{bad}");
        }
        let master = MasterKey::from_hex(KEY).unwrap();
        assert_eq!(format!("{master:?} {:?}", master.ledger()), "MasterKey(***) LedgerKey(***)");
    }
}
