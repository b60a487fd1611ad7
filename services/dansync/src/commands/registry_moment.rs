//! Points on two time axes: the legal day that is asked about, and the moment by which it was known.

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, Utc};
use clap::Args;
use registry_rules::StateHash;
use registry_store::{Inquiry, Moment, fingerprint_key, state_hash_at};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use service_runtime::{DatabaseConfig, SecretFile};

use anyhow::Context as _;

use crate::classed::ResultExt as _;
use crate::settings::{console_pool, registry_pool};

/// Vietnam keeps one offset all year.
const VIETNAM_SECONDS_EAST: i32 = 7 * 3_600;

/// Said of a person; whether the name is one of ours is not to be seen before something is known.
const UNKNOWN: &str = "the registry knew nothing of a person with this id, number, record key or anchor by then; a later \
     --as-known, or none, asks with what came since";

/// The switches `--as-of` and `--as-known`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct At {
    /// What holds on this legal day, past or to come; without it the registry's business date.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = legal_day)]
    as_of: Option<NaiveDate>,
    /// As known at this instant (RFC 3339), or at the end of this day in Vietnam: what came later is left out.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    as_known: Option<DateTime<Utc>>,
}

fn legal_day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "not a day of the calendar; write YYYY-MM-DD, e.g. 2026-03-01".to_owned())
}

/// The last moment of a day in Vietnam is the first of the next, less a microsecond: the log counts milliseconds.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let vietnam = FixedOffset::east_opt(VIETNAM_SECONDS_EAST);
    let next = text.parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(Days::new(1)));
    let midnight = next
        .zip(vietnam)
        .and_then(|(next, vietnam)| next.and_time(NaiveTime::MIN).and_local_timezone(vietnam).single());
    midnight.map(|midnight| midnight.to_utc() - chrono::TimeDelta::microseconds(1)).ok_or_else(|| {
        "not an instant; write 2026-03-01T09:30:00+07:00, or 2026-03-01 for the end of that day".to_owned()
    })
}

impl At {
    /// Whether another time than now is asked about.
    pub(crate) const fn is_given(self) -> bool {
        self.as_of.is_some() || self.as_known.is_some()
    }

    /// Both axes.
    pub(crate) const fn moment(self) -> Moment {
        Moment { day: self.as_of, known: self.as_known }
    }
}

/// What a question about a moment needs; the reconciler's own file has it all.
#[derive(Debug, Deserialize)]
pub(crate) struct Asking {
    registry: DatabaseConfig,
    /// Tells whether a value is the one that a steward saw.
    fingerprint_key_file: SecretFile,
    /// The steward console's database, where it is to be told who decided: names and reasons do not travel.
    console: Option<DatabaseConfig>,
}

impl Asking {
    /// The console's database, if the file names it.
    pub(crate) fn console(&self) -> anyhow::Result<Option<sqlx::PgPool>> {
        self.console.as_ref().map(console_pool).transpose()
    }

    /// The registry asked.
    pub(crate) fn pool(&self) -> anyhow::Result<sqlx::PgPool> {
        registry_pool(&self.registry)
    }
}

/// Asks for a person at a moment. The text may be a number, so that no error repeats it.
pub(crate) async fn inquire(settings: &Asking, text: &str, at: At) -> anyhow::Result<Inquiry> {
    let pool = registry_pool(&settings.registry)?;
    let key = fingerprint_key(settings.fingerprint_key_file.secret().expose_secret());
    Inquiry::open(&pool, text, at.moment(), &key).await.classed()?.context(UNKNOWN)
}

/// The state hash as known at an instant.
pub(crate) async fn hash_at(settings: &Asking, known: DateTime<Utc>) -> anyhow::Result<StateHash> {
    let pool = registry_pool(&settings.registry)?;
    let key = fingerprint_key(settings.fingerprint_key_file.secret().expose_secret());
    state_hash_at(&pool, Some(known), &key).await.classed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_known_to_its_end_in_vietnam() {
        assert_eq!(instant("2026-03-01").unwrap().to_rfc3339(), "2026-03-01T16:59:59.999999+00:00");
        assert_eq!(instant("2026-03-01T07:00:00+07:00").unwrap().to_rfc3339(), "2026-03-01T00:00:00+00:00");
        for wrong in ["", "yesterday", "2026-02-30", "2026-03-01T07:00:00", "+262142-12-31"] {
            assert!(instant(wrong).unwrap_err().contains("2026-03-01T09:30"), "{wrong}");
        }
        assert!(legal_day("1.3.2026").unwrap_err().contains("YYYY-MM-DD"));
    }
}
