//! `dansync rules`: the rules by which records are merged into persons.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use event_log::ControlEvent;
use registry_rules::FieldCatalogue;
use registry_store::KeptRules;
use serde::Serialize;
use service_runtime::ExitClass;
use sqlx::PgPool;

use super::control::{self, ControlSettings};
use super::rules_rehearse::Rehearse;
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};
use crate::table::write_table;

/// `dansync rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// The rule sets that the registry keeps, which one is in force, and what it says.
    #[command(after_help = "Example:
  dansync rules show --config /etc/dansync/reconciler.toml")]
    Show(Show),
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
            Self::Rehearse(rehearse) => rehearse.execute(),
            Self::Activate(activate) => {
                let settings: ControlSettings = activate.file.sections()?;
                let activated = executor::run(put_in_force(&settings, activate.name))?;
                activate.output.show(&activated)
            }
        }
    }
}

async fn sheet(pool: &PgPool, name: Option<&str>) -> anyhow::Result<Sheet> {
    let (present, kept) = control::present(pool).await?;
    let mut connection = pool.acquire().await.classed()?;
    let shown = name.unwrap_or(&present.rule_set).to_owned();
    let text = registry_store::catalogue_of(&mut connection, &shown).await.classed()?;
    let text =
        text.context("the registry keeps no rule set of this name; `dansync rules show` lists them")?;
    let catalogue = FieldCatalogue::parse(&text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::Error::msg(faults.join("\n")).context(ExitClass::BadData)
    })?;
    let fields = catalogue.iter().map(|field| Item {
        name: field.name.to_string(),
        article: field.article.clone(),
        vi: field.vi.clone(),
        en: field.en.clone(),
    });
    Ok(Sheet {
        version: 1,
        business_date: present.date,
        in_force: present.rule_set,
        fields: fields.collect(),
        shown,
        kept,
    })
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

/// What is kept, and one of them in full.
#[derive(Debug, Serialize)]
struct Sheet {
    version: u32,
    business_date: NaiveDate,
    in_force: String,
    kept: Vec<KeptRules>,
    /// The one whose fields follow.
    shown: String,
    fields: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    article: String,
    vi: String,
    en: String,
}

impl Answer for Sheet {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "in force: {} on {}", self.in_force, self.business_date)?;
        for kept in &self.kept {
            writeln!(out, "kept: {} since {}", kept.name, kept.kept_at.to_rfc3339())?;
        }
        writeln!(out, "\n{}:", self.shown)?;
        let rows: Vec<_> = self
            .fields
            .iter()
            .map(|item| [item.name.clone(), item.article.clone(), item.vi.clone(), item.en.clone()])
            .collect();
        write_table(out, ["FIELD", "ARTICLE", "TIẾNG VIỆT", "ENGLISH"], &rows)
    }
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
