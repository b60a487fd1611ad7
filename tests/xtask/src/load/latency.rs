//! Times of many changes, as the few numbers that are worth telling. Pure.

/// Times in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Vec<f64>);

impl Times {
    pub(super) fn add(&mut self, milliseconds: f64) {
        self.0.push(milliseconds);
    }

    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which that share of the changes (in percent) was through: the nearest rank, a time that was measured.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let mut times = Times::default();
        // 100, 99, … 1: the order of arrival is not that of size.
        for n in (1..=100).rev() {
            times.add(f64::from(n));
        }
        for (percent, expected) in [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            assert!((times.percentile(percent) - expected).abs() < f64::EPSILON, "{percent}");
        }
        times.add(1_000.0);
        assert!((times.percentile(99) - 100.0).abs() < f64::EPSILON);
        assert!((times.percentile(100) - 1_000.0).abs() < f64::EPSILON);
        assert!(Times::default().percentile(50).is_nan());
    }
}
