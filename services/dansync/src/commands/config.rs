//! `dansync config`: what a service would run with.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_runtime::ConfigFaults;
use service_runtime::config::{self, ConfigFault};

use super::run::Service;
use crate::output::{Answer, Output};

/// `dansync config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Report every fault of a service's configuration; exit 78 when there is one.
    Validate(Validate),
}

/// `dansync config validate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dansync config validate reconciler --config /etc/dansync/reconciler.toml -o json"
)]
pub(crate) struct Validate {
    /// The service whose configuration it is.
    #[arg(value_enum)]
    service: Service,
    /// The file; `DANSYNC_SECTION__KEY` in the environment goes over it.
    #[arg(long, value_name = "FILE", env = "DANSYNC_CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Config {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Validate(validate) => validate.execute(),
        }
    }
}

impl Validate {
    fn execute(self) -> anyhow::Result<()> {
        let loaded = match self.service {
            Service::SourceAdapter => hash_of::<source_adapter::Config>(&self.config),
            Service::Reconciler => hash_of::<reconciler::Config>(&self.config),
            Service::Dispatcher => hash_of::<dispatcher::Config>(&self.config),
            Service::SourceInbox => hash_of::<source_inbox::Config>(&self.config),
            Service::StewardConsole => hash_of::<steward_console::Config>(&self.config),
        };
        self.output.show(&Validation::new(self.service, &loaded))?;
        loaded.map(|_| ()).map_err(anyhow::Error::new)
    }
}

fn hash_of<C: DeserializeOwned>(path: &Path) -> Result<String, ConfigFaults> {
    config::load_with_environment::<C>(path, config::environment()).map(|loaded| loaded.hash)
}

/// What was found.
#[derive(Debug, Serialize)]
struct Validation<'a> {
    version: u32,
    service: &'static str,
    valid: bool,
    config_hash: Option<&'a str>,
    faults: Vec<Fault<'a>>,
}

#[derive(Debug, Serialize)]
struct Fault<'a> {
    path: &'a str,
    place: Option<&'a str>,
    reason: &'a str,
}

impl<'a> Validation<'a> {
    fn new(service: Service, loaded: &'a Result<String, ConfigFaults>) -> Self {
        let faults = loaded.as_ref().err().map_or(&[][..], ConfigFaults::as_slice);
        let fault = |fault: &'a ConfigFault| Fault {
            path: &fault.path,
            place: fault.place.as_deref(),
            reason: &fault.reason,
        };
        Self {
            version: 1,
            service: service.name(),
            valid: faults.is_empty(),
            config_hash: loaded.as_ref().ok().map(String::as_str),
            faults: faults.iter().map(fault).collect(),
        }
    }
}

impl Answer for Validation<'_> {
    /// The faults themselves are the error's text, on standard error.
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.config_hash {
            Some(hash) => writeln!(out, "{}: the configuration is valid (hash {hash})", self.service),
            None => writeln!(out, "{}: the configuration is not valid", self.service),
        }
    }
}
