//! Whether this process can do its work now: a set of named checks, all of which must pass.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::metrics::{Gauge, Gauges, Label, LabelSets, Metrics, catalogue};

/// The checks of a process; shown at `/readyz` and as `dansync_ready{check}`. Beside them details, which say how a part stands
/// that readiness does not depend on.
#[derive(Debug, Clone)]
pub struct Readiness {
    gauges: Gauges<1>,
    checks: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    details: Arc<Mutex<BTreeMap<&'static str, Value>>>,
}

/// One detail, held by whoever knows it; no value of a person belongs in it.
#[derive(Debug, Clone)]
pub struct Detail {
    name: &'static str,
    details: Arc<Mutex<BTreeMap<&'static str, Value>>>,
}

/// One check, held by whoever knows its state.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    gauge: Gauge,
    checks: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Readiness {
    /// Without checks: ready.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            gauges: metrics.gauges(&catalogue::READY, LabelSets::none()),
            checks: Arc::default(),
            details: Arc::default(),
        }
    }

    /// A check that fails until [`Check::set`] says otherwise. Asking again for the same name shares the state.
    pub fn check(&self, name: &'static str) -> Check {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(false);
        Check { name, gauge: self.gauges.with([Label::fixed(name)]), checks: Arc::clone(&self.checks) }
    }

    /// A detail that is null until [`Detail::set`] says otherwise.
    pub fn detail(&self, name: &'static str) -> Detail {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default();
        Detail { name, details: Arc::clone(&self.details) }
    }

    /// Every detail, by name.
    pub fn details(&self) -> BTreeMap<&'static str, Value> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every check passes.
    pub fn is_ready(&self) -> bool {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).values().all(|passes| *passes)
    }

    /// Every check with its state, by name.
    pub fn states(&self) -> BTreeMap<&'static str, bool> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Detail {
    /// So it stands from now on.
    pub fn set(&self, value: Value) {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name, value);
    }
}

impl Check {
    /// The check passes, or fails, from now on.
    pub fn set(&self, passes: bool) {
        self.gauge.set_flag(passes);
        let before = self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name, passes);
        if before != Some(passes) {
            tracing::info!(check = self.name, passes, "readiness changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_every_check_passes() {
        let metrics = Metrics::new();
        let readiness = Readiness::new(&metrics);
        assert!(readiness.is_ready());
        let (kafka, registry) = (readiness.check("kafka"), readiness.check("registry"));
        kafka.set(true);
        assert!(!readiness.is_ready());
        assert!(metrics.render().contains("dansync_ready{check=\"registry\"} 0"));
        registry.set(true);
        assert!(readiness.is_ready());
        kafka.set(false);
        assert!(!readiness.is_ready());
        assert!(metrics.render().contains("dansync_ready{check=\"kafka\"} 0"));
    }
}
