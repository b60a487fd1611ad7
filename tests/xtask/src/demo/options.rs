//! What the demo may be told.

use anyhow::Context;
use clap::Args;
use std::path::{Path, PathBuf};

/// `cargo xtask demo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many citizens
    #[arg(long, default_value_t = 20_000)]
    pub(crate) people: usize,
    /// How many live changes with --until-drained
    #[arg(long, default_value_t = 1_000)]
    pub(crate) changes: u64,
    /// Live changes a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 40.0)]
    pub(crate) rate: f64,
    /// The same seed gives the same citizens and the same life
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Make the changes, wait until nothing moves, and end
    #[arg(long)]
    pub(crate) until_drained: bool,
    /// Start over: remove what an earlier run left in the state folder
    #[arg(long)]
    pub(crate) reset: bool,
    /// Folder of all data, logs and addresses
    #[arg(long, value_name = "DIR", default_value = ".dansync")]
    pub(crate) state: PathBuf,
    /// Write the summary here, too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Ports, and parts that already run (see deploy/local/stack.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) stack: Option<PathBuf>,
}

impl Options {
    /// The state folder, absolute, made if it is not there.
    pub(crate) fn state_dir(&self) -> anyhow::Result<PathBuf> {
        state_dir(&self.state)
    }
}

/// A state folder, absolute, made if it is not there.
pub(crate) fn state_dir(state: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(state).with_context(|| format!("{} could not be made", state.display()))?;
    Ok(state.canonicalize()?)
}
