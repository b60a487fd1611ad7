//! `dansync day`: the business date, in Vietnam.

use std::io::{self, Write};

use anyhow::bail;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use event_log::ControlEvent;
use serde::Serialize;
use service_runtime::{Clock as _, SystemClock};

use super::control::{self, ControlSettings};
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, registry_pool};

/// `dansync day`.
#[derive(Debug, Subcommand)]
pub(crate) enum Day {
    /// Open a day for everybody, as the reconciler does by itself at midnight. A day once opened stays open.
    #[command(after_help = "Examples:
  dansync day open --config /etc/dansync/reconciler.toml
  dansync day open --date 2027-01-01 --ahead --config /etc/dansync/reconciler.toml")]
    Open(Open),
}

/// `dansync day open`.
#[derive(Debug, Args)]
pub(crate) struct Open {
    /// The day; without it today in Vietnam.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<NaiveDate>,
    /// Open a day that has not come yet: it cannot be taken back.
    #[arg(long)]
    ahead: bool,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Day {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Open(open) => open.execute(),
        }
    }
}

impl Open {
    fn execute(self) -> anyhow::Result<()> {
        let today = SystemClock.business_date();
        let date = self.date.unwrap_or(today);
        if date > today && !self.ahead {
            bail!(
                "{date} has not come yet (today is {today}) and cannot be taken back; add --ahead if it is meant"
            );
        }
        let settings: ControlSettings = self.file.sections()?;
        let opened = executor::run(open(&settings, date))?;
        self.output.show(&opened)
    }
}

async fn open(settings: &ControlSettings, date: NaiveDate) -> anyhow::Result<Opened> {
    let pool = registry_pool(&settings.registry)?;
    let (present, _) = control::present(&pool).await?;
    if date < present.date {
        bail!("{} is open already, and a day is never opened backwards", present.date);
    }
    settings.publish(&ControlEvent::DayOpened { date }).await?;
    Ok(Opened { version: 1, date, before: present.date })
}

/// What was opened.
#[derive(Debug, Serialize)]
struct Opened {
    version: u32,
    date: NaiveDate,
    /// The registry's day until it follows.
    before: NaiveDate,
}

impl Answer for Opened {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} is opened (the registry was at {})", self.date, self.before)
    }
}
