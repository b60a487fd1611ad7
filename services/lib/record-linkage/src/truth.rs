//! How well clusters agree with the truth, counted in pairs of records.

use crate::numeric::real;

/// Pairs in one cluster: found, true, and both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Pairs found to be one person.
    pub found: u64,
    /// Pairs that are one person.
    pub truth: u64,
    /// Both.
    pub both: u64,
}

impl Agreement {
    /// Share of the found pairs that are true; 1 if none is found.
    pub fn precision(self) -> f64 {
        share(self.both, self.found)
    }

    /// Share of the true pairs that are found; 1 if there is none.
    pub fn recall(self) -> f64 {
        share(self.both, self.truth)
    }

    /// Harmonic mean of both.
    pub fn f1(self) -> f64 {
        share(2 * self.both, self.found + self.truth)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { real(part) / real(whole) }
}

/// Compares clusters, given for each record as (found, true).
pub fn agreement(records: impl IntoIterator<Item = (u32, u32)>) -> Agreement {
    let mut records: Vec<(u32, u32)> = records.into_iter().collect();
    records.sort_unstable();
    let both = pairs(&records, |a, b| a == b);
    let found = pairs(&records, |a, b| a.0 == b.0);
    records.sort_unstable_by_key(|(_, truth)| *truth);
    Agreement { found, truth: pairs(&records, |a, b| a.1 == b.1), both }
}

fn pairs(sorted: &[(u32, u32)], same: impl Fn(&(u32, u32), &(u32, u32)) -> bool) -> u64 {
    sorted.chunk_by(same).map(|group| group.len() as u64).map(|n| n * (n - 1) / 2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted() {
        // found {0,1,2} {3} {4,5}; true {0,1} {2,3} {4,5}
        let measured = agreement([(0, 0), (0, 0), (0, 2), (3, 2), (4, 4), (4, 4)]);
        assert_eq!(measured, Agreement { found: 4, truth: 3, both: 2 });
        assert!((measured.f1() - 4.0 / 7.0).abs() < 1e-12);
        assert!((agreement([]).f1() - 1.0).abs() < 1e-12);
    }
}
