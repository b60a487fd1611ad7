//! Filling the source databases.

use super::Population;
use super::table::TableRows;
use anyhow::Context as _;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

/// The four agencies' databases, in the order of the design.
pub const SOURCES: [&str; 4] = ["civil_status", "residence", "identity", "medical"];

/// Rows are sent to the server in pieces of this size, so that no second copy of a table is made.
const PIECE: usize = 1 << 20;
/// Several streams of life may write at once; PostgreSQL allows 100 in all.
const CONNECTIONS: u32 = 8;

/// Connections to the four agencies' databases, with the rights of the agencies themselves.
#[derive(Clone, Debug)]
pub struct SourceDatabases {
    /// Civil status.
    pub civil_status: PgPool,
    /// Residence.
    pub residence: PgPool,
    /// Identity.
    pub identity: PgPool,
    /// Medical.
    pub medical: PgPool,
}

impl SourceDatabases {
    /// Connects; `dsn` gives the address of each source.
    pub async fn connect<E>(dsn: impl Fn(&str) -> Result<String, E>) -> anyhow::Result<Self>
    where
        E: Into<anyhow::Error>,
    {
        let [civil_status, residence, identity, medical] = SOURCES.map(|source| {
            let dsn = dsn(source).map_err(Into::into);
            Box::pin(async move {
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&dsn?).await;
                pool.with_context(|| format!("source database {source} does not answer"))
            })
        });
        let (civil_status, residence, identity, medical) =
            tokio::try_join!(civil_status, residence, identity, medical)?;
        Ok(Self { civil_status, residence, identity, medical })
    }

    /// The connections of a source.
    pub fn pool(&self, source: &str) -> anyhow::Result<&PgPool> {
        match source {
            "civil_status" => Ok(&self.civil_status),
            "residence" => Ok(&self.residence),
            "identity" => Ok(&self.identity),
            "medical" => Ok(&self.medical),
            other => anyhow::bail!("there is no source '{other}'; the sources are {}", SOURCES.join(", ")),
        }
    }
}

/// Writes the population into empty source databases, each source in one transaction.
pub async fn load(population: &Population, databases: &SourceDatabases) -> anyhow::Result<()> {
    let [civil_status, residence, identity, medical] =
        SOURCES.map(|source| Box::pin(load_source(source, population, databases)));
    tokio::try_join!(civil_status, residence, identity, medical)?;
    Ok(())
}

async fn load_source(
    source: &str,
    population: &Population,
    databases: &SourceDatabases,
) -> anyhow::Result<()> {
    let mut connection = databases.pool(source)?.acquire().await?;
    let mut transaction = connection.begin().await?;
    for table in population.tables.iter().filter(|table| table.layout.source == source) {
        copy(table, &mut transaction)
            .await
            .with_context(|| format!("loading {} of {source}", table.layout.table))?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn copy(table: &TableRows, connection: &mut PgConnection) -> anyhow::Result<()> {
    let name = table.layout.table;
    let mut copy =
        connection.copy_in_raw(&format!("copy {name} ({}) from stdin", table.layout.columns)).await?;
    for piece in table.copy().chunks(PIECE) {
        copy.send(piece).await?;
    }
    let rows = copy.finish().await?;
    anyhow::ensure!(rows == table.rows, "{rows} of {} rows arrived", table.rows);
    if let Some(column) = table.layout.identity {
        // Later rows are numbered by the database: after the ones brought along.
        let next = format!(
            "select setval(pg_get_serial_sequence('{name}', '{column}'), coalesce(max({column}), 1)) from {name}"
        );
        sqlx::query(AssertSqlSafe(next)).execute(&mut *connection).await?;
    }
    sqlx::query(AssertSqlSafe(format!("analyze {name}"))).execute(&mut *connection).await?;
    Ok(())
}
