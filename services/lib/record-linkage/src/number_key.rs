//! Numbers of persons as they are compared: digit by digit.

use crate::kind::Test;

/// Up to sixteen digits, four bits each, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NumberKey {
    digits: u64,
    count: u32,
}

/// Four bits a digit.
const BITS: u32 = 4;
/// Digits of the longest number.
const LONGEST: usize = 16;

impl NumberKey {
    /// Reads a number; blanks, dots and hyphens between its digits do not count.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let plain = text.bytes().filter(|b| !matches!(b, b' ' | b'.' | b'-'));
        let (mut digits, mut count) = (0, 0);
        for byte in plain {
            if !byte.is_ascii_digit() || count == LONGEST {
                return None;
            }
            digits = digits << BITS | u64::from(byte - b'0');
            count += 1;
        }
        (count > 0).then_some(Self { digits, count: u32::try_from(count).unwrap_or(0) })
    }

    /// How many digits it has.
    pub(crate) const fn count(self) -> u32 {
        self.count
    }

    /// Its digits alone, for blocking.
    pub(crate) fn text(self) -> String {
        format!("{:0width$x}", self.digits, width = self.count as usize)
    }

    /// Whether the two stand in this relation.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) const fn passes(self, other: Self, test: Test) -> bool {
        match test {
            Test::Exact => self.count == other.count && self.digits == other.digits,
            Test::Transposed => self.count == other.count && transposed(self.digits, other.digits),
            Test::Digit => self.count == other.count && one_digit(self.digits ^ other.digits),
            Test::Else => true,
            _ => false,
        }
    }
}

const fn one_digit(difference: u64) -> bool {
    difference != 0 && difference >> (difference.trailing_zeros() / BITS * BITS) < 1 << BITS
}

const fn transposed(left: u64, right: u64) -> bool {
    let difference = left ^ right;
    if difference == 0 {
        return false;
    }
    let shift = difference.trailing_zeros() / BITS * BITS;
    let (a, b) = (left >> shift, right >> shift);
    let neighbours = difference >> shift < 1 << (2 * BITS);
    neighbours && a & 15 == b >> BITS & 15 && b & 15 == a >> BITS & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let key = |text: &str| NumberKey::read(text).unwrap();
        for (left, right, test, holds) in [
            ("001090000001", "001 090 000 001", Test::Exact, true),
            ("01", "001", Test::Exact, false),
            ("001090000001", "001090000010", Test::Transposed, true),
            ("001090000001", "010090000001", Test::Transposed, true),
            ("001090000001", "001090000021", Test::Transposed, false),
            ("001090000001", "001090000021", Test::Digit, true),
            ("001090000001", "901090000001", Test::Digit, true),
            ("001090000001", "901090000002", Test::Digit, false),
            ("001090000001", "001090000001", Test::Digit, false),
            ("1", "2", Test::Else, true),
        ] {
            assert_eq!(key(left).passes(key(right), test), holds, "{left} {right} {test:?}");
            assert_eq!(key(right).passes(key(left), test), holds, "{right} {left} {test:?}");
        }
        assert_eq!(key("001-090").text(), "001090");
        for bad in ["", "12a", "12345678901234567", "-"] {
            assert_eq!(NumberKey::read(bad), None, "{bad}");
        }
    }
}
