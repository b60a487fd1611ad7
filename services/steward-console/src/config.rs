//! The console's configuration.

use chrono::TimeDelta;
use serde::Deserialize;
use service_runtime::{AdminConfig, ConfigFaults, DatabaseConfig, HumanDuration, SecretFile};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::access::session::SessionLimits;

/// What a configuration file of the console holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The admin port.
    #[serde(default)]
    pub admin: AdminConfig,
    /// Where the pages are served, in plain HTTP; TLS is ended before it.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The address that browsers use, `https://console.example.vn`; left out: the address listened on. Only requests
    /// from pages of this origin may change anything.
    #[serde(default)]
    pub public_url: Option<String>,
    /// The console's own database.
    pub console: DatabaseConfig,
    /// The registry's database, read only.
    pub registry: DatabaseConfig,
    /// The disclosure database, of which the role may ask how many agreements hold an item and nothing else; left out:
    /// cases weigh by their harm alone.
    #[serde(default)]
    pub disclosure: Option<DatabaseConfig>,
    /// The key under which considered values are hashed: the file that the reconciler has.
    pub fingerprint_key_file: SecretFile,
    /// Whether a decision that moves persons (link, split, merge, or taking one back) waits until a second steward agrees.
    /// Only a desk with a single steward has a reason to say `false`.
    #[serde(default = "yes")]
    pub second_approval: bool,
    /// How long a steward's decision about a value can be undone before it is recorded and travels: at most an hour. `0s`: it
    /// is recorded at once.
    #[serde(default = "default_undo_window")]
    pub undo_window: HumanDuration,
    /// How long sessions last.
    #[serde(default)]
    pub session: SessionConfig,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Without use.
    pub idle: HumanDuration,
    /// At all: one working day.
    pub absolute: HumanDuration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { idle: HumanDuration::from_secs(30 * 60), absolute: HumanDuration::from_secs(10 * 3600) }
    }
}

const fn yes() -> bool {
    true
}

const fn default_listen() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// Time to see one's own mistake on the page that follows, not so long that anybody waits for the decision.
const fn default_undo_window() -> HumanDuration {
    HumanDuration::from_secs(10 * 60)
}

/// The longest undo window that may be configured: while a decision is held nobody else decides the case, whose clock runs.
const LONGEST_UNDO_WINDOW: Duration = Duration::from_hours(1);

/// The longest session that may be configured.
const LONGEST_SESSION: TimeDelta = TimeDelta::hours(24);

impl Config {
    /// Checks what types cannot: all faults at once.
    ///
    /// # Errors
    /// The faults.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        let mut faults = ConfigFaults::new();
        let url = self.public_url.as_deref();
        faults.require(
            url.is_none_or(is_origin),
            "public_url",
            "not an origin; write https://host or https://host:port without a path",
        );
        faults.require(
            self.listen.ip().is_loopback() || url.is_some_and(|url| url.starts_with("https://")),
            "listen",
            "not the loopback interface, so public_url must begin with https:// and TLS be ended before this port",
        );
        let limits = self.session.limits();
        faults.require(
            limits.idle > TimeDelta::zero()
                && limits.idle <= limits.absolute
                && limits.absolute <= LONGEST_SESSION,
            "session",
            "idle must be above 0 and at most absolute, and absolute at most 24h",
        );
        faults.require(
            self.undo_window.get() <= LONGEST_UNDO_WINDOW,
            "undo_window",
            "above 1h; write a length of time from 0s, such as \"10m\"",
        );
        faults.into_result()
    }
}

impl SessionConfig {
    pub(crate) fn limits(self) -> SessionLimits {
        let length = |of: HumanDuration| TimeDelta::from_std(of.get()).unwrap_or(TimeDelta::MAX);
        SessionLimits { idle: length(self.idle), absolute: length(self.absolute) }
    }
}

fn is_origin(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b))
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
