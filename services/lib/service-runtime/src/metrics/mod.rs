//! Metrics, typed: every family stands once in [`catalogue`], a service asks for handles by that constant, and every
//! combination of labels that is known at start is created at 0 (a counter that first appears at 1 shows no increase,
//! so an alert would miss the first event).

pub mod catalogue;
mod consumer_lag;
mod errors;
mod family;
mod handle;
mod label;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

pub use consumer_lag::ConsumerLag;
pub use errors::{ErrorType, Errors, Stage};
pub use family::{CounterFamily, Description, GaugeFamily, HistogramFamily, Kind};
pub use handle::{Counter, Counters, Gauge, Gauges, Histogram, Histograms};
pub use label::{Label, LabelSets};

/// All metrics of a process. Clones share the same values.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    registry: Registry,
    counters: Mutex<BTreeMap<&'static str, IntCounterVec>>,
    gauges: Mutex<BTreeMap<&'static str, GaugeVec>>,
    histograms: Mutex<BTreeMap<&'static str, HistogramVec>>,
}

impl Metrics {
    /// No families yet; the process's own figures (CPU, memory, descriptors) are there where the platform gives them.
    pub fn new() -> Self {
        let metrics = Self::default();
        #[cfg(target_os = "linux")]
        metrics.register(prometheus::process_collector::ProcessCollector::for_self());
        metrics.errors();
        metrics
    }

    /// The counters of errors, by stage and type.
    pub fn errors(&self) -> Errors {
        Errors::new(self)
    }

    /// The counters of a family; `known` are the label sets to show at 0 from now on. Asking again gives the same
    /// counters and adds label sets.
    pub fn counters<const N: usize>(
        &self,
        family: &'static CounterFamily<N>,
        known: impl Into<LabelSets<N>>,
    ) -> Counters<N> {
        let mut families = self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let vector = families.entry(family.name).or_insert_with(|| {
            // Invalid names and labels are excluded by a test over the catalogue.
            #[expect(clippy::expect_used, reason = "a test proves the options of every family valid")]
            let vector = IntCounterVec::new(Opts::new(family.name, family.help), &family.labels)
                .expect("the catalogue holds valid families only");
            self.register(vector.clone());
            vector
        });
        let counters = Counters::new(vector.clone());
        for labels in known.into() {
            counters.with(labels);
        }
        counters
    }

    /// The one counter of a family without labels.
    pub fn counter(&self, family: &'static CounterFamily<0>) -> Counter {
        self.counters(family, LabelSets::none()).with::<Label>([])
    }

    /// The gauges of a family; `known` as for [`Metrics::counters`].
    pub fn gauges<const N: usize>(
        &self,
        family: &'static GaugeFamily<N>,
        known: impl Into<LabelSets<N>>,
    ) -> Gauges<N> {
        let mut families = self.shared.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let vector = families.entry(family.name).or_insert_with(|| {
            #[expect(clippy::expect_used, reason = "a test proves the options of every family valid")]
            let vector = GaugeVec::new(Opts::new(family.name, family.help), &family.labels)
                .expect("the catalogue holds valid families only");
            self.register(vector.clone());
            vector
        });
        let gauges = Gauges::new(vector.clone());
        for labels in known.into() {
            gauges.with(labels);
        }
        gauges
    }

    /// The one gauge of a family without labels.
    pub fn gauge(&self, family: &'static GaugeFamily<0>) -> Gauge {
        self.gauges(family, LabelSets::none()).with::<Label>([])
    }

    /// The histograms of a family; `known` as for [`Metrics::counters`].
    pub fn histograms<const N: usize>(
        &self,
        family: &'static HistogramFamily<N>,
        known: impl Into<LabelSets<N>>,
    ) -> Histograms<N> {
        let mut families = self.shared.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let vector = families.entry(family.name).or_insert_with(|| {
            let options = HistogramOpts::new(family.name, family.help).buckets(family.buckets.to_vec());
            #[expect(clippy::expect_used, reason = "a test proves the options of every family valid")]
            let vector =
                HistogramVec::new(options, &family.labels).expect("the catalogue holds valid families only");
            self.register(vector.clone());
            vector
        });
        let histograms = Histograms::new(vector.clone());
        for labels in known.into() {
            histograms.with(labels);
        }
        histograms
    }

    /// The one histogram of a family without labels.
    pub fn histogram(&self, family: &'static HistogramFamily<0>) -> Histogram {
        self.histograms(family, LabelSets::none()).with::<Label>([])
    }

    /// Everything in the text format that Prometheus scrapes.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.shared.registry.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics cannot be written as text");
            String::new()
        })
    }

    fn register(&self, collector: impl prometheus::core::Collector + 'static) {
        if let Err(error) = self.shared.registry.register(Box::new(collector)) {
            tracing::error!(%error, "a metric family is registered twice; the second one is not shown");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label_enum;

    label_enum! {
        /// What the row did.
        pub enum Op { Insert = "insert", Delete = "delete" }
    }

    #[test]
    fn known_label_sets_are_there_at_0() {
        let metrics = Metrics::new();
        let known =
            LabelSets::all([vec![Label::id("civil_status")], Label::ids(["birth", "death"]), Op::labels()]);
        let events = metrics.counters(&catalogue::SOURCE_EVENTS, known);
        let text = metrics.render();
        for entity in ["birth", "death"] {
            for op in ["insert", "delete"] {
                let line = format!(
                    "dansync_source_events_total{{entity=\"{entity}\",op=\"{op}\",source=\"civil_status\"}} 0"
                );
                assert!(text.contains(&line), "{line} is missing in\n{text}");
            }
        }
        events.with([Label::id("civil_status"), Label::id("birth"), Op::Insert.into()]).add(3);
        assert!(metrics.render().contains("op=\"insert\",source=\"civil_status\"} 3"));
    }

    #[test]
    fn asking_twice_gives_the_same_counter() {
        let metrics = Metrics::new();
        metrics.counter(&catalogue::FENCED_WRITES).add(1);
        metrics.clone().counter(&catalogue::FENCED_WRITES).add(1);
        assert!(metrics.render().contains("dansync_fenced_writes_total 2"));
    }

    #[test]
    fn every_family_of_the_catalogue_can_be_registered() {
        for family in catalogue::ALL {
            let options = Opts::new(family.name, family.help);
            assert!(IntCounterVec::new(options, family.labels).is_ok(), "{}", family.name);
        }
    }
}
