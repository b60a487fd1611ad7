//! Sends a lane into a sector's PostgreSQL database: release number and row in one transaction.

use crate::agreements::InUse;
use crate::outgoing::columns;
use crate::plan::Turn;
use crate::receiver::{Received, ReceiverError, key_of};
use crate::sector::{BoundSector, SectorMapping};
use disclosure_store::{DeliveryKey, Event, Outcome, Settlement};
use service_runtime::planning;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A sector that does not let us in by then is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A statement that takes longer waits for somebody at the sector; the lane tries again later.
const STATEMENT_TIMEOUT: &str = "10s";

/// Connections to a sector's database, opened when they are needed.
pub(crate) fn sector_pool(options: PgConnectOptions, connections: u32) -> PgPool {
    let options = options.options([("statement_timeout", STATEMENT_TIMEOUT)]).options(planning::BY_INDEX);
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // One round trip less: a broken connection shows at its first statement, and the lane tries again.
        .test_before_acquire(false)
        .connect_lazy_with(options.application_name("dansync-deliver"))
}

/// A lane's sector database.
#[derive(Debug)]
pub(crate) struct DatabaseReceiver {
    mapping: SectorMapping,
    pool: PgPool,
    /// Field names that some version of the agreement has had.
    ever: Vec<String>,
    bound: Option<(i32, BoundSector)>,
}

impl DatabaseReceiver {
    pub(crate) fn new(mapping: SectorMapping, options: PgConnectOptions, connections: u32) -> Self {
        let pool = sector_pool(options, connections);
        Self { mapping, pool, ever: Vec::new(), bound: None }
    }

    /// What versions of the agreement have named so far.
    pub(crate) fn knows(&mut self, ever: Vec<String>) {
        self.ever = ever;
    }

    /// Whether the version is bound already.
    pub(crate) fn is_bound_to(&self, version: i32) -> bool {
        self.bound.as_ref().is_some_and(|(bound, _)| *bound == version)
    }

    /// Binds the mapping to the version in force.
    pub(crate) fn prepare(&mut self, in_use: &InUse) -> Result<(), ReceiverError> {
        let version = in_use.row.version;
        if !self.is_bound_to(version) {
            let bound = self.mapping.bind(&in_use.compiled.agreement, &self.ever);
            let bound = bound.map_err(|error| ReceiverError::Mapping(error.to_string()))?;
            self.bound = Some((version, bound));
        }
        Ok(())
    }

    /// Writes all turns in one transaction; what the sector refuses is found by halves and parks its person only.
    pub(crate) async fn send(&self, turns: &[Turn]) -> Result<Received, ReceiverError> {
        let Some((_, bound)) = &self.bound else {
            return Err(ReceiverError::Away("the mapping is not bound".to_owned()));
        };
        let mut received = Received::default();
        let mut ready = Vec::with_capacity(turns.len());
        for turn in turns {
            match Row::of(turn, bound) {
                Ok(row) => ready.push(row),
                Err(reason) => received.refused.push((key_of(turn), reason)),
            }
        }
        let mut waiting = vec![ready.as_slice()];
        while let Some(rows) = waiting.pop() {
            match (self.write(bound, rows).await, rows) {
                (Ok(written), _) => received.add(rows, &written),
                (Err(error), [row]) if refuses_row(&error) => {
                    received.refused.push((key_of(row.turn), reason_code(&error)));
                }
                (Err(error), _) if refuses_row(&error) => {
                    let (left, right) = rows.split_at(rows.len() / 2);
                    waiting.extend([right, left]);
                }
                (Err(error), _) => return Err(ReceiverError::Away(describe(&error))),
            }
        }
        Ok(received)
    }

    async fn write(&self, bound: &BoundSector, rows: &[Row<'_>]) -> Result<Written, sqlx::Error> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        if rows.iter().all(Row::is_plain) {
            return self.put(bound, rows).await;
        }
        let mut transaction = self.pool.begin().await?;
        let before = release_numbers(&mut transaction, bound, rows).await?;
        let accepted: Vec<String> = sqlx::query_scalar(AssertSqlSafe(bound.guard.as_str()))
            .bind(references(rows))
            .bind(release_numbers_of(rows))
            .fetch_all(&mut *transaction)
            .await?;
        let accepted: BTreeSet<String> = accepted.into_iter().collect();
        let sent = || rows.iter().filter(|row| accepted.contains(row.reference()) && !row.turn.resolve_only);
        let staying: Vec<&Row<'_>> = sent().filter(|row| row.values.is_some()).collect();
        if !staying.is_empty() {
            let query =
                sqlx::query(AssertSqlSafe(bound.upsert.as_str())).bind(references(staying.iter().copied()));
            bind_columns(query, bound, &staying).execute(&mut *transaction).await?;
        }
        let leaving: Vec<&Row<'_>> = sent().filter(|row| row.values.is_none()).collect();
        if !leaving.is_empty() {
            sqlx::query(AssertSqlSafe(bound.delete.as_str()))
                .bind(references(leaving))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Written { before, accepted })
    }

    /// Release numbers and rows in one statement, which is a transaction: what most passes have to write.
    async fn put(&self, bound: &BoundSector, rows: &[Row<'_>]) -> Result<Written, sqlx::Error> {
        let all: Vec<&Row<'_>> = rows.iter().collect();
        let query = sqlx::query(AssertSqlSafe(bound.put.as_str()))
            .bind(references(rows))
            .bind(release_numbers_of(rows));
        let accepted = bind_columns(query, bound, &all).fetch_all(&self.pool).await?;
        let accepted = accepted.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(Written { before: BTreeMap::new(), accepted })
    }
}

/// What the guard said.
#[derive(Debug, Default)]
struct Written {
    /// Release numbers as they were, of those that were asked about.
    before: BTreeMap<String, i64>,
    /// References whose number was lower.
    accepted: BTreeSet<String>,
}

/// A turn with its values.
#[derive(Debug)]
struct Row<'a> {
    turn: &'a Turn,
    /// None for who leaves.
    values: Option<Vec<Option<String>>>,
}

impl<'a> Row<'a> {
    fn of(turn: &'a Turn, bound: &BoundSector) -> Result<Self, String> {
        if turn.newest.event == Event::Left || turn.resolve_only {
            return Ok(Self { turn, values: None });
        }
        let record = columns(&turn.newest.payload).ok_or_else(|| "payload".to_owned())?;
        Ok(Self { turn, values: Some(bound.values(&record)?) })
    }

    fn reference(&self) -> &str {
        &self.turn.newest.reference
    }

    /// Comes or changes, with nothing older to be resolved.
    const fn is_plain(&self) -> bool {
        self.values.is_some() && self.turn.unresolved.is_empty()
    }
}

impl Received {
    fn add(&mut self, rows: &[Row<'_>], written: &Written) {
        for row in rows {
            let turn = row.turn;
            let had = written.before.get(row.reference()).copied().unwrap_or(0);
            let key = |release_no| DeliveryKey { reference: turn.newest.reference.clone(), release_no };
            let newest = turn.newest.release_no;
            for older in turn.unresolved.iter().copied().filter(|n| *n != newest) {
                let outcome = if older <= had { Outcome::Delivered } else { Outcome::Superseded };
                self.settled.push(Settlement { key: key(older), outcome });
            }
            let refused_by_guard = !written.accepted.contains(row.reference());
            if !turn.resolve_only {
                self.duplicates += usize::from(refused_by_guard);
                self.settled.push(Settlement { key: key(newest), outcome: Outcome::Delivered });
            } else if turn.unresolved.contains(&newest) {
                let outcome = if newest <= had { Outcome::Delivered } else { Outcome::Withdrawn };
                self.settled.push(Settlement { key: key(newest), outcome });
                if outcome == Outcome::Withdrawn {
                    self.withdrawn.push((turn.newest.person_id, newest));
                }
            }
        }
    }
}

/// Locks the release numbers of persons with something unresolved: a late transaction of an earlier holder either is over
/// and seen here, or comes afterwards and finds a higher number.
async fn release_numbers(
    connection: &mut PgConnection,
    bound: &BoundSector,
    rows: &[Row<'_>],
) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let asked: Vec<&str> =
        rows.iter().filter(|row| !row.turn.unresolved.is_empty()).map(Row::reference).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    sqlx::query(AssertSqlSafe(bound.seed.as_str())).bind(&asked).execute(&mut *connection).await?;
    let rows: Vec<(String, i64)> =
        sqlx::query_as(AssertSqlSafe(bound.before.as_str())).bind(&asked).fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}

fn references<'a>(rows: impl IntoIterator<Item = &'a Row<'a>>) -> Vec<&'a str> {
    rows.into_iter().map(Row::reference).collect()
}

fn release_numbers_of(rows: &[Row<'_>]) -> Vec<i64> {
    rows.iter().map(|row| row.turn.newest.release_no).collect()
}

/// Binds one array a column, in the order of the statement's.
fn bind_columns<'q>(
    query: Query<'q, Postgres, PgArguments>,
    bound: &BoundSector,
    rows: &[&'q Row<'_>],
) -> Query<'q, Postgres, PgArguments> {
    (0..bound.width()).fold(query, |query, column| {
        let values: Vec<Option<&str>> = rows
            .iter()
            .map(|row| row.values.as_ref().and_then(|values| values.get(column)).and_then(Option::as_deref))
            .collect();
        query.bind(values)
    })
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Data exceptions and broken constraints are a row's fault; everything else is the sector's.
fn refuses_row(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

fn reason_code(error: &sqlx::Error) -> String {
    format!("sqlstate_{}", code(error).unwrap_or_default())
}

/// SQLSTATE only: a server's message may quote the row.
fn describe(error: &sqlx::Error) -> String {
    match code(error) {
        Some(code) => format!("SQLSTATE {code}"),
        None if matches!(error, sqlx::Error::PoolTimedOut) => "no connection within 3 s".to_owned(),
        None => "the connection failed".to_owned(),
    }
}
