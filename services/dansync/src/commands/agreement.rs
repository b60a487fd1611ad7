//! `dansync agreement`: which subscriber may have what, and what became of it.
//!
//! The role in `[disclosure]` must be one that may manage agreements (`roles.officer` of `dansync migrate disclosure`); the
//! dispatcher's own may only read them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use disclosure_store::{AgreementListing, AgreementRow};
use dispatcher::AgreementStatus;
use event_log::SchemaRegistry;
use registry_rules::{AgreementState, FieldCatalogue};
use serde::Serialize;
use service_runtime::ExitClass;
use sqlx::PgPool;

use super::agreement_sheet::{Line, sheet};
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, disclosure_pool};
use crate::table::write_table;
use crate::value_text::or_dash;

/// `dansync agreement`.
#[derive(Debug, Subcommand)]
pub(crate) enum AgreementCommand {
    /// Take in files; importing again changes nothing, and nothing is in force by it.
    #[command(after_help = "Example:
  dansync agreement import schemas/agreements --config officer.toml")]
    Import(Import),
    /// Every agreement with its state.
    #[command(after_help = "Example:
  dansync agreement list --config officer.toml")]
    List(List),
    /// One version of an agreement, with the text that was signed.
    #[command(
        disable_version_flag = true,
        after_help = "Example:
  dansync agreement show education --version 2 --config officer.toml"
    )]
    Show(Show),
    /// Put a version into force: everybody is compared under it.
    #[command(
        disable_version_flag = true,
        after_help = "Example:
  dansync agreement activate education --as le.thi.an --config officer.toml"
    )]
    Activate(Activate),
    /// Let no content leave until it is activated again; leaves and take-backs still do.
    #[command(after_help = "Example:
  dansync agreement suspend education --as le.thi.an --config officer.toml")]
    Suspend(Suspend),
    /// Take an agreement another step of Circular 46/2022/TT-BCA art. 7, or end it.
    #[command(after_help = "Example:
  dansync agreement step education security_assessed --as le.thi.an --config officer.toml")]
    Step(Step),
    /// Population, releases and their outcomes.
    #[command(after_help = "Example:
  dansync agreement status --config officer.toml -o json

The file has [schema_registry] beside [disclosure].")]
    Status(List),
}

/// `dansync agreement import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A file, or a directory with `*.toml`.
    path: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync agreement list` and `status`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync agreement show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The agreement.
    agreement: String,
    /// Which version; without it the one in force, else the newest.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Which agreement, and on whose word.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The agreement.
    agreement: String,
    /// Who orders it; it stands beside the step for good.
    #[arg(long = "as", value_name = "NAME", env = "DANSYNC_USER")]
    actor: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync agreement activate`.
#[derive(Debug, Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    change: Change,
    /// Which version; without it the newest.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

/// `dansync agreement suspend`.
#[derive(Debug, Args)]
pub(crate) struct Suspend {
    #[command(flatten)]
    change: Change,
}

/// `dansync agreement step`.
#[derive(Debug, Args)]
pub(crate) struct Step {
    #[command(flatten)]
    change: Change,
    /// The state it is to have; a word that is none lists them.
    #[arg(value_parser = state)]
    to: AgreementState,
}

fn state(word: &str) -> Result<AgreementState, String> {
    let to = AgreementState::from_word(word).filter(|to| *to != AgreementState::Active);
    to.ok_or_else(|| {
        let words: Vec<&str> = AgreementState::ALL
            .iter()
            .filter(|state| **state != AgreementState::Active)
            .map(|state| state.as_str())
            .collect();
        format!("write one of {}; for active see `dansync agreement activate`", words.join(", "))
    })
}

impl AgreementCommand {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Import(import) => import.execute(),
            Self::List(list) => {
                let settings: settings::Disclosure = list.file.sections()?;
                let found = executor::run(async {
                    disclosure_store::list_agreements(&disclosure_pool(&settings.disclosure)?).await.classed()
                })?;
                list.output.show(&Listing::of(found))
            }
            Self::Show(show) => {
                let settings: settings::Disclosure = show.file.sections()?;
                let shown = executor::run(async {
                    sheet(&disclosure_pool(&settings.disclosure)?, &show.agreement, show.version).await
                })?;
                show.output.show(&shown)
            }
            Self::Activate(activate) => {
                let Activate { change, version } = activate;
                change.make(async |pool, change, catalogue| {
                    dispatcher::activate(pool, &change.agreement, version, &change.actor, catalogue)
                        .await
                        .classed()
                })
            }
            Self::Suspend(suspend) => suspend.change.step(AgreementState::Suspended),
            Self::Step(step) => step.change.step(step.to),
            Self::Status(status) => {
                let database: settings::Disclosure = status.file.sections()?;
                let schemas: settings::Schemas = status.file.sections()?;
                let agreements = executor::run(async {
                    let pool = disclosure_pool(&database.disclosure)?;
                    let schemas = SchemaRegistry::new(&schemas.schema_registry);
                    dispatcher::agreement_status(&pool, &schemas).await.classed()
                })?;
                status.output.show(&Figures { version: 1, agreements })
            }
        }
    }
}

impl Import {
    fn execute(self) -> anyhow::Result<()> {
        let settings: settings::Disclosure = self.file.sections()?;
        let catalogue = catalogue()?;
        let agreements = executor::run(async {
            let pool = disclosure_pool(&settings.disclosure)?;
            if self.path.is_dir() {
                return dispatcher::import_agreements(&pool, &self.path, &catalogue).await.classed();
            }
            import_file(&pool, &self.path, &catalogue).await.map(|name| vec![name])
        })?;
        self.output.show(&Imported { version: 1, agreements })
    }
}

async fn import_file(pool: &PgPool, path: &Path, catalogue: &FieldCatalogue) -> anyhow::Result<String> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name).context(ExitClass::BadData)?;
    let agreement =
        disclosure_store::import_agreement(pool, &text, catalogue).await.classed().with_context(name)?;
    Ok(agreement.name)
}

/// The field catalogue that agreements are read against.
pub(super) fn catalogue() -> anyhow::Result<FieldCatalogue> {
    dispatcher::catalogue().context(ExitClass::Bug)
}

impl Change {
    fn step(self, to: AgreementState) -> anyhow::Result<()> {
        self.make(async |pool, change, catalogue| {
            dispatcher::step(pool, &change.agreement, to, &change.actor, catalogue).await.classed()
        })
    }

    fn make(
        &self,
        work: impl AsyncFnOnce(&PgPool, &Self, &FieldCatalogue) -> anyhow::Result<AgreementRow>,
    ) -> anyhow::Result<()> {
        let settings: settings::Disclosure = self.file.sections()?;
        let catalogue = catalogue()?;
        let row =
            executor::run(async { work(&disclosure_pool(&settings.disclosure)?, self, &catalogue).await })?;
        self.output.show(&Changed {
            version: 1,
            agreement: row.agreement,
            state: row.state.as_str(),
            in_force: (row.version > 0).then_some(row.version),
            generation: row.generation,
        })
    }
}

/// What was taken in.
#[derive(Debug, Serialize)]
struct Imported {
    version: u32,
    agreements: Vec<String>,
}

impl Answer for Imported {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.agreements.iter().try_for_each(|name| writeln!(out, "{name} is imported"))
    }
}

/// All of them.
#[derive(Debug, Serialize)]
struct Listing {
    version: u32,
    agreements: Vec<Line>,
}

impl Listing {
    fn of(found: Vec<AgreementListing>) -> Self {
        Self { version: 1, agreements: found.into_iter().map(Line::from).collect() }
    }
}

impl Answer for Listing {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .agreements
            .iter()
            .map(|line| {
                [
                    line.agreement.clone(),
                    line.state.clone(),
                    or_dash(line.in_force),
                    line.newest_version.to_string(),
                    line.generation.to_string(),
                ]
            })
            .collect();
        if rows.is_empty() {
            writeln!(out, "no agreements; see `dansync agreement import`")?;
        }
        write_table(out, ["AGREEMENT", "STATE", "IN FORCE", "NEWEST", "GENERATION"], &rows)
    }
}

/// Where it stands now.
#[derive(Debug, Serialize)]
struct Changed {
    version: u32,
    agreement: String,
    state: &'static str,
    in_force: Option<i32>,
    generation: i32,
}

impl Answer for Changed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { agreement, state, generation, .. } = self;
        let in_force = or_dash(self.in_force);
        writeln!(out, "{agreement} is {state}, version in force {in_force}, topic generation {generation}")
    }
}

/// What became of what was authorised.
#[derive(Debug, Serialize)]
struct Figures {
    version: u32,
    agreements: Vec<AgreementStatus>,
}

impl Answer for Figures {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .agreements
            .iter()
            .map(|a| {
                let counts = [a.population, a.authorised, a.delivered, a.superseded, a.withdrawn, a.waiting];
                let [population, authorised, delivered, superseded, withdrawn, waiting] =
                    counts.map(|count| count.to_string());
                [a.agreement.clone(), population, authorised, delivered, superseded, withdrawn, waiting]
            })
            .collect();
        let headings =
            ["AGREEMENT", "POPULATION", "AUTHORISED", "DELIVERED", "SUPERSEDED", "WITHDRAWN", "WAITING"];
        write_table(out, headings, &rows)
    }
}
