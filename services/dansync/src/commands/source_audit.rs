//! `dansync source audit`: the source at one point of its order, and the registry at the same point (design §6, audit
//! fence). Nothing here comes from a service's own counters.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use registry_store::{FenceCounts, TableDigest};
use serde::Serialize;
use service_runtime::HumanDuration;
use source_adapter::{AuditReport, AuditedTable, Config};
use sqlx::PgPool;

use super::source::{Adapter, lsn, stored_position};
use crate::classed::ResultExt as _;
use crate::executor::{self, wait_for};
use crate::failure::Verdict;
use crate::output::{Answer, Output};
use crate::settings::{self, registry_pool};
use crate::table::write_table;
use crate::value_text::or_dash;

/// `dansync source audit`.
#[derive(Debug, Args)]
pub(crate) struct SourceAudit {
    /// Compare with this registry: a file with `[registry]`, such as the reconciler's.
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// How long the fence may take to come by at the registry.
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    wait: HumanDuration,
    #[command(flatten)]
    adapter: Adapter,
    #[command(flatten)]
    output: Output,
}

impl SourceAudit {
    /// Does it.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let config = self.adapter.load()?;
        let registry: Option<settings::Registry> =
            self.registry.as_deref().map(settings::sections).transpose()?;
        let audited = executor::run(audit(&config, registry.as_ref(), self.wait))?;
        self.output.show(&audited)?;
        if audited.adds_up == Some(false) {
            return Err(anyhow::anyhow!("the registry does not hold what the source does"))
                .context(Verdict::Differs);
        }
        Ok(())
    }
}

async fn audit(
    config: &Config,
    registry: Option<&settings::Registry>,
    wait: HumanDuration,
) -> anyhow::Result<Audited> {
    let report = source_adapter::audit(config).await?;
    match registry {
        None => Ok(Audited::alone(report)),
        Some(registry) => compared(config, &registry_pool(&registry.registry)?, report, wait).await,
    }
}

async fn compared(
    config: &Config,
    pool: &PgPool,
    report: AuditReport,
    wait: HumanDuration,
) -> anyhow::Result<Audited> {
    let topic = config.kafka.topics().source(&report.source);
    let partitions = event_log::end_offsets(&config.kafka, &topic).await.classed()?.len();
    let counts = wait_for(wait.get(), async || {
        let counts = registry_store::fence_counts(pool, &report.id).await.classed()?;
        let here = counts.get(&*topic).copied();
        Ok(here.filter(|counts| usize::try_from(counts.partitions).is_ok_and(|n| n >= partitions)))
    })
    .await?
    .context(
        "the fence has not come by in all partitions yet: an adapter or reconciler is away, or wait longer",
    )
    .context(Verdict::TryAgain)?;
    let position = stored_position(config, &report.source).await?;
    let epoch = position.context("the source has no stored position, although its fence came by")?.epoch;
    let held = registry_store::fence_digests(pool, &report.source, epoch, report.position).await.classed()?;
    Ok(Audited::beside(report, &counts, &held))
}

/// The source, and the registry beside it.
#[derive(Debug, Serialize)]
struct Audited {
    version: u32,
    source: String,
    /// The audit's name, that of its fence.
    id: String,
    position: String,
    tables: Vec<Table>,
    /// Messages below the fence by what became of them.
    messages: Option<Messages>,
    /// Whether the registry holds what the source does; none where it was not asked.
    adds_up: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Table {
    entity: String,
    rows: u64,
    rows_quarantined: u64,
    records: u64,
    digest: String,
    registry: Option<Held>,
}

#[derive(Debug, Serialize)]
struct Held {
    rows: u64,
    records: u64,
    digest: String,
    /// Rows in quarantine are on neither side.
    equal: bool,
}

#[derive(Debug, Serialize)]
struct Messages {
    records: i64,
    applied: i64,
    no_change: i64,
    duplicate: i64,
    stale: i64,
    quarantined: i64,
    markers: i64,
}

impl Audited {
    fn alone(report: AuditReport) -> Self {
        let tables = report.tables.into_iter().map(Table::alone).collect();
        let (source, id, position) = (report.source, report.id, lsn(report.position));
        Self { version: 1, source, id, position, tables, messages: None, adds_up: None }
    }

    fn beside(report: AuditReport, counts: &FenceCounts, held: &BTreeMap<String, TableDigest>) -> Self {
        let mut audited = Self::alone(report);
        for table in &mut audited.tables {
            let held = held.get(&table.entity).copied().unwrap_or_default();
            table.registry = Some(Held::of(&held, table));
        }
        // An entity that the registry holds and the mapping no longer has belongs to nobody.
        let is_known = |entity: &String| audited.tables.iter().any(|table| table.entity == *entity);
        let has_stray = held.iter().any(|(entity, digest)| digest.rows > 0 && !is_known(entity));
        let differs = |table: &Table| table.registry.as_ref().is_some_and(|held| !held.equal);
        audited.adds_up = Some(!has_stray && !audited.tables.iter().any(differs));
        audited.messages = Some(Messages::of(counts));
        audited
    }
}

impl Table {
    fn alone(table: AuditedTable) -> Self {
        let AuditedTable { entity, rows, rows_quarantined, records, digest } = table;
        Self { entity, rows, rows_quarantined, records, digest, registry: None }
    }
}

impl Held {
    fn of(held: &TableDigest, source: &Table) -> Self {
        let (records, digest) = (held.digest.members, held.digest.hex());
        let equal = records == source.records && digest == source.digest;
        Self { rows: held.rows, records, digest, equal }
    }
}

impl Messages {
    const fn of(counts: &FenceCounts) -> Self {
        let found = counts.outcomes;
        Self {
            records: found.applied + found.no_change + found.duplicate + found.stale + found.quarantined,
            applied: found.applied,
            no_change: found.no_change,
            duplicate: found.duplicate,
            stale: found.stale,
            quarantined: found.quarantined,
            markers: found.markers,
        }
    }
}

impl Answer for Audited {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} at {} (audit {})", self.source, self.position, self.id)?;
        let rows: Vec<_> = self
            .tables
            .iter()
            .map(|table| {
                let held = table.registry.as_ref();
                let verdict = held.map(|held| if held.equal { "equal" } else { "DIFFERS" });
                [
                    table.entity.clone(),
                    table.rows.to_string(),
                    table.rows_quarantined.to_string(),
                    table.records.to_string(),
                    table.digest.chars().take(DIGEST_SHOWN).collect(),
                    or_dash(held.map(|held| held.records)),
                    or_dash(held.map(|held| held.digest.chars().take(DIGEST_SHOWN).collect::<String>())),
                    or_dash(verdict),
                ]
            })
            .collect();
        let headings = ["ENTITY", "ROWS", "QUARANTINED", "RECORDS", "DIGEST", "REGISTRY", "ITS DIGEST", ""];
        write_table(out, headings, &rows)?;
        if let Some(m) = &self.messages {
            let Messages { records, applied, no_change, duplicate, stale, quarantined, markers } = m;
            writeln!(
                out,
                "{records} messages = {applied} applied + {no_change} no change + {duplicate} duplicate + {stale} stale \
                 + {quarantined} quarantined; {markers} markers"
            )?;
        }
        match self.adds_up {
            Some(true) => writeln!(out, "the registry holds what the source does"),
            Some(false) | None => Ok(()),
        }
    }
}

/// Hexadecimal digits of a digest that people compare; the JSON has all.
const DIGEST_SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use registry_rules::StateHash;

    use super::*;

    fn report(rows_quarantined: u64, hashes: &[[u8; 32]]) -> AuditReport {
        let mut digest = StateHash::default();
        for hash in hashes {
            digest.add(hash);
        }
        let records = hashes.len() as u64;
        let rows = records + rows_quarantined;
        let table = AuditedTable {
            entity: "birth".to_owned(),
            rows,
            rows_quarantined,
            records,
            digest: digest.hex(),
        };
        AuditReport {
            source: "civil_status".to_owned(),
            id: "a".to_owned(),
            position: 7,
            tables: vec![table],
        }
    }

    fn held(entity: &str, hashes: &[[u8; 32]]) -> BTreeMap<String, TableDigest> {
        let mut digest = StateHash::default();
        for hash in hashes {
            digest.add(hash);
        }
        BTreeMap::from([(entity.to_owned(), TableDigest { rows: hashes.len() as u64, digest })])
    }

    #[test]
    fn equal_sets_add_up_and_others_do_not() {
        let (one, two) = ([1; 32], [2; 32]);
        for (report, held, adds_up) in [
            (report(0, &[one, two]), held("birth", &[two, one]), true),
            (report(0, &[one, two]), held("birth", &[one]), false),
            (report(0, &[one]), held("birth", &[two]), false),
            (report(0, &[]), held("birth", &[]), true),
            (report(0, &[]), held("no such entity", &[one]), false),
            (report(1, &[one]), held("birth", &[one]), true),
            (report(1, &[one]), held("birth", &[one, two]), false),
        ] {
            let audited = Audited::beside(report, &FenceCounts::default(), &held);
            assert_eq!(audited.adds_up, Some(adds_up), "{audited:?}");
        }
    }
}
