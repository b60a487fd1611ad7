//! What the registry has to show in numbers while it runs: quarantine, gaps, open cases. Cheap enough to be asked for all
//! the time: each part reads an index and no more rows than a bound.

use crate::StoreError;
use sqlx::{PgConnection, PgPool};

/// Rows in quarantine that are looked at for each source. Where more wait, what is wrong is the mapping, and the exact
/// number tells nobody more.
const MOST_MARKERS: i64 = 100_000;
/// Messages that are none, likewise, over all sources: each is a fault of a program.
const MOST_UNREADABLE: i64 = 10_000;
/// Open cases that are looked at, the most harmful first: more than all stewards of the country close in a week.
const MOST_CASES: i64 = 200_000;
/// Views for a purpose that are counted: each is a human's, and as many are none any more.
const MOST_VIEWS: i64 = 1_000_000;
/// What a message that is none counts under; the reasons of rows are codes of their mapping.
pub const UNREADABLE: &str = "unreadable";

/// Records in quarantine for one reason.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct QuarantineFigure {
    /// The source.
    pub source: String,
    /// The first reason of the row, without its column.
    pub reason: String,
    /// How many.
    pub records: i64,
    /// Age of the oldest, in seconds.
    pub oldest_seconds: f64,
}

/// Open cases of one kind and severity.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct CaseFigure {
    /// The kind.
    pub kind: String,
    /// The severity.
    pub severity: i16,
    /// How many.
    pub cases: i64,
    /// Of these, whose clock has run out.
    pub overdue: i64,
    /// Age of the oldest, in seconds.
    pub oldest_seconds: f64,
}

/// The numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// What waits in quarantine: rows whose newest version is not readable, and messages that are none.
    pub quarantine: Vec<QuarantineFigure>,
    /// Topic → records read of which nothing became.
    pub gaps: Vec<(String, i64)>,
    /// What waits for a steward.
    pub cases: Vec<CaseFigure>,
    /// Views of a whole past that were noted so far.
    pub secret_views: i64,
}

/// Reads the numbers of one moment. `sources` are pairs of a source and its topic, `group` is the consumers' group.
pub async fn figures(
    pool: &PgPool,
    group: &str,
    sources: &[(String, String)],
) -> Result<Figures, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let mut quarantine = rows(&mut transaction, sources).await?;
    quarantine.extend(unreadable(&mut transaction, sources).await?);
    let gaps = sqlx::query_as(
        "select topic, sum(read - applied - no_change - duplicate - stale - quarantined)::bigint
         from consumer_position where consumer_group = $1 group by topic",
    )
    .bind(group)
    .fetch_all(&mut *transaction)
    .await?;
    let cases = sqlx::query_as(
        "select kind, severity, count(*) as cases,
           count(*) filter (where due_on < (select date from business_day)) as overdue,
           extract(epoch from now() - min(opened_at))::float8 as oldest_seconds
         from (select kind, severity, opened_at, due_on from registry_case where open
               order by severity desc, opened_at limit $1) c
         group by kind, severity",
    )
    .bind(MOST_CASES)
    .fetch_all(&mut *transaction)
    .await?;
    let secret_views = sqlx::query_scalar("select count(*) from (select from secret_view limit $1) v")
        .bind(MOST_VIEWS)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Figures { quarantine, gaps, cases, secret_views })
}

/// Rows whose marker nothing newer has followed.
async fn rows(
    connection: &mut PgConnection,
    sources: &[(String, String)],
) -> Result<Vec<QuarantineFigure>, StoreError> {
    // Bytes order the keys: those of a row or a source lie between its name with '/' and its name with '0'.
    let found = sqlx::query_as(
        "select t.source, split_part(m.reasons[1], ':', 1) as reason, count(*) as records,
           extract(epoch from now() - min(m.received_at))::float8 as oldest_seconds
         from unnest($1::text[]) as t (source)
         cross join lateral (
           select * from row_marker where row_key >= t.source || '/' and row_key < t.source || '0' limit $2) m
         where not exists (
           select from record_latest l where l.record_key > m.row_key || '/' and l.record_key < m.row_key || '0'
             and (l.epoch, l.position, l.ordinal) > (m.epoch, m.position, m.ordinal))
         group by 1, 2",
    )
    .bind(sources.iter().map(|(source, _)| source.as_str()).collect::<Vec<_>>())
    .bind(MOST_MARKERS)
    .fetch_all(connection)
    .await?;
    Ok(found)
}

async fn unreadable(
    connection: &mut PgConnection,
    sources: &[(String, String)],
) -> Result<Vec<QuarantineFigure>, StoreError> {
    let (names, topics): (Vec<&str>, Vec<&str>) =
        sources.iter().map(|(source, topic)| (source.as_str(), topic.as_str())).unzip();
    let found = sqlx::query_as(
        "select t.source, $4 as reason, count(*) as records,
           extract(epoch from now() - min(u.received_at))::float8 as oldest_seconds
         from unnest($1::text[], $2::text[]) as t (source, topic)
         join (select topic, received_at from unreadable_message limit $3) u on u.topic = t.topic
         group by 1",
    )
    .bind(names)
    .bind(topics)
    .bind(MOST_UNREADABLE)
    .bind(UNREADABLE)
    .fetch_all(connection)
    .await?;
    Ok(found)
}
