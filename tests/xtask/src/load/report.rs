//! The report of a load, for people side by side and for programs in the form that they may rely on (design §9).

use super::machine::Machine;
use serde::Serialize;

/// What was measured where.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) machine: Machine,
    pub(super) metrics: Vec<Metric>,
}

/// One figure. Baseline and ratio are null where nothing is to be compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    pub(super) baseline: Option<f64>,
    pub(super) ratio: Option<f64>,
}

impl Metric {
    /// A figure by itself.
    pub(super) fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value: rounded(value), baseline: None, ratio: None }
    }

    /// A figure beside what it is measured by: a floor's speed, or a target.
    pub(super) fn beside(name: impl Into<String>, unit: &'static str, value: f64, baseline: f64) -> Self {
        let ratio = (baseline > 0.0).then(|| (value / baseline * 1000.0).round() / 1000.0);
        Self { baseline: Some(rounded(baseline)), ratio, ..Self::new(name, unit, value) }
    }
}

impl Report {
    /// The table for the screen.
    pub(super) fn lines(&self) -> Vec<String> {
        let Machine { cores, memory_gib, cpu, kernel } = &self.machine;
        let mut lines = vec![
            String::new(),
            format!("load {} on {cores} cores, {memory_gib} GiB, {cpu}, Linux {kernel}", self.name),
            format!("{:<44}{:>14}{:>14}{:>8}  unit", "figure", "measured", "baseline", "ratio"),
        ];
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        lines.extend(self.metrics.iter().map(|m| {
            let (baseline, ratio) = (shown(m.baseline), shown(m.ratio));
            format!("{:<44}{:>14}{baseline:>14}{ratio:>8}  {}", m.name, m.value, m.unit)
        }));
        lines
    }
}

/// Two digits after the point below a hundred, none above: what lies behind them is noise.
fn rounded(value: f64) -> f64 {
    if value.abs() < 100.0 { (value * 100.0).round() / 100.0 } else { value.round() }
}

#[cfg(test)]
mod tests {
    use super::{Machine, Metric, Report};

    fn report() -> Report {
        let metrics = vec![
            Metric::beside("capture.backlog", "records/s", 40_000.4, 100_000.0),
            Metric::new("capture.memory", "MB", 99.126),
        ];
        let (cpu, kernel) = ("A CPU".to_owned(), "6.1".to_owned());
        let machine = Machine { cores: 2, memory_gib: 24, cpu, kernel };
        Report { name: "capture".to_owned(), machine, metrics }
    }

    #[test]
    fn programs_get_the_form_they_rely_on() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "name": "capture",
                "machine": { "cores": 2, "memory_gib": 24, "cpu": "A CPU", "kernel": "6.1" },
                "metrics": [
                    { "name": "capture.backlog", "unit": "records/s", "value": 40_000.0, "baseline": 100_000.0, "ratio": 0.4 },
                    { "name": "capture.memory", "unit": "MB", "value": 99.13, "baseline": null, "ratio": null },
                ],
            })
        );
    }

    #[test]
    fn people_see_figure_and_baseline_side_by_side() {
        let lines = report().lines().join("\n");
        assert!(lines.contains("load capture on 2 cores, 24 GiB, A CPU"), "{lines}");
        assert!(lines.lines().any(|line| line.contains("40000        100000     0.4  records/s")), "{lines}");
    }

    #[test]
    fn a_baseline_of_nothing_gives_no_ratio() {
        assert_eq!(Metric::beside("x", "s", 1.0, 0.0).ratio, None);
    }
}
