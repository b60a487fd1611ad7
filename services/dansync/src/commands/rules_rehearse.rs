//! `dansync rules rehearse`: what new rules would change, before anybody puts them in force. Shows names and numbers only.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Args;
use registry_rules::{Agreement, AgreementState, FieldCatalogue, Rehearsal};
use registry_store::{Rehearsed, fingerprint_key};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use service_runtime::{DatabaseConfig, ExitClass, SecretFile};

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, disclosure_pool, registry_pool};
use crate::table::write_table;

/// A rule set is a text that people write; a larger file is something else.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// `dansync rules rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The new rules.
    #[arg(long, value_name = "FILE")]
    catalogue: PathBuf,
    /// The day for which both are merged, such as the one on which the new rules begin; without it the business date.
    #[arg(long, value_name = "YYYY-MM-DD")]
    on: Option<NaiveDate>,
    /// Agreements from a file, or a directory with `*.toml`; without it those in use, if the configuration has `[disclosure]`.
    #[arg(long, value_name = "PATH")]
    agreements: Option<PathBuf>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// The reconciler's own file, with `[disclosure]` where agreements are to be looked at.
#[derive(Debug, Deserialize)]
struct Settings {
    registry: DatabaseConfig,
    fingerprint_key_file: SecretFile,
    disclosure: Option<DatabaseConfig>,
}

/// An agreement and the fields that it names.
struct Names {
    agreement: String,
    fields: Vec<String>,
}

impl Rehearse {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        let settings: Settings = self.file.sections()?;
        let new = catalogue(&self.catalogue)?;
        let from_files = self.agreements.as_deref().map(|path| from_files(path, &new)).transpose()?;
        let report = executor::run(async {
            let agreements = match (from_files, &settings.disclosure) {
                (Some(agreements), _) => agreements,
                (None, Some(disclosure)) => in_use(disclosure).await?,
                (None, None) => Vec::new(),
            };
            let key = fingerprint_key(settings.fingerprint_key_file.secret().expose_secret());
            let pool = registry_pool(&settings.registry)?;
            let rehearsed = registry_store::rehearse(&pool, &new, self.on, &key).await.classed()?;
            Ok(Report::of(rehearsed, &agreements))
        })?;
        self.output.show(&report)
    }
}

fn catalogue(path: &Path) -> anyhow::Result<FieldCatalogue> {
    let text = read(path).with_context(|| format!("--catalogue: {} cannot be read", path.display()))?;
    FieldCatalogue::parse(&text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::Error::msg(faults.join("\n"))
            .context(format!("--catalogue: {}", path.display()))
            .context(ExitClass::BadData)
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(path).context(ExitClass::BadData)?.len();
    anyhow::ensure!(size <= MOST_BYTES, "it is larger than {MOST_BYTES} bytes");
    std::fs::read_to_string(path).context(ExitClass::BadData)
}

fn from_files(path: &Path, catalogue: &FieldCatalogue) -> anyhow::Result<Vec<Names>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("--agreements: {}", path.display()))?;
        files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
        files.sort();
    }
    let mut found = Vec::with_capacity(files.len());
    for file in files {
        let name = || format!("--agreements: {}", file.display());
        let agreement = Agreement::parse(&read(&file).with_context(name)?, catalogue).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow::Error::msg(faults.join("\n")).context(name()).context(ExitClass::BadData)
        })?;
        found.push(Names { agreement: agreement.name, fields: agreement.fields.into_iter().collect() });
    }
    Ok(found)
}

async fn in_use(disclosure: &DatabaseConfig) -> anyhow::Result<Vec<Names>> {
    let pool = disclosure_pool(disclosure)?;
    let mut connection = pool.acquire().await.classed()?;
    let mut found = Vec::new();
    for row in disclosure_store::agreements_in_use(&mut connection).await.classed()? {
        if row.state == AgreementState::Ended {
            continue;
        }
        let fields = disclosure_store::permitted_fields(&mut connection, &row.agreement, row.version);
        found.push(Names { fields: fields.await.classed()?, agreement: row.agreement });
    }
    Ok(found)
}

/// What would change.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    day: NaiveDate,
    #[serde(flatten)]
    rehearsal: Rehearsal,
    agreements: Vec<Touched>,
}

/// An agreement that holds fields whose values would differ.
#[derive(Debug, Serialize)]
struct Touched {
    agreement: String,
    fields: Vec<String>,
}

impl Report {
    fn of(Rehearsed { rehearsal, day }: Rehearsed, agreements: &[Names]) -> Self {
        let touched = agreements.iter().map(|names| {
            let fields = rehearsal.touched(names.fields.iter().map(String::as_str));
            Touched {
                agreement: names.agreement.clone(),
                fields: fields.into_iter().map(ToOwned::to_owned).collect(),
            }
        });
        let agreements = touched.filter(|touched| !touched.fields.is_empty()).collect();
        Self { version: 1, day, rehearsal, agreements }
    }
}

impl Answer for Report {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Rehearsal { persons, persons_changed, pairs_joined, pairs_split, .. } = self.rehearsal;
        writeln!(out, "on {}: {persons} persons, {persons_changed} of them differ", self.day)?;
        writeln!(out, "{pairs_joined} pairs of records come together, {pairs_split} part")?;
        let Rehearsal { cases_opened, cases_closed, decisions_contradicted, .. } = self.rehearsal;
        writeln!(out, "{cases_opened} cases open, {cases_closed} close")?;
        writeln!(out, "{decisions_contradicted} decisions are no longer followed")?;
        for decision in &self.rehearsal.decisions {
            writeln!(out, "  {decision}")?;
        }
        let rows: Vec<_> = self
            .rehearsal
            .fields
            .iter()
            .map(|(name, d)| {
                let numbers = [d.changed, d.gained, d.lost, d.state, d.cases_opened, d.cases_closed];
                let [changed, gained, lost, state, opened, closed] = numbers.map(|n| n.to_string());
                let example = d.examples.first().map_or_else(|| "-".to_owned(), ToString::to_string);
                [name.to_string(), changed, gained, lost, state, opened, closed, example]
            })
            .collect();
        write_table(
            out,
            ["FIELD", "CHANGED", "GAINED", "LOST", "STATE", "CASES OPENED", "CLOSED", "FOR EXAMPLE"],
            &rows,
        )?;
        for touched in &self.agreements {
            writeln!(out, "agreement {}: {}", touched.agreement, touched.fields.join(", "))?;
        }
        Ok(())
    }
}
