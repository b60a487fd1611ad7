//! `dansync source`: a captured database, by its adapter's configuration.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use event_log::{SourcePosition, decode_source_position, split_wire_header};
use serde::{Deserialize, Serialize};
use service_runtime::{ExitClass, HumanDuration};
use source_adapter::postgres::Control;
use source_adapter::{Config, Halt, RedriveReport, RedriveScope};

use super::source_audit::SourceAudit;
use crate::classed::ResultExt as _;
use crate::executor::{self, wait_for};
use crate::failure::Verdict;
use crate::output::{Answer, Output};
use crate::settings::ConfigFile;

/// `dansync source`.
#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// Where the adapter stands and what its slot keeps back.
    #[command(after_help = "Example:
  dansync source status --config /etc/dansync/civil_status.toml")]
    Status(Status),
    /// Count and digest the source at one point of its order, and compare with the registry there.
    #[command(after_help = "Examples:
  dansync source audit --config /etc/dansync/civil_status.toml -o json
  dansync source audit --config /etc/dansync/civil_status.toml --registry /etc/dansync/reconciler.toml")]
    Audit(SourceAudit),
    /// Read rows again from the source: those in quarantine, some by key, or all after a change of the mapping.
    #[command(after_help = "Examples:
  dansync source redrive --config /etc/dansync/civil_status.toml
  dansync source redrive --entity birth --key 17 --key 18 --config /etc/dansync/civil_status.toml --wait 1m
  dansync source redrive --all --config /etc/dansync/civil_status.toml")]
    Redrive(Redrive),
    /// Capture the source anew: its adapter, stopped now, begins its next run with a snapshot under the next epoch.
    #[command(after_help = "Example:
  dansync source reset civil_status --config /etc/dansync/civil_status.toml")]
    Reset(Reset),
}

/// `dansync source status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    adapter: Adapter,
    #[command(flatten)]
    output: Output,
}

/// `dansync source redrive`.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// Every row: the mapping has changed.
    #[arg(long, conflicts_with = "entity")]
    all: bool,
    /// Rows of this entity, by --key.
    #[arg(long, requires = "keys")]
    entity: Option<String>,
    /// A row's key; its columns joined by `-`.
    #[arg(long = "key", value_name = "KEY", requires = "entity")]
    keys: Vec<String>,
    /// Wait until the rows are read again and in the log, at most this long.
    #[arg(long, value_name = "DURATION")]
    wait: Option<HumanDuration>,
    #[command(flatten)]
    adapter: Adapter,
    #[command(flatten)]
    output: Output,
}

/// `dansync source reset`.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Do it without the source's name.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    adapter: Adapter,
    #[command(flatten)]
    output: Output,
}

/// An adapter by its configuration; a source named beside it must be the one it captures.
#[derive(Debug, Args)]
pub(super) struct Adapter {
    /// The source, to be sure that the configuration is the one that is meant.
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
}

/// Of the mapping, what says who the source is.
#[derive(Debug, Deserialize)]
struct Identity {
    source: String,
    slot: String,
}

impl Adapter {
    /// The configuration.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        self.identified().map(|(config, _)| config)
    }

    fn identified(&self) -> anyhow::Result<(Config, Identity)> {
        let config: Config = self.file.load()?;
        let path = config.source.mapping.display();
        let text = std::fs::read_to_string(&config.source.mapping)
            .with_context(|| format!("source.mapping: {path} cannot be read"))
            .context(ExitClass::Configuration)?;
        let identity: Identity = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("source.mapping: {path}: {}", error.message()))
            .context(ExitClass::Configuration)?;
        match &self.source {
            Some(named) if *named != identity.source => {
                Err(anyhow::anyhow!("the configuration captures {}, not {named}", identity.source))
                    .context(ExitClass::Configuration)
            }
            Some(_) | None => Ok((config, identity)),
        }
    }
}

impl Source {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Status(status) => {
                let (config, identity) = status.adapter.identified()?;
                let standing = executor::run(standing(&config, identity))?;
                status.output.show(&standing)
            }
            Self::Audit(audit) => audit.execute(),
            Self::Redrive(redrive) => redrive.execute(),
            Self::Reset(reset) => reset.execute(),
        }
    }
}

impl Redrive {
    fn execute(self) -> anyhow::Result<()> {
        let config = self.adapter.load()?;
        let scope = match self.entity {
            _ if self.all => RedriveScope::All,
            Some(entity) => RedriveScope::Keys { entity, keys: self.keys },
            None => RedriveScope::Quarantined,
        };
        let redriven = executor::run(redrive(&config, scope, self.wait))?;
        self.output.show(&redriven)?;
        if redriven.done == Some(false) {
            return Err(anyhow::anyhow!("the rows are not read again yet; the adapter goes on"))
                .context(Verdict::TryAgain);
        }
        Ok(())
    }
}

async fn redrive(
    config: &Config,
    scope: RedriveScope,
    wait: Option<HumanDuration>,
) -> anyhow::Result<Redriven> {
    let report = source_adapter::redrive(config, scope).await?;
    let mut done = None;
    if let Some(limit) = wait {
        let look = async || Ok(source_adapter::redrive_is_done(config, &report).await?.then_some(()));
        done = Some(wait_for(limit.get(), look).await?.is_some());
    }
    let RedriveReport { source, keys, entities, position } = report;
    Ok(Redriven { version: 1, source, keys, entities, position: position.map(lsn), done })
}

/// What was asked for.
#[derive(Debug, Serialize)]
struct Redriven {
    version: u32,
    source: String,
    /// Rows asked for by key.
    keys: u64,
    /// Entities asked for as a whole.
    entities: u64,
    /// Where the last request stands in the source's log; none where nothing was to be asked.
    position: Option<String>,
    /// Whether it is read again; none where nobody waited.
    done: Option<bool>,
}

impl Answer for Redriven {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { source, keys, entities, position, .. } = self;
        if position.is_none() {
            return writeln!(out, "{source}: nothing is in quarantine");
        }
        let done = if self.done == Some(true) { "are read again" } else { "will be read again" };
        writeln!(out, "{source}: {keys} rows by key and {entities} whole entities {done}")
    }
}

impl Reset {
    fn execute(self) -> anyhow::Result<()> {
        if self.adapter.source.is_none() && !self.yes {
            bail!("every row of the source is read again after this; name the source, or add --yes");
        }
        let (config, identity) = self.adapter.identified()?;
        executor::run(source_adapter::reset(&config))?;
        self.output.show(&WasReset { version: 1, source: identity.source })
    }
}

/// What begins anew.
#[derive(Debug, Serialize)]
struct WasReset {
    version: u32,
    source: String,
}

impl Answer for WasReset {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: the next start of its adapter begins with a snapshot", self.source)
    }
}

/// How far the log has the source; none before its first snapshot began.
pub(super) async fn stored_position(config: &Config, source: &str) -> anyhow::Result<Option<SourcePosition>> {
    let topic = config.kafka.topics().positions();
    let all = event_log::read_compacted(&config.kafka, &topic).await.classed()?;
    let Some(payload) = all.get(source.as_bytes()) else { return Ok(None) };
    let (_, body) = split_wire_header(payload).context(ExitClass::BadData)?;
    decode_source_position(body).map(Some).context("the stored position").context(ExitClass::BadData)
}

async fn standing(config: &Config, identity: Identity) -> anyhow::Result<Standing> {
    let stored = stored_position(config, &identity.source).await?;
    let mut control = Control::open(config).await.map_err(Halt::into_error)?;
    let found = control.slot(&identity.slot).await.map_err(Halt::into_error)?;
    let retained_bytes = control.retained_bytes(&identity.slot).await.map_err(Halt::into_error)?;
    control.close().await;
    Ok(Standing {
        version: 1,
        source: identity.source,
        position: stored.map(|stored| StoredPosition {
            epoch: stored.epoch,
            position: lsn(stored.position),
            // A point says that it is a redrive within the epoch.
            snapshot_under_way: stored.snapshot.as_ref().is_some_and(|state| state.consistent_point == 0),
            redrive_under_way: stored.snapshot.as_ref().is_some_and(|state| state.consistent_point > 0),
            mapping_version: stored.mapping_version,
            stored_at: stored.updated_at,
        }),
        slot: found.map(|found| Slot {
            name: identity.slot,
            active: found.active,
            wal_status: found.wal_status,
            confirmed: lsn(found.confirmed),
            retained_bytes,
        }),
    })
}

/// A place in a PostgreSQL log, as PostgreSQL writes it.
pub(super) fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}

/// Where a source stands.
#[derive(Debug, Serialize)]
struct Standing {
    version: u32,
    source: String,
    /// What the log has; none before the first snapshot.
    position: Option<StoredPosition>,
    /// What the source keeps for the adapter; none where there is no slot.
    slot: Option<Slot>,
}

#[derive(Debug, Serialize)]
struct StoredPosition {
    epoch: u32,
    position: String,
    snapshot_under_way: bool,
    redrive_under_way: bool,
    mapping_version: u32,
    stored_at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
struct Slot {
    name: String,
    active: bool,
    wal_status: String,
    confirmed: String,
    retained_bytes: Option<u64>,
}

impl Answer for Standing {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.position {
            None => writeln!(out, "{}: nothing is in the log yet", self.source)?,
            Some(at) => {
                let doing = match (at.snapshot_under_way, at.redrive_under_way) {
                    (true, _) => "snapshot under way",
                    (false, true) => "stream, rows are read again",
                    (false, false) => "stream",
                };
                let (epoch, position, stored_at) = (at.epoch, &at.position, at.stored_at.to_rfc3339());
                writeln!(out, "{}: epoch {epoch}, {position}, {doing}, stored {stored_at}", self.source)?;
            }
        }
        match &self.slot {
            None => writeln!(out, "no slot"),
            Some(slot) => {
                let state = if slot.active { "in use" } else { "not in use" };
                let kept = slot.retained_bytes.unwrap_or(0);
                let Slot { name, wal_status, confirmed, .. } = slot;
                writeln!(out, "slot {name}: {state}, {wal_status}, at {confirmed}, keeps {kept} bytes of log")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_postgresql_does() {
        assert_eq!(lsn(0x16_B374_D848), "16/B374D848");
        assert_eq!(lsn(0), "0/0");
    }
}
