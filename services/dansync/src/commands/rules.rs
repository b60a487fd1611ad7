//! `dansync rules`: the rules by which records are merged into persons.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use event_log::ControlEvent;
use registry_rules::FieldCatalogue;
use serde::Serialize;
use sqlx::PgPool;

use super::control::{self, ControlSettings};
use super::rules_rehearse::Rehearse;
use super::{rules_diff, rules_file, rules_sheet};
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};

/// `dansync rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// The rule sets that the registry keeps, which one is in force, and what it says.
    #[command(after_help = "Example:
  dansync rules show --config /etc/dansync/reconciler.toml")]
    Show(Show),
    /// Report every fault of a rule set's file; exit 65 when there is one. The registry is not asked.
    #[command(after_help = "Example:
  dansync rules validate schemas/field-catalogue.toml -o json")]
    Validate(Validate),
    /// What one rule set says otherwise than another: kept ones by name, files by path.
    #[command(after_help = "Examples:
  dansync rules diff 1-88a1c2d3 2-1f0c33aa --config /etc/dansync/reconciler.toml
  dansync rules diff in-force schemas/field-catalogue.toml --config /etc/dansync/reconciler.toml")]
    Diff(Diff),
    /// Merge everybody by new rules beside those in force, and say what would change. Nothing is written.
    #[command(after_help = "Examples:
  dansync rules rehearse --catalogue field-catalogue.toml --config /etc/dansync/reconciler.toml
  dansync rules rehearse --catalogue field-catalogue.toml --on 2027-03-01 --agreements schemas/agreements \\
    --config /etc/dansync/reconciler.toml -o json")]
    Rehearse(Rehearse),
    /// Put a kept rule set in force: every person is merged anew. A reconciler keeps the set it starts with.
    #[command(after_help = "Example:
  dansync rules activate 2-1f0c33aa --config /etc/dansync/reconciler.toml")]
    Activate(Activate),
}

/// `dansync rules show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A kept rule set; without it the one in force.
    #[arg(value_name = "RULES")]
    name: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync rules validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The rule set's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// `dansync rules diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The rule set that is left: a kept one's name, `in-force`, or a file.
    #[arg(value_name = "BEFORE")]
    before: String,
    /// The rule set that is come to: likewise.
    #[arg(value_name = "AFTER")]
    after: String,
    /// The configuration (TOML) that names the registry; two files are compared without one.
    #[arg(long, value_name = "FILE", env = "DANSYNC_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// `dansync rules activate`.
#[derive(Debug, Args)]
pub(crate) struct Activate {
    /// The rule set's name, as `dansync rules show` lists it.
    #[arg(value_name = "RULES")]
    name: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Rules {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => {
                let settings: settings::Registry = show.file.sections()?;
                let sheet = executor::run(async {
                    sheet(&registry_pool(&settings.registry)?, show.name.as_deref()).await
                })?;
                show.output.show(&sheet)
            }
            Self::Validate(validate) => rules_file::validate(&validate.file, validate.output),
            Self::Diff(diff) => {
                let (before, after) = (place(&diff.before), place(&diff.after));
                let files = before.is_file() && after.is_file();
                let sets = if files {
                    (before.of_file()?, after.of_file()?)
                } else {
                    let config =
                        diff.config.context("name the registry with --config: one of the two is no file")?;
                    let settings: settings::Registry = settings::sections(&config)?;
                    executor::run(async {
                        let pool = registry_pool(&settings.registry)?;
                        Ok((before.read(&pool).await?, after.read(&pool).await?))
                    })?
                };
                diff.output.show(&rules_diff::Sheet::of((diff.before, &sets.0), (diff.after, &sets.1)))
            }
            Self::Rehearse(rehearse) => rehearse.execute(),
            Self::Activate(activate) => {
                let settings: ControlSettings = activate.file.sections()?;
                let activated = executor::run(put_in_force(&settings, activate.name))?;
                activate.output.show(&activated)
            }
        }
    }
}

async fn sheet(pool: &PgPool, name: Option<&str>) -> anyhow::Result<rules_sheet::Sheet> {
    let (present, kept) = control::present(pool).await?;
    let shown = name.unwrap_or(&present.rule_set).to_owned();
    let catalogue = kept_set(pool, &shown).await?;
    Ok(rules_sheet::Sheet::of(present, kept, shown, &catalogue))
}

/// A kept rule set, read.
pub(super) async fn kept_set(pool: &PgPool, name: &str) -> anyhow::Result<FieldCatalogue> {
    let mut connection = pool.acquire().await.classed()?;
    let text = registry_store::catalogue_of(&mut connection, name).await.classed()?;
    let text =
        text.context("the registry keeps no rule set of this name; `dansync rules show` lists them")?;
    rules_file::parse(&text)
}

/// Where a rule set of `rules diff` is.
enum Place {
    InForce,
    Kept(String),
    File(PathBuf),
}

/// Names have no dot and no slash, paths of rule sets have one.
fn place(text: &str) -> Place {
    if text == "in-force" {
        Place::InForce
    } else if text.contains(['.', '/']) {
        Place::File(PathBuf::from(text))
    } else {
        Place::Kept(text.to_owned())
    }
}

impl Place {
    const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    fn of_file(&self) -> anyhow::Result<FieldCatalogue> {
        match self {
            Self::File(path) => rules_file::read(path),
            Self::InForce | Self::Kept(_) => bail!("this rule set is no file"),
        }
    }

    async fn read(&self, pool: &PgPool) -> anyhow::Result<FieldCatalogue> {
        match self {
            Self::File(path) => rules_file::read(path),
            Self::Kept(name) => kept_set(pool, name).await,
            Self::InForce => {
                let (present, _) = control::present(pool).await?;
                kept_set(pool, &present.rule_set).await
            }
        }
    }
}

async fn put_in_force(settings: &ControlSettings, rule_set: String) -> anyhow::Result<Activated> {
    let pool = registry_pool(&settings.registry)?;
    let (present, kept) = control::present(&pool).await?;
    if !kept.iter().any(|kept| kept.name == rule_set) {
        bail!("the registry keeps no rule set of this name; `dansync rules show` lists them");
    }
    settings.publish(&ControlEvent::RulesActivated { rule_set: rule_set.clone() }).await?;
    Ok(Activated { version: 1, rule_set, before: present.rule_set })
}

/// What was put in force.
#[derive(Debug, Serialize)]
struct Activated {
    version: u32,
    rule_set: String,
    /// In force until the registry follows.
    before: String,
}

impl Answer for Activated {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} is put in force (before: {}); every person is merged anew",
            self.rule_set, self.before
        )
    }
}
