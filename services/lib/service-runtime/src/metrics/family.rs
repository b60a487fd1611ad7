//! What a metric family is, before any value: its name, labels, help and buckets.

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations per bucket.
    Histogram,
}

/// A family as data, for the tests and documents that compare the catalogue with dashboards and alerts.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// Name with prefix and unit.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Label names in the order in which a service gives the values.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// A family of counters with `N` labels.
#[derive(Debug)]
pub struct CounterFamily<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    pub(super) help: &'static str,
}

/// A family of gauges with `N` labels.
#[derive(Debug)]
pub struct GaugeFamily<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    pub(super) help: &'static str,
}

/// A family of histograms with `N` labels.
#[derive(Debug)]
pub struct HistogramFamily<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    pub(super) help: &'static str,
    pub(super) buckets: &'static [f64],
}

macro_rules! describe {
    ($family:ident, $kind:expr) => {
        impl<const N: usize> $family<N> {
            /// The family's name.
            pub const fn name(&self) -> &'static str {
                self.name
            }

            pub(super) const fn describe(&'static self) -> Description {
                Description { name: self.name, kind: $kind, labels: &self.labels, help: self.help }
            }
        }
    };
}

describe!(CounterFamily, Kind::Counter);
describe!(GaugeFamily, Kind::Gauge);
describe!(HistogramFamily, Kind::Histogram);
