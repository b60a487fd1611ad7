//! Roles of a cluster: one for each service, with a random password in a file that the service is pointed at.

use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection};

use super::postgres::{PostgresCluster, identifier};
use super::secret;

/// A role that can log in.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The file with its password; only its owner reads it.
    pub password_file: PathBuf,
}

impl PostgresCluster {
    /// Makes a role that can log in and nothing else, unless it is there.
    pub async fn create_role(&self, name: &str) -> anyhow::Result<Role> {
        self.make_role(name, "noreplication").await
    }

    /// Makes a role that may also open replication connections, as a source adapter does.
    pub async fn create_replication_role(&self, name: &str) -> anyhow::Result<Role> {
        self.make_role(name, "replication").await
    }

    async fn make_role(&self, name: &str, attribute: &'static str) -> anyhow::Result<Role> {
        let name = identifier(name)?;
        let password_file = self.secrets.join(format!("role-{name}"));
        let mut connection = self.administer("postgres").await?;
        // Two who make the same role at once: one after the other, until the connection ends.
        sqlx::query("select pg_advisory_lock(hashtextextended('dansync.role', 0))")
            .execute(&mut connection)
            .await?;
        let password = secret::password(&password_file)?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        let verb = if there { "alter" } else { "create" };
        // Name and password are plain characters by construction.
        let statement = format!("{verb} role {name} login {attribute} password '{password}'");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(Role { name: name.to_owned(), password_file })
    }

    /// How `role` connects to `database`.
    pub fn role_options(&self, database: &str, role: &Role) -> anyhow::Result<PgConnectOptions> {
        Ok(self.options(database, &role.name, &secret::password(&role.password_file)?))
    }

    /// The address of `database` for `role` without its password, as configuration names it.
    pub fn role_dsn(&self, database: &str, role: &Role) -> String {
        format!("postgres://{}@{}:{}/{database}", role.name, self.host(), self.port())
    }

    /// The same with the password in it: for programs that know nothing but an address, never for a log or the screen.
    pub fn role_url(&self, database: &str, role: &Role) -> anyhow::Result<String> {
        let (name, password) = (&role.name, super::secret::password(&role.password_file)?);
        Ok(format!("postgres://{name}:{password}@{}:{}/{database}", self.host(), self.port()))
    }

    /// A line to paste that opens `database` as `role`, the password read from its file.
    pub fn psql_line(&self, database: &str, role: &Role) -> String {
        let password = role.password_file.display();
        format!("PGPASSWORD=$(cat '{password}') psql '{}'", self.role_dsn(database, role))
    }

    /// The administrator as a role.
    pub fn administrator_role(&self) -> Role {
        Role { name: self.administrator().to_owned(), password_file: self.administrator_password_file() }
    }
}
