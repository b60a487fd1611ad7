//! The change stream of a source, and PostgreSQL's logical replication as one.

use crate::config::Config;
use crate::halt::Halt;
use bytes::Bytes;
use pgwire_replication::{Lsn, ReplicationClient, ReplicationConfig, ReplicationEvent, SslMode, TlsConfig};
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;
use url::Url;

/// A place in a source's commit order. What is in it is the stream's own business: positions are compared, stored and handed
/// back (an LSN in PostgreSQL, file and offset in a binlog).
pub type Position = u64;

/// One thing that a source says.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A transaction begins; all that follows up to its commit belongs to it.
    Begin {
        /// Where it committed.
        commit: Position,
        /// Its number at the source.
        xid: u32,
        /// When it committed, microseconds since the Unix epoch.
        committed_at: i64,
    },
    /// A row or a table's description, in the stream's own form.
    Change(Bytes),
    /// A message that somebody wrote into the source's log as part of a transaction.
    Message {
        /// What it is for.
        prefix: String,
        /// What it says.
        content: Bytes,
    },
    /// The transaction is complete.
    Commit {
        /// Where the source goes on after it.
        end: Position,
    },
    /// The source is alive and has read its log so far.
    Keepalive {
        /// How far.
        end: Position,
        /// It waits for an answer.
        urgent: bool,
    },
}

/// What a source's changes are read from.
pub trait ChangeStream: Send {
    /// The next frame. Safe to drop while waiting.
    fn next(&mut self) -> impl Future<Output = Result<Frame, Halt>> + Send;
    /// Everything before this position is stored elsewhere for good: the source may forget it.
    fn acknowledge(&self, position: Position);
}

/// Session settings under which texts of values are the same everywhere, for the stream and for snapshots.
pub(crate) const SETTINGS: [(&str, &str); 10] = [
    ("datestyle", "ISO"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
    // A mark or heartbeat of ours must never wait for somebody's standby.
    ("synchronous_commit", "local"),
    ("idle_in_transaction_session_timeout", "0"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
];

/// What a DSN calls the file with the root certificate, as the driver of the ordinary connections reads it.
const ROOT_CERTIFICATE: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// Acknowledgements reach the server within this time, also on an idle stream.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Logical replication from PostgreSQL, protocol 1 of `pgoutput`.
pub struct PgStream {
    client: ReplicationClient,
}

impl std::fmt::Debug for PgStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgStream").field("running", &self.client.is_running()).finish()
    }
}

/// Who the server is.
#[derive(Clone, Debug)]
pub(crate) struct SystemFacts {
    pub(crate) system_id: String,
    pub(crate) log_end: Position,
}

/// A slot made for a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct NewSlot {
    pub(crate) consistent_point: Position,
    pub(crate) snapshot: String,
}

impl PgStream {
    /// Opens a session that streams nothing yet. `from` is where it will begin; zero: where the slot stands.
    pub(crate) async fn open(
        config: &Config,
        slot: &str,
        publication: &str,
        from: Position,
    ) -> Result<Self, Halt> {
        choose_encryption();
        let options: PgConnectOptions = PgConnectOptions::from_str(config.source.dsn.as_str())?;
        let user = options.get_username().to_owned();
        let password = config.source.password_file.as_ref().map_or("", |file| file.secret().expose_secret());
        let database = options.get_database().unwrap_or(&user).to_owned();
        let host = options
            .get_socket()
            .map_or_else(|| options.get_host().to_owned(), |socket| socket.to_string_lossy().into_owned());
        let settings: Vec<String> =
            SETTINGS.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
        let replication = ReplicationConfig::new(host, user, password, database, slot, publication)
            .with_port(options.get_port())
            .with_tls(tls(options.get_ssl_mode(), root_certificate(config.source.dsn.as_str())))
            .with_start_lsn(Lsn(from))
            .with_status_interval(STATUS_INTERVAL)
            .with_buffer_size(config.limits.frames_ahead)
            .with_max_message_size(config.limits.frame_bytes.as_usize())
            .with_options(settings.join(" "))
            .with_application_name(slot);
        Ok(Self { client: ReplicationClient::connect_gated(replication).await? })
    }

    /// Who the server is, asked on this very session: no failover lies between the answer and the stream.
    pub(crate) async fn identify(&mut self) -> Result<SystemFacts, Halt> {
        let system = self.client.identify_system().await?;
        Ok(SystemFacts { system_id: system.system_id, log_end: system.xlogpos.0 })
    }

    /// Makes a slot whose snapshot can be read by others as long as this session asks nothing else.
    pub(crate) async fn create_slot(&mut self, slot: &str, temporary: bool) -> Result<NewSlot, Halt> {
        let kind = if temporary { "TEMPORARY " } else { "" };
        let sql = format!("CREATE_REPLICATION_SLOT {slot} {kind}LOGICAL pgoutput (SNAPSHOT 'export')");
        let rows = self.client.simple_query(&sql).await?;
        let text = |column: usize| {
            let cell = rows.first().and_then(|row| row.get(column)).and_then(Option::as_ref);
            cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let (Some(point), Some(snapshot)) = (text(1), text(2)) else {
            return Err(Halt::lost("replication stream: CREATE_REPLICATION_SLOT gave no consistent point"));
        };
        let point = Lsn::parse(&point).map_err(|error| Halt::lost(format!("replication stream: {error}")))?;
        Ok(NewSlot { consistent_point: point.0, snapshot })
    }

    /// Begins to stream; from here on nobody else can have the slot.
    pub(crate) async fn start(&mut self) -> Result<(), Halt> {
        self.client.start().await?;
        Ok(self.client.wait_started().await?)
    }

    /// Ends the stream in order, once the server has heard the last acknowledgement or a little time has passed.
    pub(crate) async fn close(mut self, acknowledged: Position) {
        let metrics = self.client.metrics();
        let heard = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while self.client.is_running() && metrics.last_applied_lsn().0 < acknowledged {
                ticks.tick().await;
            }
        };
        // Without it the slot lags behind the stored position, which the next start allows for.
        let heard = tokio::time::timeout(STATUS_INTERVAL * 2, heard).await.is_ok();
        let ended = tokio::time::timeout(STATUS_INTERVAL, self.client.shutdown()).await.is_ok();
        tracing::debug!(heard, ended, "replication stream closed");
    }
}

impl ChangeStream for PgStream {
    async fn next(&mut self) -> Result<Frame, Halt> {
        loop {
            return Ok(match self.client.recv().await? {
                None => return Err(Halt::lost("the source ended the replication stream")),
                Some(ReplicationEvent::Begin { final_lsn, xid, commit_time_micros }) => {
                    Frame::Begin { commit: final_lsn.0, xid, committed_at: unix_micros(commit_time_micros) }
                }
                Some(ReplicationEvent::XLogData { data, .. }) => Frame::Change(data),
                Some(ReplicationEvent::Commit { end_lsn, .. }) => Frame::Commit { end: end_lsn.0 },
                Some(ReplicationEvent::KeepAlive { wal_end, reply_requested, .. }) => {
                    Frame::Keepalive { end: wal_end.0, urgent: reply_requested }
                }
                Some(ReplicationEvent::Message { transactional: true, prefix, content, .. }) => {
                    Frame::Message { prefix, content }
                }
                // A message outside any transaction has no place in the commit order.
                Some(ReplicationEvent::Message { .. } | ReplicationEvent::StoppedAt { .. }) => continue,
            });
        }
    }

    fn acknowledge(&self, position: Position) {
        self.client.update_applied_lsn(Lsn(position));
    }
}

/// PostgreSQL counts from the year 2000.
const fn unix_micros(since_2000: i64) -> i64 {
    const YEAR_2000: i64 = 946_684_800_000_000;
    since_2000.saturating_add(YEAR_2000)
}

/// Two ways to encrypt are compiled in, the replication client's default and the one of all other connections; the client takes
/// the process's choice and panics where there is none.
fn choose_encryption() {
    // An error says that somebody in this process has chosen before: that choice stands.
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// The file with the root certificate that the server's must lead to, where the ordinary connections of the same DSN take it from: the
/// DSN, else the environment. None: the public roots.
fn root_certificate(dsn: &str) -> Option<PathBuf> {
    let dsn = Url::parse(dsn).ok()?;
    let named = dsn.query_pairs().filter(|(name, _)| ROOT_CERTIFICATE.contains(&&**name)).last();
    named
        .map(|(_, file)| file.into_owned().into())
        .or_else(|| std::env::var_os("PGSSLROOTCERT").map(PathBuf::from))
}

fn tls(mode: PgSslMode, root: Option<PathBuf>) -> TlsConfig {
    match mode {
        PgSslMode::Disable => TlsConfig::disabled(),
        PgSslMode::Allow | PgSslMode::Prefer => TlsConfig { mode: SslMode::Prefer, ..TlsConfig::default() },
        PgSslMode::Require => TlsConfig::require(),
        PgSslMode::VerifyCa => TlsConfig::verify_ca(root),
        PgSslMode::VerifyFull => TlsConfig::verify_full(root),
    }
}

/// A position as PostgreSQL writes it.
pub(crate) fn lsn(position: Position) -> String {
    Lsn(position).to_string()
}

/// A position from PostgreSQL's text.
pub(crate) fn parse_lsn(text: &str) -> Result<Position, Halt> {
    Lsn::parse(text).map(|lsn| lsn.0).map_err(|error| Halt::lost(format!("source: {error}")))
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
