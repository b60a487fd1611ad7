//! `dansync load`: the registry's first load, which waits for the snapshot of every configured source.

use std::io::{self, Write};

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};

/// `dansync load`.
#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Let the first load go on without a source; its records join when they come.
    #[command(after_help = "Example:
  dansync load waive medical --config /etc/dansync/reconciler.toml")]
    Waive(Waive),
}

/// `dansync load waive`.
#[derive(Debug, Args)]
pub(crate) struct Waive {
    /// The source.
    source: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Load {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Waive(waive) => waive.execute(),
        }
    }
}

impl Waive {
    fn execute(self) -> anyhow::Result<()> {
        let settings: settings::Registry = self.file.sections()?;
        let is_known = executor::run(async {
            let pool = registry_pool(&settings.registry)?;
            let mut connection = pool.acquire().await.classed()?;
            registry_store::waive_source(&mut connection, &self.source).await.classed()
        })?;
        if !is_known {
            bail!(
                "the registry waits for no source of this name; see `sources` in the reconciler's configuration"
            );
        }
        self.output.show(&Waived { version: 1, source: self.source })
    }
}

/// What is no longer waited for.
#[derive(Debug, Serialize)]
struct Waived {
    version: u32,
    source: String,
}

impl Answer for Waived {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "the first load does not wait for {}", self.source)
    }
}
