//! Knowing that nothing moves any more: not by waiting, by asking each hop whether it holds all that the one before has.

use super::Deployment;
use anyhow::bail;
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How often the hops are asked.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Pools as administrator for the questions.
#[derive(Debug, Clone)]
pub struct Eyes {
    registry: PgPool,
    disclosure: PgPool,
}

/// What a hop still has before it. All zero: settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Partitions of source topics that a fence has not reached.
    pub fences: i64,
    /// First load not finished: 1.
    pub loading: i64,
    /// Persons to merge anew.
    pub due: i64,
    /// Rows and source keys that the matcher has not looked at; 1 before it has begun.
    pub matching: i64,
    /// Persons whose newest version the disclosure side does not hold.
    pub uncaptured: i64,
    /// Comparisons of whole agreements not finished.
    pub backfills: i64,
    /// Deliveries without outcome, parked ones aside.
    pub deliveries: i64,
}

impl Waiting {
    fn settled(self) -> bool {
        self == Self::default()
    }
}

impl Eyes {
    /// Opens them.
    pub async fn open(deployment: &Deployment) -> anyhow::Result<Self> {
        Ok(Self {
            registry: deployment.registries.registry.administrator().await?,
            disclosure: deployment.registries.disclosure.administrator().await?,
        })
    }

    /// What the first load does between reading and being through, and how far that is; none before and after.
    pub async fn loading(&self) -> anyhow::Result<Option<String>> {
        let at: Option<(String, i64, i64, i64)> = sqlx::query_as(
            "select s.stage, (select count(*) from load_slice l where l.stage = s.stage),
                    (select count(*) from match_record), (select count(*) from match_again)
             from load_state s where s.stage not in ('keep', 'live')",
        )
        .fetch_optional(&self.registry)
        .await?;
        Ok(at.map(|(stage, slices, placed, undecided)| match (stage.as_str(), undecided) {
            ("match", 0) => format!("match, {placed} records have their place"),
            ("match", keys) => format!("match, {keys} keys to decide"),
            (stage, _) => format!("{stage}, {slices} slices left"),
        }))
    }

    /// What each hop has before it, after the fences of these names.
    pub async fn look(&self, fences: &[String], partitions: i64) -> anyhow::Result<Waiting> {
        let (loading, due, matching, reached): (i64, i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from load_state where stage <> 'live'),
                    (select count(*) from due where on_date <= coalesce((select date from business_day), current_date)),
                    (select count(*) from match_pending) + (select count(*) from match_again)
                      + (select 1 - count(*) from match_state where phase = 'live'),
                    (select count(*) from fence where fence_id = any($1))",
        )
        .bind(fences)
        .fetch_one(&self.registry)
        .await?;
        let (backfills, deliveries): (i64, i64) = sqlx::query_as(
            "select (select count(*) from backfill where finished_at is null),
                    (select count(*) from delivery where settled_at is null and parked is null)",
        )
        .fetch_one(&self.disclosure)
        .await?;
        let expected = i64::try_from(fences.len()).unwrap_or(i64::MAX) * partitions;
        let mut waiting = Waiting {
            fences: expected - reached,
            loading,
            due,
            matching,
            uncaptured: 0,
            backfills,
            deliveries,
        };
        if waiting.settled() {
            waiting.uncaptured = self.uncaptured().await?;
        }
        Ok(waiting)
    }

    /// Persons whose newest version has other bytes on the two sides, the five of the wire header aside; only sums travel.
    async fn uncaptured(&self) -> anyhow::Result<i64> {
        let written: (i64, Option<String>) = sqlx::query_as(
            "select count(*), sum(hashtextextended(md5(v.payload), 0))::text
             from person p join person_version v on v.key = p.person_id::text and v.id = p.version",
        )
        .fetch_one(&self.registry)
        .await?;
        let held: (i64, Option<String>) = sqlx::query_as(
            "select count(*), sum(hashtextextended(md5(substring(image from 6)), 0))::text from person_state",
        )
        .fetch_one(&self.disclosure)
        .await?;
        Ok(if written == held { 0 } else { (written.0 - held.0).abs().max(1) })
    }

    /// Releases authorised, delivered, and waiting for their outcome.
    pub async fn releases(&self) -> anyhow::Result<(i64, i64, i64)> {
        let counts = sqlx::query_as(
            "select count(*), count(*) filter (where outcome = 'delivered'), count(*) filter (where outcome is null) from delivery",
        )
        .fetch_one(&self.disclosure)
        .await?;
        Ok(counts)
    }

    /// Persons with a version in the registry, and persons compared with the agreements.
    pub async fn persons(&self) -> anyhow::Result<(i64, i64)> {
        let known = sqlx::query_scalar("select count(*) from person where version > 0")
            .fetch_one(&self.registry)
            .await?;
        let compared =
            sqlx::query_scalar("select count(*) from person_state").fetch_one(&self.disclosure).await?;
        Ok((known, compared))
    }

    /// Waits until nothing moves.
    ///
    /// # Errors
    /// When something still moves at the deadline; the error says what.
    pub async fn settled(&self, fences: &[String], partitions: i64, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        let mut turns = tokio::time::interval(ASK_AGAIN);
        loop {
            turns.tick().await;
            let waiting = self.look(fences, partitions).await?;
            if waiting.settled() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("still moving after {within:?}: {waiting:?}");
            }
        }
    }
}
