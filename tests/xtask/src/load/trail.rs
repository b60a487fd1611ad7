//! Where a change was when: read afterwards from the databases' own commit times and the log's times of append, so that
//! looking costs the run nothing.
//!
//! A commit's time is taken when it begins to be written: a source's is a disk write early, and so is a sector's.

use super::generator::Change;
use acceptance::pipeline::{Database, Deployment};
use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::{BTreeMap, HashMap};

type Time = DateTime<Utc>;

/// One change at one sector.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    due: Time,
    /// In the order of the walk: source commit, append to the source's topic, merge commit, append to the registry's topic,
    /// commit of the ledger entry, sector commit.
    at: [Time; 6],
}

impl Trail {
    /// What lies between two times of `at`.
    pub(super) const HOPS: [&'static str; 5] =
        ["capture", "merge", "registry_capture", "authorise", "deliver"];

    /// Milliseconds from commit to commit.
    pub(super) fn whole(&self) -> f64 {
        milliseconds(self.at[0], self.at[5])
    }

    /// Milliseconds from the time at which the change was to be made.
    pub(super) fn since_due(&self) -> f64 {
        milliseconds(self.due, self.at[5])
    }

    /// Milliseconds of each hop. The log tells whole milliseconds.
    pub(super) fn hops(&self) -> [f64; 5] {
        let [source, captured, merged, published, authorised, delivered] = self.at;
        [
            milliseconds(source, captured),
            milliseconds(captured, merged),
            milliseconds(merged, published),
            milliseconds(published, authorised),
            milliseconds(authorised, delivered),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run's microseconds are far below 2^52")]
fn milliseconds(from: Time, to: Time) -> f64 {
    (to - from).num_microseconds().map_or(f64::NAN, |micros| micros as f64 / 1e3)
}

/// Reads trails.
pub(super) struct Trails {
    residence: PgPool,
    registry: PgPool,
    disclosure: PgPool,
    sectors: BTreeMap<String, Sector>,
}

struct Sector {
    pool: PgPool,
    query: String,
}

/// A release to a sector.
#[derive(sqlx::FromRow)]
struct Release {
    person_id: String,
    agreement: String,
    r#ref: String,
    authorised: Time,
}

impl Trails {
    pub(super) async fn open(deployment: &Deployment) -> anyhow::Result<Self> {
        let residence = deployment.agencies.databases.get("residence").context("no such source")?;
        let mut sectors = BTreeMap::new();
        for (agreement, database) in &deployment.sectors.databases {
            let mapping = deployment.sectors.mappings.get(agreement).context("a sector without table")?;
            let (table, key) = (&mapping.table, &mapping.ref_column);
            // Both are names from the project's own files.
            let query =
                format!("select {key}, pg_xact_commit_timestamp(xmin) from {table} where {key} = any($1)");
            let pool = Database::administrator(database).await?;
            sectors.insert((*agreement).to_owned(), Sector { pool, query });
        }
        Ok(Self {
            residence: residence.administrator().await?,
            registry: deployment.registries.registry.administrator().await?,
            disclosure: deployment.registries.disclosure.administrator().await?,
            sectors,
        })
    }

    /// The trails of changes, each of another person; and of how many persons not all sectors have the change yet.
    pub(super) async fn follow(&self, changes: &[Change]) -> anyhow::Result<(Vec<Trail>, usize)> {
        let rows: Vec<i64> = changes.iter().map(|change| change.subject.row).collect();
        let persons: Vec<&str> = changes.iter().map(|change| change.subject.person_id.as_str()).collect();
        let source = self.source(&rows).await?;
        let captured = self.captured(&rows).await?;
        let merged = self
            .times(
                "select distinct on (key) key, pg_xact_commit_timestamp(xmin) from person_version
             where key = any($1) order by key, id desc",
                &self.registry,
                &persons,
            )
            .await?;
        let published = self
            .times(
                "select person_id::text, appended_at from person_state
             where person_id = any($1::uuid[])",
                &self.disclosure,
                &persons,
            )
            .await?;
        let releases = self.releases(&persons).await?;
        let written = self.written(&releases).await?;
        let mut by_person: HashMap<&str, Vec<&Release>> = HashMap::new();
        for release in &releases {
            by_person.entry(&release.person_id).or_default().push(release);
        }
        let (mut trails, mut missing) = (Vec::new(), 0);
        for change in changes {
            let (row, person) = (change.subject.row, change.subject.person_id.as_str());
            let before = (source.get(&row), captured.get(&row), merged.get(person), published.get(person));
            let (Some(source), Some(captured), Some(merged), Some(published)) = before else {
                missing += 1;
                continue;
            };
            let mut trail = by_person.get(person).into_iter().flatten().filter_map(|release| {
                let written = written.get(&(release.agreement.as_str(), release.r#ref.as_str()))?;
                let at = [*source, *captured, *merged, *published, release.authorised, *written];
                // Of an earlier version of the person: the change is still under way.
                at.iter().all(|time| time >= source).then_some(Trail { due: change.due, at })
            });
            let had = trails.len();
            trails.extend(&mut trail);
            missing += usize::from(trails.len() - had < by_person.get(person).map_or(1, Vec::len));
        }
        Ok((trails, missing))
    }

    async fn source(&self, rows: &[i64]) -> anyhow::Result<HashMap<i64, Time>> {
        let found = sqlx::query_as(
            "select id, pg_xact_commit_timestamp(xmin) from cu_tru.thuong_tru where id = any($1)",
        )
        .bind(rows)
        .fetch_all(&self.residence);
        Ok(found.await?.into_iter().collect())
    }

    async fn captured(&self, rows: &[i64]) -> anyhow::Result<HashMap<i64, Time>> {
        let found = sqlx::query_as(
            "select distinct on (v.record_key) r.id, v.received_at
             from unnest($1::bigint[]) r(id)
             join record_version v on v.record_key = 'residence/permanent/' || r.id || '/resident'
             order by v.record_key, v.epoch desc, v.position desc, v.ordinal desc",
        )
        .bind(rows)
        .fetch_all(&self.registry);
        Ok(found.await?.into_iter().collect())
    }

    async fn times(
        &self,
        query: &'static str,
        pool: &PgPool,
        persons: &[&str],
    ) -> anyhow::Result<HashMap<String, Time>> {
        Ok(sqlx::query_as(query).bind(persons).fetch_all(pool).await?.into_iter().collect())
    }

    /// The newest release of each person to each sector's database.
    async fn releases(&self, persons: &[&str]) -> anyhow::Result<Vec<Release>> {
        let found = sqlx::query_as(
            "select person_id, agreement, ref, pg_xact_commit_timestamp(entry_xmin) as authorised from (
               select distinct on (d.person_id, d.agreement) d.person_id::text, d.agreement, d.ref, l.xmin as entry_xmin
               from delivery d
               join ledger_entry l on l.ref = d.ref and l.entry_id = d.entry_id
               join holding h on h.person_id = d.person_id and h.agreement = d.agreement and h.member
               join agreement_field f on f.agreement = d.agreement and f.version = d.agreement_version
                    and f.field = 'npd.permanent_residence.detail'
               where d.mode = 'database' and d.person_id = any($1::uuid[])
               order by d.person_id, d.agreement, d.release_no desc
             ) newest",
        )
        .bind(persons)
        .fetch_all(&self.disclosure);
        Ok(found.await?)
    }

    async fn written<'r>(
        &self,
        releases: &'r [Release],
    ) -> anyhow::Result<HashMap<(&'r str, &'r str), Time>> {
        let mut written = HashMap::new();
        for (agreement, sector) in &self.sectors {
            let of_it = || releases.iter().filter(|release| release.agreement == *agreement);
            let refs: Vec<&str> = of_it().map(|release| release.r#ref.as_str()).collect();
            let found: HashMap<String, Time> = sqlx::query_as(AssertSqlSafe(sector.query.clone()))
                .bind(refs)
                .fetch_all(&sector.pool)
                .await?
                .into_iter()
                .collect();
            for release in of_it() {
                if let Some(time) = found.get(&release.r#ref) {
                    written.insert((release.agreement.as_str(), release.r#ref.as_str()), *time);
                }
            }
        }
        Ok(written)
    }
}
