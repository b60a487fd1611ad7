//! A whole deployment on a running stack: databases and roles with the least rights that do, configuration files, and each
//! service as an own process of the `dansync` binary. The demo, the load figures and the tests all start it from here.

mod addresses;
mod agencies;
mod audit;
mod changes;
mod configuration;
mod deployment;
mod figures;
mod mappings;
mod registries;
mod sectors;
mod services;
mod settle;
mod summary;

pub use addresses::{ConsoleUser, addresses, where_to_look, write_whole};
pub use agencies::{Agencies, INBOXES, SOURCES, inbox_of};
pub use audit::{audit, kafka};
pub use changes::RowChanges;
pub use configuration::{Configuration, Instance};
pub use deployment::{Deployment, DeploymentOptions};
pub use figures::Figures;
pub use mappings::source_mapping;
pub use registries::Registries;
pub use sectors::{AGREEMENTS, Sectors};
pub use services::{Service, binary};
pub use settle::{Eyes, Waiting};
pub use summary::{AgreementSummary, RegistrySummary, SourceSummary, Summary};

use crate::stack::{PostgresCluster, Role};
use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The project's folder, from where it was built.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A database and the roles that reach it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its name in the cluster.
    pub name: String,
    /// The cluster.
    pub cluster: Arc<PostgresCluster>,
    /// The role of the service that works on it.
    pub role: Role,
}

impl Database {
    /// Makes the database unless it is there; says whether it is new.
    async fn create(
        cluster: &Arc<PostgresCluster>,
        name: String,
        role: &Role,
    ) -> anyhow::Result<(Self, bool)> {
        let mut connection = cluster.administer("postgres").await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        if !there {
            cluster.create_database(&name).await?;
        }
        let database = Self { name, cluster: Arc::clone(cluster), role: role.clone() };
        database.admit(role).await?;
        Ok((database, !there))
    }

    /// Lets a role connect: nobody may by default.
    async fn admit(&self, role: &Role) -> anyhow::Result<()> {
        self.run_script(&format!("grant connect on database {} to {}", self.name, role.name), "granting")
            .await
    }

    /// Runs statements of a file or a list as the administrator.
    async fn run_script(&self, script: &str, what: &str) -> anyhow::Result<()> {
        let mut connection = self.cluster.administer(&self.name).await?;
        // The scripts are files of this project.
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(script.to_owned())))
            .await
            .with_context(|| format!("{what} does not run in {}", self.name))?;
        connection.close().await?;
        Ok(())
    }

    /// As the service's role.
    pub fn options(&self) -> anyhow::Result<PgConnectOptions> {
        self.cluster.role_options(&self.name, &self.role)
    }

    /// A small pool as the administrator: fixtures, questions of tests.
    pub async fn administrator(&self) -> anyhow::Result<PgPool> {
        Ok(PgPoolOptions::new()
            .max_connections(4)
            .connect_with(self.cluster.administrator_options(&self.name))
            .await?)
    }

    /// The `[…]` table of a configuration file that points a service here.
    pub fn table(&self, name: &str) -> String {
        self.table_as(name, &self.role)
    }

    /// The same for another role.
    pub fn table_as(&self, name: &str, role: &Role) -> String {
        let (dsn, file) = (self.cluster.role_dsn(&self.name, role), role.password_file.display());
        format!("[{name}]\ndsn = \"{dsn}\"\npassword_file = \"{file}\"\n\n")
    }

    /// A line to paste.
    pub fn psql_line(&self) -> String {
        self.cluster.psql_line(&self.name, &self.role)
    }
}

/// Reads a file of the project.
fn read(path: &Path) -> anyhow::Result<String> {
    let path: PathBuf = project().join(path);
    std::fs::read_to_string(&path).with_context(|| format!("{} could not be read", path.display()))
}
