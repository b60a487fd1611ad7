//! What the services say of themselves: their metric pages, read and added up.

use anyhow::Context;
use std::time::Duration;

/// One sample of a metric page.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

/// The samples of several pages.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Sample>);

/// A page of our own on this machine answers at once; a service that hangs must not hold up the reader.
const PATIENCE: Duration = Duration::from_secs(2);

impl Figures {
    /// Reads the pages of services by their admin addresses; one that does not answer adds nothing.
    pub async fn read(admin_urls: Vec<String>) -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
            let mut figures = Self::default();
            for url in admin_urls {
                if let Ok(mut page) = agent.get(&format!("{url}/metrics")).call()
                    && let Ok(text) = page.body_mut().read_to_string()
                {
                    figures.add(&text);
                }
            }
            figures
        })
        .await
        .context("the metric pages could not be read")
    }

    fn add(&mut self, page: &str) {
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            if let Ok(value) = value.parse() {
                let labels = format!(",{}", labels.trim_end_matches('}'));
                self.0.push(Sample { name: name.to_owned(), labels, value });
            }
        }
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = f64> + 'a {
        let wanted: Vec<String> =
            labels.iter().map(|(label, value)| format!(",{label}=\"{value}\"")).collect();
        self.0
            .iter()
            .filter(move |s| s.name == name && wanted.iter().all(|label| s.labels.contains(label)))
            .map(|s| s.value)
    }

    /// The sum of a metric's series that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).fold(0.0, |sum, value| sum + value)
    }

    /// The greatest of them, 0 where there is none.
    pub fn max(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_chosen_by_whole_labels() {
        let mut figures = Figures::default();
        figures.add("# HELP x y\nx_total{source=\"a\",op=\"insert\"} 3\nx_total{source=\"ab\",op=\"insert\"} 4\nz 1.5\n");
        assert!((figures.sum("x_total", &[("source", "a")]) - 3.0).abs() < f64::EPSILON);
        assert!((figures.sum("x_total", &[("op", "insert")]) - 7.0).abs() < f64::EPSILON);
        assert!((figures.max("z", &[]) - 1.5).abs() < f64::EPSILON);
    }
}
