//! `dansync registry history`: what was received of a person and what the registry said. Values are shown on standard
//! output only.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::bail;
use clap::Args;
use registry_rules::{FieldName, PersonId, StandingField};
use registry_store::{HISTORY_LIMIT, HistoryEntry, HistoryPage, LinkHistory, RecordHistory};
use serde::Serialize;
use sqlx::PgPool;

use super::registry::{UNPUBLISHED, find};
use super::registry_moment::At;
use super::registry_secret::{Purpose, redact_history};
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};
use crate::table::write_table;
use crate::value_text::{or_dash, value_text};

/// `dansync registry history`.
#[derive(Debug, Args)]
pub(crate) struct ShowHistory {
    /// Person id, personal identification number, record key or anchor.
    #[arg(value_name = "PERSON")]
    person: String,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    purpose: Purpose,
    /// Versions of the person after this one: where the page before ended.
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    after: u32,
    /// How many entries of each kind at most; never more than 10000.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl ShowHistory {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        let settings: settings::Registry = self.file.sections()?;
        let moment = self.at.moment();
        let page = HistoryPage {
            known: moment.known,
            day: moment.day,
            after: i64::from(self.after),
            limit: i64::from(self.limit).min(HISTORY_LIMIT),
        };
        let history = executor::run(async {
            let pool = registry_pool(&settings.registry)?;
            let mut history = history(&pool, find(&pool, &self.person).await?, &page).await?;
            let secrets = self.purpose.secrets(&pool, history.person_id, "registry history").await?;
            redact_history(&mut history.versions, &mut history.records, &secrets);
            anyhow::Ok(history)
        })?;
        self.output.show(&history)
    }
}

async fn history(pool: &PgPool, person_id: PersonId, page: &HistoryPage) -> anyhow::Result<History> {
    let versions = registry_store::person_history(pool, person_id, page).await.classed()?;
    let records = registry_store::record_history(pool, person_id, page).await.classed()?;
    let links = registry_store::link_history(pool, person_id, page).await.classed()?;
    if versions.is_empty() && records.is_empty() && page.after == 0 {
        bail!(UNPUBLISHED);
    }
    let full = usize::try_from(page.limit).is_ok_and(|limit| versions.len() >= limit);
    let next = versions.last().filter(|_| full).map(|last| last.image.version);
    Ok(History { version: 1, person_id, versions, records, links, next })
}

type Fields = BTreeMap<FieldName, StandingField>;

/// One person through time.
#[derive(Debug, Serialize)]
struct History {
    version: u32,
    person_id: PersonId,
    /// What the registry said.
    versions: Vec<HistoryEntry>,
    /// What it was told, decisions among it, in the order of receipt.
    records: Vec<RecordHistory>,
    /// What became of the ids of its numbers and keys.
    links: Vec<LinkHistory>,
    /// Where the next page of versions begins.
    next: Option<u64>,
}

impl Answer for History {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "person {}", self.person_id)?;
        let mut before = None;
        for HistoryEntry { received_at, image } in &self.versions {
            let (version, lifecycle) = (image.version, image.lifecycle.as_str());
            writeln!(out, "\nversion {version}, {}, {lifecycle}", received_at.to_rfc3339())?;
            if let Some(into) = image.merged_into {
                writeln!(out, "  leads to {into}")?;
            }
            write_changes(out, before, &image.fields)?;
            before = Some(&image.fields);
        }
        if let Some(next) = self.next {
            writeln!(out, "\nmore versions: --after {next}")?;
        }
        writeln!(out)?;
        let records: Vec<_> = self.records.iter().map(record_row).collect();
        write_table(out, ["RECEIVED", "UNTIL", "RECORD", "KIND", "STANDING", "FROM", "TO"], &records)?;
        writeln!(out)?;
        let links: Vec<_> = self.links.iter().map(link_row).collect();
        write_table(out, ["WRITTEN", "KEY", "EVENT", "OWN ID", "LEADS TO"], &links)
    }
}

fn record_row(entry: &RecordHistory) -> [String; 7] {
    let until = match entry.superseded_at {
        Some(at) if at <= entry.received_at => "came late".to_owned(),
        at => or_dash(at.map(|at| at.to_rfc3339())),
    };
    [
        entry.received_at.to_rfc3339(),
        until,
        entry.record_key.to_string(),
        entry.kind.clone(),
        entry.standing.as_str().to_owned(),
        or_dash(entry.valid_from),
        or_dash(entry.valid_to),
    ]
}

fn link_row(entry: &LinkHistory) -> [String; 5] {
    let event = &entry.event;
    [
        entry.received_at.to_rfc3339(),
        event.anchor.clone(),
        event.event.as_str().to_owned(),
        event.own_person_id.to_string(),
        event.person_id.to_string(),
    ]
}

/// What became other from one version to the next.
fn write_changes(out: &mut dyn Write, before: Option<&Fields>, now: &Fields) -> io::Result<()> {
    for (name, field) in now {
        let was = before.and_then(|fields| fields.get(name));
        if was == Some(field) {
            continue;
        }
        let sign = if was.is_some() { '~' } else { '+' };
        let (value, state) = (value_text(&field.value), field.state.as_str());
        writeln!(out, "  {sign} {name}: {value} ({state}, {})", or_dash(field.record_key.as_ref()))?;
    }
    let mut gone = before.into_iter().flat_map(BTreeMap::keys).filter(|name| !now.contains_key(*name));
    gone.try_for_each(|name| writeln!(out, "  - {name}"))
}
