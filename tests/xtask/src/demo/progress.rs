//! What moves, on the screen: each hop against its total, from the services' own metrics.

use acceptance::pipeline::{Deployment, Eyes, Figures, RowChanges, SOURCES};
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
    changes: RowChanges,
    reconcilers: String,
    began: Instant,
}

impl Progress {
    pub(super) async fn open(deployment: &Deployment) -> anyhow::Result<Self> {
        Ok(Self {
            admin_urls: deployment.admin_urls(),
            eyes: Eyes::open(deployment).await?,
            changes: RowChanges::since_start(deployment).await?,
            reconcilers: format!("{}reconciler", deployment.options.topic_prefix),
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
        // A line that cannot be had now comes with the next turn; what is wrong is told by who waits for the end.
        if let Ok(line) = self.look().await {
            prerequisites::say(line);
        }
    }

    async fn look(&self) -> anyhow::Result<String> {
        let figures = Figures::read(self.admin_urls.clone()).await?;
        let quarantined = figures.sum("dansync_source_rejected_events_total", &[]);
        let captured = SOURCES
            .iter()
            .map(|source| figures.sum("dansync_source_events_total", &[("source", source)]))
            .fold(0.0, |sum, rows| sum + rows);
        let merged = figures.sum("dansync_reconciler_records_total", &[]);
        let (known, compared) = self.eyes.persons().await?;
        let (authorised, delivered, waiting) = self.eyes.releases().await?;
        let lag = figures.max("dansync_consumer_lag_seconds", &[]);
        let behind = figures.sum("dansync_consumer_lag_records", &[("group", &self.reconcilers)]);
        let loading = self.eyes.loading().await?.map(|at| format!("  first load: {at}")).unwrap_or_default();
        // A source's statistics come a little later than its changes.
        let rows = captured.max(self.changes.count().await?);
        Ok(format!(
            "{:>4} s  captured {captured:>7}/{rows} rows  merged {merged:>7}/{} records  authorised {compared:>6}/{known} persons  \
             delivered {delivered:>6}/{authorised}  waiting {waiting:>5}  quarantined {quarantined:>4}  lag {lag:>4.1} s{loading}",
            self.began.elapsed().as_secs(),
            merged + behind,
        ))
    }
}
