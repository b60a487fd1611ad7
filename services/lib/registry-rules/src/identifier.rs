//! Numbers that name a person.

use serde::{Deserialize, Serialize};

/// Kinds of numbers that a record may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// Personal identification number, 12 digits (số định danh cá nhân).
    Pin,
    /// The old identity card's 9 digits (CMND): several per person, not unique, never alone.
    Cmnd9,
    /// The source's own id of the person, within that source.
    SourcePerson,
    /// In the PIN register: the cancelled number that this one takes the place of.
    ReplacesPin,
}

/// One number that a record carries.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// What kind of number.
    pub kind: IdentifierKind,
    /// The number as text: leading zeros count.
    pub value: String,
}

impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identifier({:?})", self.kind)
    }
}

/// A well-formed personal identification number (Circular 59/2021/TT-BCA art. 4): `PPP C YY RRRRRR`, no check digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(String);

/// The text is not twelve digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a personal identification number has 12 digits")]
pub struct PinError;

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(***)")
    }
}

impl Pin {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digits(&self, from: usize, to: usize) -> u32 {
        self.0.get(from..to).and_then(|d| d.parse().ok()).unwrap_or(0)
    }

    /// The year of birth that its digits state.
    pub fn birth_year(&self) -> u16 {
        u16::try_from(1900 + self.digits(3, 4) / 2 * 100 + self.digits(4, 6)).unwrap_or(0)
    }

    /// The sex that its digits state.
    pub fn female(&self) -> bool {
        self.digits(3, 4) % 2 == 1
    }

    /// The three digits of the province (or country) of birth registration, as coded at issue.
    pub fn place(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }
}

impl std::str::FromStr for Pin {
    type Err = PinError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PinError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_state_century_sex_and_year() {
        for (pin, year, female) in [
            ("001054000001", 1954, false),
            ("079190000001", 1990, true),
            ("038305123456", 2005, true),
            ("001201000000", 2001, false),
        ] {
            let pin: Pin = pin.parse().unwrap();
            assert_eq!((pin.birth_year(), pin.female()), (year, female));
        }
        assert_eq!("00105400000".parse::<Pin>(), Err(PinError));
        assert_eq!("00105400000x".parse::<Pin>(), Err(PinError));
    }
}
