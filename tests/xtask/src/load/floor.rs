//! What the database itself can give: the floors that the adapter is measured by.

use acceptance::pipeline::Database;
use anyhow::{Context, ensure};
use prerequisites::{postgres_bin, say};
use sqlx::PgPool;
use std::process::Stdio;
use std::time::Instant;
use tokio::process::Command;

/// A copy of a slot: it stands where the original stood, and reading it moves only itself.
pub(super) struct Floor {
    slot: String,
}

impl Floor {
    pub(super) async fn copy(pool: &PgPool, slot: &str, name: &str) -> anyhow::Result<Self> {
        let copy = format!("{slot}_{name}");
        sqlx::query("select pg_copy_logical_replication_slot($1, $2)")
            .bind(slot)
            .bind(&copy)
            .execute(pool)
            .await?;
        Ok(Self { slot: copy })
    }

    /// Rows a second of `pg_recvlogical`, which throws them away; then the copy is dropped.
    pub(super) async fn read(self, database: &Database, pool: &PgPool, rows: u64) -> anyhow::Result<f64> {
        say(format_args!("the floor: pg_recvlogical on {}", self.slot));
        let end: String = sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(pool).await?;
        // Something behind the end lets it see that it has passed it.
        sqlx::query("select pg_logical_emit_message(true, 'load', '')").execute(pool).await?;
        let mut command = tool("pg_recvlogical", database)?;
        command.args(["--slot", &self.slot, "--start", "--no-loop", "--endpos", &end, "--file", "/dev/null"]);
        command.args(["--fsync-interval", "0", "-o", "proto_version=1", "-o", "publication_names=dansync"]);
        let rate = timed(command, rows).await?;
        sqlx::query("select pg_drop_replication_slot($1)").bind(&self.slot).execute(pool).await?;
        Ok(rate)
    }
}

/// Rows a second of a plain `copy … to stdout` that nobody looks at.
pub(super) async fn copy_out(database: &Database, table: &str, rows: u64) -> anyhow::Result<f64> {
    say("the floor: copy to stdout");
    let mut command = tool("psql", database)?;
    command.args(["--quiet", "--command", &format!("copy {table} to stdout")]);
    timed(command, rows).await
}

/// A tool of PostgreSQL's, pointed at the database as its administrator.
fn tool(name: &str, database: &Database) -> anyhow::Result<Command> {
    let cluster = &database.cluster;
    let password = std::fs::read_to_string(cluster.administrator_password_file())?;
    // Where a server's folder holds no clients, they are on the path.
    let beside = postgres_bin().map(|folder| folder.join(name)).filter(|file| file.is_file());
    let mut command = Command::new(beside.unwrap_or_else(|| name.into()));
    command.args(["--host", cluster.host(), "--port", &cluster.port().to_string()]);
    command.args(["--username", cluster.administrator(), "--dbname", &database.name]);
    command.env("PGPASSWORD", password.trim()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

async fn timed(mut command: Command, rows: u64) -> anyhow::Result<f64> {
    let began = Instant::now();
    let status = command.status().await.context("a tool of PostgreSQL's could not be started")?;
    ensure!(status.success(), "a tool of PostgreSQL's has failed: {status}");
    #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    say(format_args!("the floor: {rate:.0} rows/s"));
    Ok(rate)
}
