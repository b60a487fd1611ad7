//! Lengths of time and amounts of bytes with their unit, never bare numbers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, written `250ms`, `30s`, `5m`, `2h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// An amount of bytes, written `512 B`, `64 KiB`, `8 MiB` or `2 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// A text that is no amount with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No length of time.
    #[error("not a length of time; write a whole number with ms, s, m, h or d, such as \"30s\"")]
    Duration,
    /// No amount of bytes.
    #[error("not a size; write a whole number with B, KiB, MiB or GiB, such as \"8 MiB\"")]
    Size,
}

const DURATION_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

fn parse_amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes the amount in the largest unit that needs no fraction.
fn write_amount(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)], gap: &str) -> fmt::Result {
    let largest = units.iter().rev().find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor));
    let (unit, factor) = largest.or(units.first()).copied().unwrap_or(("", 1));
    write!(f, "{}{gap}{unit}", amount / factor)
}

impl HumanDuration {
    /// The length of time.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }
}

impl ByteSize {
    /// The amount of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The amount of bytes as a length in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Whole mebibytes.
    pub const fn from_mib(mebibytes: u64) -> Self {
        Self(mebibytes << 20)
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl FromStr for HumanDuration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let milliseconds = parse_amount(text, DURATION_UNITS).ok_or(UnitError::Duration)?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_amount(text, SIZE_UNITS).map(Self).ok_or(UnitError::Size)
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write_amount(f, milliseconds, DURATION_UNITS, "")
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_amount(f, self.0, SIZE_UNITS, " ")
    }
}

macro_rules! as_text {
    ($type:ident) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

as_text!(HumanDuration);
as_text!(ByteSize);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_with_units() {
        let durations =
            [("250ms", 250), ("30s", 30_000), ("5 m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)];
        for (text, milliseconds) in durations {
            assert_eq!(text.parse(), Ok(HumanDuration::from_millis(milliseconds)), "{text}");
        }
        for (text, bytes) in [("0 B", 0), ("64KiB", 65_536), ("8 MiB", 8 << 20), ("2 GiB", 2 << 30)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["", "30", "s", "-1s", "1.5s", "30 seconds", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(text.parse::<HumanDuration>(), Err(UnitError::Duration), "{text}");
        }
        for text in ["", "8", "8 MB", "8MiB/s"] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::Size), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(milliseconds in 0_u64..u64::MAX / 2, bytes: u64) {
            let duration = HumanDuration::from_millis(milliseconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
