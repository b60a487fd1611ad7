//! What every page works with.

use crate::access::session::SessionLimits;
use crate::desk::Desk;
use crate::metrics::ConsoleMetrics;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests worked on at once; more wait for the time limit and are then told to come again.
const REQUESTS_AT_ONCE: usize = 64;

/// Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) desk: Desk,
    pub(crate) address: Arc<PublicAddress>,
    pub(crate) limits: SessionLimits,
    pub(crate) metrics: ConsoleMetrics,
    pub(crate) places: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(
        desk: Desk,
        address: PublicAddress,
        limits: SessionLimits,
        metrics: ConsoleMetrics,
    ) -> Self {
        let places = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
        Self { desk, address: Arc::new(address), limits, metrics, places }
    }
}

/// How browsers reach the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicAddress {
    /// The origins whose pages are ours.
    pub(crate) origins: Vec<String>,
    /// Whether the way to the browser is encrypted.
    pub(crate) tls: bool,
}

impl PublicAddress {
    /// The configured address, else the one listened on (which is of the loopback interface then).
    pub(crate) fn of(public_url: Option<&str>, bound: SocketAddr) -> Self {
        public_url.map_or_else(
            || Self {
                origins: vec![format!("http://{bound}"), format!("http://localhost:{}", bound.port())],
                tls: false,
            },
            |url| Self { origins: vec![url.to_owned()], tls: url.starts_with("https://") },
        )
    }

    /// The address to print.
    pub(crate) fn url(&self) -> &str {
        self.origins.first().map_or("", String::as_str)
    }

    /// The session cookie's name: with TLS the browser itself refuses a cookie that another host or path set.
    pub(crate) const fn session_cookie(&self) -> &'static str {
        if self.tls { "__Host-dansync-session" } else { "dansync-session" }
    }

    /// A cookie that no script reads and no other site's request carries. Without a value it is taken back.
    pub(crate) fn cookie(&self, name: &str, value: Option<&str>, seconds: i64) -> String {
        let secure = if self.tls { "; Secure" } else { "" };
        let (value, seconds) = value.map_or(("", 0), |value| (value, seconds));
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_tls_the_cookie_is_bound_to_the_host() {
        let bound = "127.0.0.1:8443".parse().unwrap();
        let tls = PublicAddress::of(Some("https://console.example.vn"), bound);
        assert_eq!(tls.session_cookie(), "__Host-dansync-session");
        assert_eq!(
            tls.cookie("__Host-dansync-session", Some("abc"), 60),
            "__Host-dansync-session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        let plain = PublicAddress::of(None, bound);
        assert_eq!(plain.origins, ["http://127.0.0.1:8443", "http://localhost:8443"]);
        assert_eq!(plain.session_cookie(), "dansync-session");
        assert_eq!(plain.cookie("x", None, 60), "x=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
