//! A PostgreSQL cluster of our own: made, started, stopped, crashed and restarted on the same data and port; or the
//! address of one that somebody else runs.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};

use super::options::ExternalCluster;
use super::postgres_server::{Administrator, Server};
use super::{ports, secret};

/// The administrator of every cluster made here.
const ADMINISTRATOR: &str = "postgres";

/// One cluster.
pub struct PostgresCluster {
    name: String,
    host: String,
    port: u16,
    administrator: String,
    password: String,
    /// Where passwords of roles are kept, for our eyes only.
    pub(super) secrets: PathBuf,
    server: Option<Server>,
}

impl fmt::Debug for PostgresCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCluster")
            .field("name", &self.name)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl PostgresCluster {
    /// Starts the cluster `name` under `dir`, making it on first use. `durable` keeps fsync on.
    pub async fn start(dir: &Path, name: &str, port: Option<u16>, durable: bool) -> anyhow::Result<Self> {
        let secrets = private_folder(dir, name)?;
        let password = secret::password(&secrets.join(ADMINISTRATOR))?;
        let port = ports::choose(&secrets.join("port"), port)?;
        let number = port.number();
        let first = Administrator { name: ADMINISTRATOR, password: &password };
        let server = Server::prepare(dir, name, port, first).await?;
        server.configure(durable)?;
        server.restart(name).await?;
        Ok(Self {
            name: name.to_owned(),
            host: "127.0.0.1".to_owned(),
            port: number,
            administrator: ADMINISTRATOR.to_owned(),
            password,
            secrets,
            server: Some(server),
        })
    }

    /// Takes a cluster that somebody else runs.
    pub async fn external(dir: &Path, name: &str, given: &ExternalCluster) -> anyhow::Result<Self> {
        let password = match &given.password_file {
            Some(file) => {
                fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?
            }
            None => String::new(),
        };
        let secrets = private_folder(dir, name)?;
        secret::write_private(&secrets.join(ADMINISTRATOR), password.trim())?;
        let cluster = Self {
            name: name.to_owned(),
            host: given.host.clone(),
            port: given.port,
            administrator: given.administrator.clone(),
            password: password.trim().to_owned(),
            secrets,
            server: None,
        };
        cluster.administer("postgres").await?.close().await?;
        Ok(cluster)
    }

    /// Its name: `agencies`, `registry` or `sectors`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port on [`Self::host`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The administrator's role name.
    pub fn administrator(&self) -> &str {
        &self.administrator
    }

    /// The file with the administrator's password; only its owner reads it.
    pub fn administrator_password_file(&self) -> PathBuf {
        self.secrets.join(ADMINISTRATOR)
    }

    /// The folder of its Unix socket, where it is our own and the path is short enough for one.
    pub fn socket_folder(&self) -> Option<PathBuf> {
        self.server.as_ref().and_then(Server::socket_folder)
    }

    /// The server's process id, where it is our own and runs.
    pub async fn pid(&self) -> Option<i32> {
        match &self.server {
            Some(server) => server.pid().await,
            None => None,
        }
    }

    /// How the administrator connects to `database`.
    pub fn administrator_options(&self, database: &str) -> PgConnectOptions {
        self.options(database, &self.administrator, &self.password)
    }

    /// The administrator's address with the password in it: for tests and child processes' environment, never for a log.
    pub fn administrator_url(&self, database: &str) -> String {
        let Self { host, port, administrator, password, .. } = self;
        format!("postgres://{administrator}:{password}@{host}:{port}/{database}")
    }

    pub(super) fn options(&self, database: &str, role: &str, password: &str) -> PgConnectOptions {
        // Without ~/.pgpass: the passwords are ours.
        PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(role)
            .password(password)
            .database(database)
    }

    /// Connects the administrator to `database`.
    pub async fn administer(&self, database: &str) -> anyhow::Result<PgConnection> {
        PgConnection::connect_with(&self.administrator_options(database))
            .await
            .with_context(|| format!("no connection to {database} in the PostgreSQL cluster {}", self.name))
    }

    /// Makes the database `name` unless it is there; nobody may use it whom it is not granted to.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let name = identifier(name)?;
        let mut connection = self.administer("postgres").await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            let create = format!("create database {name}");
            sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
            let close = format!("revoke all on database {name} from public");
            sqlx::query(AssertSqlSafe(close)).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Removes the database `name`, its replication slots and whoever is connected to it.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        let name = identifier(name)?;
        let mut connection = self.administer("postgres").await?;
        sqlx::query(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and active_pid is not null",
        )
        .bind(name)
        .execute(&mut connection)
        .await?;
        sqlx::query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active")
            .bind(name)
            .execute(&mut connection)
            .await?;
        let drop = format!("drop database if exists {name} with (force)");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// Ends it in order; connections are broken off, what is committed is written out.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.own()?.stop().await
    }

    /// Ends it where it is our own; somebody else's goes on.
    pub(super) async fn end(&self) -> anyhow::Result<()> {
        match &self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Crashes it: the server and all its processes are gone at once, as in a power cut that spares the disk.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        self.own()?.kill9().await;
        Ok(())
    }

    /// Starts it again on the same data and port, after ending it in order where it runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.own()?.restart(&self.name).await
    }

    fn own(&self) -> anyhow::Result<&Server> {
        self.server
            .as_ref()
            .with_context(|| format!("the PostgreSQL cluster {} is run by somebody else", self.name))
    }
}

fn private_folder(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folder = dir.join("secrets").join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)))
        .with_context(|| format!("{} could not be made", folder.display()))?;
    Ok(folder)
}

/// Names that stand in a statement without quotes: lower-case letters, digits, underscore.
pub(super) fn identifier(name: &str) -> anyhow::Result<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits =
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) && name.len() < 64;
    anyhow::ensure!(
        fits,
        "`{name}` is no name for a database or role here: lower-case letters, digits and _ only"
    );
    Ok(name)
}
