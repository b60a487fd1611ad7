//! Seeded chance: the same seed and stream give the same people, whatever else is drawn elsewhere.

use chrono::{Days, NaiveDate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::RangeInclusive;

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// One of the independent streams of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// True in the given share of cases.
    pub fn hit(&mut self, share: f64) -> bool {
        share > 0.0 && self.0.random_bool(share.min(1.0))
    }

    /// A number of the range; the range must not be empty.
    pub fn between(&mut self, range: RangeInclusive<i64>) -> i64 {
        if range.is_empty() { *range.start() } else { self.0.random_range(range) }
    }

    /// An index below `len`; 0 if there is none.
    pub fn below(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.random_range(0..len) }
    }

    /// One of them, each as likely; nothing of an empty list.
    pub fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }

    /// One of them by weight.
    pub fn weighted<T: Copy + Default>(&mut self, items: &[(T, u32)]) -> T {
        let total: u32 = items.iter().map(|(_, weight)| weight).sum();
        let mut left = if total == 0 { 0 } else { self.0.random_range(0..total) };
        for (item, weight) in items {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        T::default()
    }

    /// Digits of chance.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.0.random_range(0..10_u8))).collect()
    }

    /// A day of the range of days after (or before) `day`.
    pub fn day_after(&mut self, day: NaiveDate, days: RangeInclusive<i64>) -> NaiveDate {
        let shift = self.between(days);
        let far = Days::new(shift.unsigned_abs());
        let moved = if shift < 0 { day.checked_sub_days(far) } else { day.checked_add_days(far) };
        moved.unwrap_or(day)
    }

    /// A day from the first to the last of them.
    pub fn day_between(&mut self, first: NaiveDate, last: NaiveDate) -> NaiveDate {
        self.day_after(first, 0..=(last - first).num_days().max(0))
    }
}
