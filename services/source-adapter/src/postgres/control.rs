//! The ordinary connection to the source: what is asked, claimed and said beside the stream.

use super::stream::{Position, SETTINGS, parse_lsn};
use crate::config::Config;
use crate::halt::Halt;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use std::str::FromStr as _;

/// First part of the name that an advisory lock is made of.
const CLAIM: &str = "dansync.source.";

/// A connection with the session settings of the stream.
pub struct Control {
    connection: PgConnection,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

/// A replication slot as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotFacts {
    /// Output plugin.
    pub plugin: String,
    /// Its database is this one.
    pub same_database: bool,
    /// Somebody streams from it.
    pub active: bool,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub wal_status: String,
    /// Up to where its owner has everything.
    pub confirmed: Position,
}

impl Control {
    /// Opens a connection.
    pub async fn open(config: &Config) -> Result<Self, Halt> {
        let url = config.source.database().url();
        let options = PgConnectOptions::from_str(url.expose_secret())?
            .application_name("dansync-source-adapter")
            .options(SETTINGS)
            // Statements go to the log of nobody: a redrive's hold keys of rows.
            .disable_statement_logging();
        Ok(Self { connection: options.connect().await? })
    }

    /// The connection itself.
    pub const fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Claims the source for this session, if nobody else has. The slot is the claim while somebody streams; this covers the
    /// time before, when the slot is made, dropped or read beside.
    pub async fn claim(&mut self, slot: &str) -> Result<bool, Halt> {
        let row = sqlx::query("select pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(format!("{CLAIM}{slot}"))
            .fetch_one(&mut self.connection)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The slot of that name, if there is one.
    pub async fn slot(&mut self, slot: &str) -> Result<Option<SlotFacts>, Halt> {
        let row = sqlx::query(
            "select coalesce(plugin::text, 'no plugin'), coalesce(database = current_database(), false), active, \
             coalesce(wal_status, 'reserved'), coalesce(confirmed_flush_lsn::text, '0/0') \
             from pg_replication_slots where slot_name = $1",
        )
        .bind(slot)
        .fetch_optional(&mut self.connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SlotFacts {
            plugin: row.try_get(0)?,
            same_database: row.try_get(1)?,
            active: row.try_get(2)?,
            wal_status: row.try_get(3)?,
            confirmed: parse_lsn(row.try_get(4)?)?,
        }))
    }

    /// Bytes of log that the slot keeps.
    pub async fn retained_bytes(&mut self, slot: &str) -> Result<Option<u64>, Halt> {
        let row = sqlx::query(
            "select greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint \
             from pg_replication_slots where slot_name = $1",
        )
        .bind(slot)
        .fetch_optional(&mut self.connection)
        .await?;
        let bytes: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
    }

    /// Drops a slot that nobody uses.
    pub async fn drop_slot(&mut self, slot: &str) -> Result<(), Halt> {
        sqlx::query(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1",
        )
        .bind(slot)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Writes a message into the source's log as a transaction of its own; the stream brings it at its place in the order.
    pub async fn emit(&mut self, prefix: &str, content: &str) -> Result<Position, Halt> {
        let row = sqlx::query("select pg_logical_emit_message(true, $1, $2)::text")
            .bind(prefix)
            .bind(content)
            .fetch_one(&mut self.connection)
            .await?;
        parse_lsn(row.try_get(0)?)
    }

    /// Whether the role may write such messages.
    pub async fn may_emit(&mut self) -> Result<bool, Halt> {
        let row = sqlx::query(
            "select has_function_privilege('pg_logical_emit_message(boolean, text, text)', 'execute')",
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Enters a transaction that sees what an exported snapshot sees.
    pub async fn enter_snapshot(&mut self, snapshot: &str) -> Result<(), Halt> {
        sqlx::query("begin isolation level repeatable read, read only").execute(&mut self.connection).await?;
        sqlx::query(AssertSqlSafe(format!("set transaction snapshot {}", quote_literal(snapshot))))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Enters a transaction with a snapshot of its own and says what that snapshot does not see:
    /// `xmin:xmax:xip,xip,…`.
    pub async fn enter_own_snapshot(&mut self) -> Result<String, Halt> {
        sqlx::query("begin isolation level repeatable read, read only").execute(&mut self.connection).await?;
        let row = sqlx::query("select pg_current_snapshot()::text").fetch_one(&mut self.connection).await?;
        Ok(row.try_get(0)?)
    }

    /// Leaves the transaction.
    pub async fn leave(&mut self) -> Result<(), Halt> {
        sqlx::query("commit").execute(&mut self.connection).await?;
        Ok(())
    }

    /// The first transaction number that nobody had yet, in 32 bits as the stream counts.
    pub async fn next_xid(&mut self) -> Result<u32, Halt> {
        let row = sqlx::query(
            "select (pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296)::bigint",
        )
        .fetch_one(&mut self.connection)
        .await?;
        let xid: i64 = row.try_get(0)?;
        Ok(u32::try_from(xid).unwrap_or(0))
    }

    /// Ends the session, and with it the claim.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the control connection did not close in order");
        }
    }
}

/// A name as SQL wants it.
pub(crate) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A `schema.table` as SQL wants it.
pub(crate) fn quote_table(table: &str) -> String {
    table.split_once('.').map_or_else(
        || quote_name(table),
        |(schema, table)| format!("{}.{}", quote_name(schema), quote_name(table)),
    )
}

/// A text as SQL wants it; backslashes mean themselves by the session's `standard_conforming_strings`.
pub(crate) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quote_table("hotich.khai\"sinh"), "\"hotich\".\"khai\"\"sinh\"");
        assert_eq!(quote_literal("a'; drop table x; --\\"), "'a''; drop table x; --\\'");
    }
}
