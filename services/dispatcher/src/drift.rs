//! Whether each sector's database has what its holdings say: page after page, round after round, on one instance.
//!
//! What is under way is no difference: a person with an open delivery, or whose guard row is ahead of the holding that was
//! read, is passed over and looked at in the next round.

use crate::agreements::{Agreements, InUse};
use crate::database::sector_pool;
use crate::run::{Sector, Shared};
use crate::sector::DriftQueries;
use disclosure_store::{
    HoldingRow, LaneKey, StoreError, acquire, fields_ever, holdings_of, person_page, references_known,
    references_open, release_lane, renew,
};
use registry_rules::{Mode, PersonId};
use service_runtime::label_enum;
use service_runtime::metrics::{Gauges, Label, LabelSets, Metrics, catalogue};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Persons, and rows of the sector, in one look.
const PAGE: i64 = 500;
/// Between two looks at each sector: neither database feels one, and half a million persons are through in half an hour.
const PERIOD: Duration = Duration::from_secs(2);
/// Another instance takes over when this one has been silent for so long.
const LEASE: Duration = Duration::from_secs(20);
/// For a sector that does not answer: it is looked at again in the next round, the others now.
const PATIENCE: Duration = Duration::from_secs(10);
/// The mode that is compared; of a topic nobody can say what its readers have kept.
const MODE: &str = Mode::Database.as_str();

label_enum! {
    /// In what a sector differs from its holdings.
    pub(crate) enum Drift {
        /// Held, and no row.
        Missing = "missing",
        /// An older release.
        Stale = "stale",
        /// A row of somebody who is not held, or never was.
        Extra = "extra",
        /// A value in a column that the agreement does not permit now.
        Unpermitted = "unpermitted",
    }
}

/// Handles, made once.
#[derive(Clone, Debug)]
pub(crate) struct DriftMetrics {
    records: Gauges<2>,
    checked_at: Gauges<1>,
}

impl DriftMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            records: metrics.gauges(&catalogue::SUBSCRIBER_DRIFT, LabelSets::none()),
            checked_at: metrics.gauges(&catalogue::SUBSCRIBER_DRIFT_LAST_CHECK_TIMESTAMP, LabelSets::none()),
        }
    }

    fn show(&self, agreement: &str, found: &Found, now_seconds: f64) {
        for kind in Drift::ALL {
            let count = found.get(kind).copied().unwrap_or(0);
            self.records.with([Label::id(agreement), (*kind).into()]).set_count(count);
        }
        self.checked_at.with([agreement]).set(now_seconds);
    }

    fn forget(&self, agreement: &str) {
        for kind in Drift::ALL {
            self.records.forget([Label::id(agreement), (*kind).into()]);
        }
        self.checked_at.forget([agreement]);
    }
}

/// How many of each kind.
type Found = BTreeMap<Drift, u64>;

/// How far a round has come with one sector.
#[derive(Debug)]
struct Round {
    pool: PgPool,
    persons_after: Option<PersonId>,
    persons_done: bool,
    rows_after: String,
    rows_done: bool,
    found: Found,
}

impl Round {
    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            persons_after: None,
            persons_done: false,
            rows_after: String::new(),
            rows_done: false,
            found: Found::new(),
        }
    }

    fn note(&mut self, kind: Drift, count: usize) {
        *self.found.entry(kind).or_default() += count as u64;
    }
}

/// Compares on, on the instance that holds the lease, until the drain.
pub(crate) async fn drift(shared: Shared) -> anyhow::Result<()> {
    let lane = LaneKey { agreement: "*".to_owned(), mode: "drift".to_owned() };
    let mut agreements =
        Agreements::new(Arc::clone(&shared.catalogue), shared.master.clone(), shared.metrics.clone());
    let mut rounds: BTreeMap<String, Round> = BTreeMap::new();
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lease = None;
    while shared.drain.unless_requested(ticks.tick()).await.is_some() {
        lease = match lease {
            Some(held) => renew(&shared.pool, &held, LEASE).await?.then_some(held),
            None => acquire(&shared.pool, &lane, shared.instance, LEASE).await?,
        };
        if lease.is_none() {
            // Another instance shows them.
            for agreement in std::mem::take(&mut rounds).keys() {
                shared.drift.forget(agreement);
            }
            continue;
        }
        let mut connection = shared.pool.acquire().await?;
        let in_use = agreements.in_use(&mut connection).await?;
        drop(connection);
        for one in &in_use {
            if let Some(sector) = shared.sectors.get(&one.row.agreement).filter(|_| is_compared(one)) {
                look(&shared, one, sector, &mut rounds).await;
            }
        }
    }
    if let Some(lease) = lease {
        release_lane(&shared.pool, &lease).await?;
    }
    Ok(())
}

/// While an agreement does not let content out, its sector is not kept up.
fn is_compared(one: &InUse) -> bool {
    one.compiled.agreement.modes.contains(&Mode::Database) && one.row.state.lets_content_out()
}

/// One look at one sector. What fails is looked at in the next round: whether a sector answers, its lane says.
async fn look(shared: &Shared, one: &InUse, sector: &Sector, rounds: &mut BTreeMap<String, Round>) {
    let agreement = one.row.agreement.as_str();
    let round = rounds
        .entry(agreement.to_owned())
        .or_insert_with(|| Round::new(sector_pool(sector.options.clone(), 1)));
    match tokio::time::timeout(PATIENCE, step(shared, one, sector, round)).await {
        Ok(Ok(())) if round.persons_done && round.rows_done => {
            let now = shared.clock.now().timestamp_millis();
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
            shared.drift.show(agreement, &round.found, now as f64 / 1_000.0);
            *round = Round::new(round.pool.clone());
        }
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(agreement, %error, "a sector could not be compared");
            *round = Round::new(round.pool.clone());
        }
        Err(_) => {
            tracing::debug!(agreement, "a sector took too long to be compared");
            *round = Round::new(round.pool.clone());
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum DriftError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server's message may quote a row.
    #[error("the sector's database does not answer")]
    Sector,
    #[error(transparent)]
    Mapping(#[from] crate::sector::MappingError),
}

async fn step(shared: &Shared, one: &InUse, sector: &Sector, round: &mut Round) -> Result<(), DriftError> {
    let mut connection = shared.pool.acquire().await.map_err(StoreError::from)?;
    let ever = fields_ever(&mut connection, &one.row.agreement, one.row.version).await?;
    let queries = sector.mapping.drift_queries(&one.compiled.agreement, &ever)?;
    if round.persons_done {
        rows(&mut connection, one, &queries, round).await
    } else {
        persons(&mut connection, one, &queries, round).await
    }
}

/// A page of persons: does the sector have them as they are held?
async fn persons(
    connection: &mut PgConnection,
    one: &InUse,
    queries: &DriftQueries,
    round: &mut Round,
) -> Result<(), DriftError> {
    let page = person_page(connection, round.persons_after, PAGE).await?;
    let held: BTreeMap<String, HoldingRow> = holdings_of(connection, &page)
        .await?
        .into_iter()
        .filter(|row| row.agreement == one.row.agreement && row.release_no > 0)
        .map(|row| (one.compiled.references.reference(row.person_id), row))
        .collect();
    let references: Vec<&str> = held.keys().map(String::as_str).collect();
    // After the holdings and before the sector: what was settled by now the sector shows.
    let open = references_open(connection, MODE, &references).await?;
    let has = rows_of(round, queries, &references).await?;
    for (reference, holding) in held.iter().filter(|(reference, _)| !open.contains(*reference)) {
        if let Some(kind) = difference(holding, has.get(reference)) {
            round.note(kind, 1);
        }
    }
    round.persons_after = page.last().copied();
    round.persons_done = is_last(page.len());
    Ok(())
}

/// A page of the sector's rows: whose are they, and is anything in them that it may not have?
async fn rows(
    connection: &mut PgConnection,
    one: &InUse,
    queries: &DriftQueries,
    round: &mut Round,
) -> Result<(), DriftError> {
    let page: Vec<(String, bool)> = sqlx::query_as(AssertSqlSafe(queries.page.as_str()))
        .bind(&round.rows_after)
        .bind(PAGE)
        .fetch_all(&round.pool)
        .await
        .map_err(|_| DriftError::Sector)?;
    let references: Vec<&str> = page.iter().map(|(reference, _)| reference.as_str()).collect();
    let known = references_known(connection, &one.row.agreement, &references).await?;
    let open = references_open(connection, MODE, &references).await?;
    round.note(Drift::Extra, references.iter().filter(|one| !known.contains(**one)).count());
    let filled = page.iter().filter(|(one, filled)| *filled && known.contains(one) && !open.contains(one));
    round.note(Drift::Unpermitted, filled.count());
    round.rows_done = is_last(page.len());
    if let Some((last, _)) = page.last() {
        round.rows_after.clone_from(last);
    }
    Ok(())
}

fn is_last(found: usize) -> bool {
    i64::try_from(found).unwrap_or(PAGE) < PAGE
}

/// What a sector has of one person.
#[derive(Clone, Copy, Debug, Default)]
struct Has {
    release_no: i64,
    row: bool,
}

async fn rows_of(
    round: &Round,
    queries: &DriftQueries,
    references: &[&str],
) -> Result<BTreeMap<String, Has>, DriftError> {
    let rows: Vec<(String, Option<i64>, bool)> = sqlx::query_as(AssertSqlSafe(queries.persons.as_str()))
        .bind(references)
        .fetch_all(&round.pool)
        .await
        .map_err(|_| DriftError::Sector)?;
    Ok(rows
        .into_iter()
        .map(|(reference, release_no, row)| (reference, Has { release_no: release_no.unwrap_or(0), row }))
        .collect())
}

/// What a settled holding says against what the sector has.
fn difference(held: &HoldingRow, has: Option<&Has>) -> Option<Drift> {
    let has = has.copied().unwrap_or_default();
    if has.release_no > held.release_no || (held.member && held.content_hash.is_none()) {
        return None;
    }
    match (held.member, has.row) {
        (true, false) => Some(Drift::Missing),
        (true, true) if has.release_no < held.release_no => Some(Drift::Stale),
        (false, true) => Some(Drift::Extra),
        (true, true) | (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::ContentHash;

    #[test]
    fn the_difference_in_every_case() {
        for (case, held, has, expected) in [
            ("equal", (true, true, 3), Some((3, true)), None),
            ("missing", (true, true, 3), Some((3, false)), Some(Drift::Missing)),
            ("never there", (true, true, 3), None, Some(Drift::Missing)),
            ("older", (true, true, 3), Some((2, true)), Some(Drift::Stale)),
            ("left and there", (false, false, 4), Some((4, true)), Some(Drift::Extra)),
            ("left and still at the release before", (false, false, 4), Some((3, true)), Some(Drift::Extra)),
            ("left", (false, false, 4), Some((4, false)), None),
            ("a later release went by", (true, true, 3), Some((4, false)), None),
            ("content withdrawn, unknown", (true, false, 3), Some((2, true)), None),
        ] {
            let (member, content_known, release_no) = held;
            let held = HoldingRow {
                person_id: PersonId::nil(),
                agreement: "a".to_owned(),
                release_no,
                agreement_version: 1,
                member,
                content_hash: content_known.then_some(ContentHash([7; 32])),
                next_review_on: None,
            };
            let has = has.map(|(release_no, row)| Has { release_no, row });
            assert_eq!(difference(&held, has.as_ref()), expected, "{case}");
        }
    }
}
