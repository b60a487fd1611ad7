//! What moves, on the screen: each hop against its total, from the services' own metrics.

use acceptance::pipeline::{Deployment, Eyes, Figures};
use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// A line this often: quick enough to see it move, and in a file not too many of them.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const IN_FILE: Duration = Duration::from_secs(5);

/// Reads metrics and prints lines.
pub(super) struct Progress {
    admin_urls: Vec<String>,
    eyes: Eyes,
    began: Instant,
}

impl Progress {
    pub(super) async fn open(deployment: &Deployment) -> anyhow::Result<Self> {
        Ok(Self {
            admin_urls: deployment.admin_urls(),
            eyes: Eyes::open(deployment).await?,
            began: Instant::now(),
        })
    }

    /// Prints until nobody waits for it any more.
    pub(super) async fn forever(&self) -> Infallible {
        let every = if std::io::stderr().is_terminal() { ON_TERMINAL } else { IN_FILE };
        let mut turns = tokio::time::interval(every);
        loop {
            turns.tick().await;
            self.line().await;
        }
    }

    /// Prints until the first load is through and nothing moves.
    pub(super) async fn until_settled(&self, within: Duration) -> anyhow::Result<()> {
        tokio::select! {
            settled = self.eyes.settled(&[], 0, within) => settled?,
            never = self.forever() => match never {},
        }
        self.line().await;
        Ok(())
    }

    async fn line(&self) {
        let Ok(figures) = Figures::read(self.admin_urls.clone()).await else { return };
        let agencies = |name: &str| -> f64 {
            ["civil_status", "residence", "identity", "medical", "steward"]
                .iter()
                .map(|s| figures.sum(name, &[("source", s)]))
                .sum()
        };
        let captured = agencies("dansync_source_events_total");
        let merged = figures.sum("dansync_reconciler_records_total", &[]);
        let quarantined = figures.sum("dansync_source_rejected_events_total", &[]);
        let Ok((authorised, delivered, waiting)) = self.eyes.releases().await else { return };
        let lag = figures.max("dansync_consumer_lag_seconds", &[]);
        prerequisites::say(format_args!(
            "{:>4} s  captured {captured:>8}  merged {merged:>8}  authorised {authorised:>7}  delivered {delivered:>7}  waiting {waiting:>6}  quarantined {quarantined:>4}  lag {lag:>5.1} s",
            self.began.elapsed().as_secs(),
        ));
    }
}
