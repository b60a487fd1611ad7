//! `dansync sweep`: rows that a snapshot no longer showed. Above the larger of 20 rows and 0.1 % an operator allows it.

use std::io::{self, Write};

use anyhow::bail;
use clap::{Args, Subcommand};
use registry_store::Sweep;
use serde::Serialize;

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};
use crate::table::write_table;

/// `dansync sweep`.
#[derive(Debug, Subcommand)]
pub(crate) enum SweepCommand {
    /// All sweeps, the newest first.
    #[command(after_help = "Example:
  dansync sweep list --config /etc/dansync/reconciler.toml")]
    List(List),
    /// Let a waiting sweep withdraw what the snapshot did not show.
    #[command(after_help = "Example:
  dansync sweep allow residence 3 absence --config /etc/dansync/reconciler.toml")]
    Allow(Allow),
}

/// `dansync sweep list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync sweep allow`.
#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// The source.
    source: String,
    /// The snapshot's epoch.
    epoch: i32,
    /// The entity.
    entity: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl SweepCommand {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => {
                let settings: settings::Registry = list.file.sections()?;
                let sweeps = executor::run(async {
                    registry_store::list_sweeps(&registry_pool(&settings.registry)?).await.classed()
                })?;
                list.output.show(&Sweeps { version: 1, sweeps })
            }
            Self::Allow(allow) => {
                let settings: settings::Registry = allow.file.sections()?;
                let Allow { source, epoch, entity, .. } = &allow;
                let is_allowed = executor::run(async {
                    let pool = registry_pool(&settings.registry)?;
                    let mut connection = pool.acquire().await.classed()?;
                    registry_store::allow_sweep(&mut connection, source, *epoch, entity).await.classed()
                })?;
                if !is_allowed {
                    bail!(
                        "no sweep of {source} {epoch} {entity} waits; `dansync sweep list` shows those that do"
                    );
                }
                let Allow { source, epoch, entity, output, file: _ } = allow;
                output.show(&Allowed { version: 1, source, epoch, entity })
            }
        }
    }
}

/// All of them.
#[derive(Debug, Serialize)]
struct Sweeps {
    version: u32,
    sweeps: Vec<Sweep>,
}

impl Answer for Sweeps {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .sweeps
            .iter()
            .map(|sweep| {
                [
                    sweep.source.clone(),
                    sweep.epoch.to_string(),
                    sweep.entity.clone(),
                    sweep.state.clone(),
                    sweep.missing.to_string(),
                    sweep.total.to_string(),
                    if sweep.truncated { "yes" } else { "no" }.to_owned(),
                ]
            })
            .collect();
        if rows.is_empty() {
            writeln!(out, "no sweeps")?;
        }
        write_table(out, ["SOURCE", "EPOCH", "ENTITY", "STATE", "MISSING", "TOTAL", "TRUNCATED"], &rows)
    }
}

/// What may go on.
#[derive(Debug, Serialize)]
struct Allowed {
    version: u32,
    source: String,
    epoch: i32,
    entity: String,
}

impl Answer for Allowed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "the sweep of {} {} {} is allowed", self.source, self.epoch, self.entity)
    }
}
