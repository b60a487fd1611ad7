//! `dansync registry history`: what was received of a person and what the registry said. Values are shown on standard
//! output only.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use registry_rules::{Identifier, IdentifierKind, PersonId, PersonImage};
use registry_store::{
    FamilySecrets, HISTORY_LIMIT, HistoryEntry, HistoryPage, HistoryPlace, LinkHistory, RecordHistory,
    ScoredHistory,
};
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
    /// Where the page before ended, as it says.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    after: Option<HistoryPlace>,
    /// How many entries of each kind at most (versions, records, keys, links by score); never more than 10000.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

fn place(text: &str) -> Result<HistoryPlace, &'static str> {
    let json = URL_SAFE_NO_PAD.decode(text).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or("not a place; `dansync registry history` ends with one where there is more")
}

fn place_text(place: &HistoryPlace) -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(place)?))
}

impl ShowHistory {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        let settings: settings::Registry = self.file.sections()?;
        let moment = self.at.moment();
        let page = HistoryPage {
            known: moment.known,
            day: moment.day,
            after: self.after.unwrap_or_default(),
            limit: i64::from(self.limit).min(HISTORY_LIMIT),
        };
        let history = executor::run(async {
            let pool = registry_pool(&settings.registry)?;
            let person = find(&pool, &self.person).await?;
            let secrets = self.purpose.secrets(&pool, person, "registry history").await?;
            history(&pool, person, &page, &secrets).await
        })?;
        self.output.show(&history)
    }
}

async fn history(
    pool: &PgPool,
    person_id: PersonId,
    page: &HistoryPage,
    secrets: &FamilySecrets,
) -> anyhow::Result<History> {
    let mut versions = registry_store::person_history(pool, person_id, page).await.classed()?;
    let records = registry_store::record_history(pool, person_id, page, secrets).await.classed()?;
    let links = registry_store::link_history(pool, person_id, page, secrets).await.classed()?;
    let scored = registry_store::scored_link_history(pool, person_id, page, secrets).await.classed()?;
    if versions.entries.is_empty() && records.entries.is_empty() && page.after == HistoryPlace::default() {
        bail!(UNPUBLISHED);
    }
    redact_history(&mut versions.entries, secrets);
    let more = versions.more || records.more || links.more || scored.more;
    let place =
        HistoryPlace { version: versions.last, record: records.last, link: links.last, scored: scored.last };
    Ok(History {
        version: 1,
        person_id,
        versions: versions.entries,
        records: records.entries,
        links: links.entries,
        scored: scored.entries,
        next: more.then(|| place_text(&place)).transpose()?,
        is_later_page: page.after != HistoryPlace::default(),
    })
}

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
    /// The links by score of its keys, and those that led to them.
    scored: Vec<ScoredHistory>,
    /// Where the next page begins, if any of these goes on.
    next: Option<String>,
    #[serde(skip)]
    is_later_page: bool,
}

impl Answer for History {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "person {}", self.person_id)?;
        if !self.versions.is_empty() {
            writeln!(out, "\nwhat the registry said, and what changed with each version:")?;
        }
        let mut before = None;
        for HistoryEntry { received_at, image } in &self.versions {
            let (version, lifecycle) = (image.version, image.lifecycle.as_str());
            let day = image.business_date;
            writeln!(out, "\nversion {version}, {}, {lifecycle}, on {day}", received_at.to_rfc3339())?;
            if before.is_none() && self.is_later_page {
                writeln!(out, "  all of it, since the page begins here:")?;
            }
            write_changes(out, before, image)?;
            before = Some(image);
        }
        let records: Vec<_> = self.records.iter().map(record_row).collect();
        let from_to = ["RECEIVED", "UNTIL", "RECORD", "KIND", "STANDING", "IN LAW FROM", "TO", "CARRIES"];
        write_part(out, "what it was told, in the order of receipt:", from_to, &records)?;
        let links: Vec<_> = self.links.iter().map(link_row).collect();
        let ids = ["WRITTEN", "KEY", "EVENT", "OWN ID", "LEADS TO"];
        write_part(out, "what became of the ids of its numbers and keys:", ids, &links)?;
        let scored: Vec<_> = self.scored.iter().map(scored_row).collect();
        let weighed = ["WRITTEN", "UNTIL", "KEY", "LINKED TO", "WEIGHT", "MARGIN"];
        write_part(
            out,
            "links by score (`dansync match show` tells what each was found by):",
            weighed,
            &scored,
        )?;
        match &self.next {
            Some(next) => writeln!(out, "\nmore: --after {next}"),
            None => Ok(()),
        }
    }
}

fn write_part<const N: usize>(
    out: &mut dyn Write,
    title: &str,
    heads: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    write_table(out, heads, rows)
}

fn record_row(entry: &RecordHistory) -> [String; 8] {
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
        if entry.identifiers.is_empty() { "-".to_owned() } else { carried(&entry.identifiers) },
    ]
}

fn carried(identifiers: &[Identifier]) -> String {
    let one = |identifier: &Identifier| {
        let kind = match identifier.kind {
            IdentifierKind::Pin => "number",
            IdentifierKind::ReplacesPin => "in place of",
            IdentifierKind::Cmnd9 => "old number",
            IdentifierKind::SourcePerson => "own id",
        };
        format!("{kind} {}", identifier.value)
    };
    identifiers.iter().map(one).collect::<Vec<_>>().join(", ")
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

fn scored_row(entry: &ScoredHistory) -> [String; 6] {
    [
        entry.since.to_rfc3339(),
        or_dash(entry.until.map(|at| at.to_rfc3339())),
        entry.source_key.clone(),
        entry.anchor.clone(),
        or_dash(entry.weight.map(|bits| format!("{bits:.1} bits"))),
        entry.margin.map_or_else(|| "no other".to_owned(), |bits| format!("{bits:.1} bits")),
    ]
}

/// What became other from one version to the next.
fn write_changes(out: &mut dyn Write, before: Option<&PersonImage>, now: &PersonImage) -> io::Result<()> {
    if let Some(into) = now.merged_into {
        writeln!(out, "  leads to {into}")?;
    }
    let ids = |image: &PersonImage| image.absorbed.iter().copied().collect::<BTreeSet<_>>();
    let (had, has) = (before.map(ids).unwrap_or_default(), ids(now));
    for id in has.difference(&had) {
        writeln!(out, "  + leads here: {id}")?;
    }
    for id in had.difference(&has) {
        writeln!(out, "  - leads here no longer: {id}")?;
    }
    for pin in &now.pins {
        let was = before.and_then(|image| image.pins.iter().find(|old| old.value == pin.value));
        match was {
            Some(old) if old.state == pin.state => {}
            Some(old) => {
                writeln!(
                    out,
                    "  ~ number {}: {}, was {}",
                    pin.value,
                    pin.state.as_str(),
                    old.state.as_str()
                )?;
            }
            None => writeln!(out, "  + number {}: {}", pin.value, pin.state.as_str())?,
        }
    }
    let gone = before.into_iter().flat_map(|image| &image.pins);
    for pin in gone.filter(|old| !now.pins.iter().any(|pin| pin.value == old.value)) {
        writeln!(out, "  - number {}", pin.value)?;
    }
    write_field_changes(out, before, now)
}

fn write_field_changes(
    out: &mut dyn Write,
    before: Option<&PersonImage>,
    now: &PersonImage,
) -> io::Result<()> {
    for (name, field) in &now.fields {
        let was = before.and_then(|image| image.fields.get(name));
        if was == Some(field) {
            continue;
        }
        let sign = if was.is_some() { '~' } else { '+' };
        let (value, state) = (value_text(&field.value), field.state.as_str());
        let from = or_dash(field.record_key.as_ref());
        write!(out, "  {sign} {name}: {value} ({state} by {}, from {from})", field.rule)?;
        match was.filter(|was| was.value != field.value) {
            Some(was) => writeln!(out, ", was {}", value_text(&was.value))?,
            None => writeln!(out)?,
        }
    }
    let fields = before.into_iter().flat_map(|image| &image.fields);
    for (name, field) in fields.filter(|(name, _)| !now.fields.contains_key(*name)) {
        writeln!(out, "  - {name}, was {}", value_text(&field.value))?;
    }
    Ok(())
}
