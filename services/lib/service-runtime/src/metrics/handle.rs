//! What a service holds to count, set and observe.

use std::time::Duration;

use prometheus::{GaugeVec, HistogramVec, IntCounter, IntCounterVec};

use super::label::Label;

/// The counters of a family.
#[derive(Debug, Clone)]
pub struct Counters<const N: usize>(IntCounterVec);

/// One counter.
#[derive(Debug, Clone)]
pub struct Counter(IntCounter);

/// The gauges of a family.
#[derive(Debug, Clone)]
pub struct Gauges<const N: usize>(GaugeVec);

/// One gauge.
#[derive(Debug, Clone)]
pub struct Gauge(prometheus::Gauge);

/// The histograms of a family.
#[derive(Debug, Clone)]
pub struct Histograms<const N: usize>(HistogramVec);

/// One histogram.
#[derive(Debug, Clone)]
pub struct Histogram(prometheus::Histogram);

fn texts<const N: usize>(labels: &[Label; N]) -> [&str; N] {
    std::array::from_fn(|index| labels.get(index).map_or("", Label::as_str))
}

impl<const N: usize> Counters<N> {
    pub(super) fn new(vector: IntCounterVec) -> Self {
        Self(vector)
    }

    /// The counter with these labels, in the family's order. Keep the handle on a hot path.
    pub fn with<L: Into<Label>>(&self, labels: [L; N]) -> Counter {
        Counter(self.0.with_label_values(&texts(&labels.map(Into::into))))
    }
}

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.inc();
    }

    /// `count` more.
    pub fn add(&self, count: u64) {
        self.0.inc_by(count);
    }

    /// The present value.
    pub fn value(&self) -> u64 {
        self.0.get()
    }
}

impl<const N: usize> Gauges<N> {
    pub(super) fn new(vector: GaugeVec) -> Self {
        Self(vector)
    }

    /// The gauge with these labels, in the family's order.
    pub fn with<L: Into<Label>>(&self, labels: [L; N]) -> Gauge {
        Gauge(self.0.with_label_values(&texts(&labels.map(Into::into))))
    }

    /// Shows these labels no longer: a partition that went to another instance must not stay at its last value.
    pub fn forget<L: Into<Label>>(&self, labels: [L; N]) {
        // The only error says that the labels were not there.
        self.0.remove_label_values(&texts(&labels.map(Into::into))).ok();
    }
}

impl Gauge {
    /// Shows `value`: seconds, a ratio, a Unix time.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Shows a count.
    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 need no exact display")]
    pub fn set_count(&self, count: u64) {
        self.0.set(count as f64);
    }

    /// Shows 1 or 0.
    pub fn set_flag(&self, flag: bool) {
        self.0.set(if flag { 1.0 } else { 0.0 });
    }

    /// Shows a length of time in seconds.
    pub fn set_duration(&self, duration: Duration) {
        self.0.set(duration.as_secs_f64());
    }

    /// Adds `difference`, which may be negative.
    pub fn add(&self, difference: f64) {
        self.0.add(difference);
    }

    /// The present value.
    pub fn value(&self) -> f64 {
        self.0.get()
    }
}

impl<const N: usize> Histograms<N> {
    pub(super) fn new(vector: HistogramVec) -> Self {
        Self(vector)
    }

    /// The histogram with these labels, in the family's order.
    pub fn with<L: Into<Label>>(&self, labels: [L; N]) -> Histogram {
        Histogram(self.0.with_label_values(&texts(&labels.map(Into::into))))
    }
}

impl Histogram {
    /// Counts one observation, in seconds.
    pub fn observe(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }

    /// Counts one observation in the family's own unit.
    pub fn observe_value(&self, value: f64) {
        self.0.observe(value);
    }

    /// How many observations there are.
    pub fn count(&self) -> u64 {
        self.0.get_sample_count()
    }
}
