//! The matcher's work in a first load, timed: every record's place in the blocks, then every link.

use super::course::{Course, LOOK, WITHIN, look, watch};
use super::truth::Truth;
use crate::load::report::Metric;
use anyhow::ensure;
use prerequisites::say;
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How far the first load and the matcher in it are.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
struct Matching {
    stage: String,
    phase: String,
}

/// What it found.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
struct Found {
    compared: i64,
    unkeyed: i64,
    links: i64,
    reviews: i64,
    over_bound: i64,
}

impl Course {
    /// From the empty registry until every record without a number was decided about.
    pub(super) async fn matched(&mut self, records: u64, truth: &Truth) -> anyhow::Result<()> {
        let pool = self.deployment.registries.registry.administrator().await?;
        let before = look(&pool).await?;
        let starting = self.deployment.launch_those(|one| one.service == "reconciler" && one.name == "1");
        let records = i64::try_from(records)?;
        let done = tokio::try_join!(starting, watch(&pool, &before, records), until_matched(&pool));
        let found: Found = sqlx::query_as(
            "select (select count(*) from match_record) as compared,
               (select count(distinct source_key) from match_record where movable) as unkeyed,
               (select count(*) from scored_link where until is null) as links,
               (select count(*) from match_review where until is null) as reviews,
               (select count(*) from match_block_over) as over_bound",
        )
        .fetch_one(&pool)
        .await?;
        let linked: Vec<(String, String)> =
            sqlx::query_as("select source_key, anchor from scored_link where until is null")
                .fetch_all(&pool)
                .await?;
        let stopped = self.deployment.stop().await;
        pool.close().await;
        let ((), _, (keys, decided)) = done?;
        stopped?;
        let Found { links, reviews, over_bound, .. } = found;
        say(format_args!("{links} links, {reviews} pairs for a human, {over_bound} blocks over their bound"));
        self.rate("match.keys", found.compared, keys);
        self.rate("match.unkeyed", found.unkeyed, decided);
        self.count(&linked, truth);
        Ok(())
    }

    /// How many links lead to the person that they should, of those that the truth tells.
    fn count(&mut self, linked: &[(String, String)], truth: &Truth) {
        let told: Vec<bool> = linked.iter().filter_map(|(key, anchor)| truth.is_one(key, anchor)).collect();
        let wrong = told.iter().filter(|right| !**right).count();
        say(format_args!(
            "{wrong} of {} links lead to somebody else; of {} nobody can say",
            told.len(),
            linked.len() - told.len()
        ));
        #[expect(clippy::cast_precision_loss, reason = "counts of a load are far below 2^52")]
        self.metrics.push(Metric::new("match.links.wrong".to_owned(), "links", wrong as f64));
    }

    fn rate(&mut self, name: &str, count: i64, took: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "counts of a load are far below 2^52")]
        let rate = count as f64 / took.as_secs_f64().max(1e-3);
        say(format_args!("{name}: {count} records in {:.1} s", took.as_secs_f64()));
        self.metrics.push(Metric::new(name.to_owned(), "records/s", rate));
    }
}

/// How long it took until every record had its place, and from there until every link was decided.
async fn until_matched(pool: &PgPool) -> anyhow::Result<(Duration, Duration)> {
    let deadline = Instant::now() + WITHIN;
    let mut turns = tokio::time::interval(LOOK);
    let (mut began, mut placed) = (None, None);
    loop {
        turns.tick().await;
        let now: Matching = sqlx::query_as(
            "select stage, coalesce((select phase from match_state), '') as phase from load_state",
        )
        .fetch_one(pool)
        .await?;
        match (now.stage.as_str(), now.phase.as_str()) {
            ("keep" | "attach", _) => {}
            ("match", phase) => {
                let began = *began.get_or_insert_with(Instant::now);
                if phase == "live" {
                    placed.get_or_insert_with(|| began.elapsed());
                }
            }
            _ => {
                let all = began.map(|began| began.elapsed()).unwrap_or_default();
                let placed = placed.unwrap_or(all);
                return Ok((placed, all.saturating_sub(placed)));
            }
        }
        ensure!(Instant::now() < deadline, "{now:?} after {WITHIN:?}");
    }
}
