//! How many rows the agencies have changed in captured tables: what the pipeline has to carry.

use super::Deployment;
use sqlx::PgPool;

/// Counts row changes by PostgreSQL's own statistics, which follow a commit within a second.
#[derive(Debug, Clone)]
pub struct RowChanges {
    databases: Vec<PgPool>,
    before: f64,
}

impl RowChanges {
    /// Counts from now on; from the first row on where the databases were made just now.
    pub async fn since_start(deployment: &Deployment) -> anyhow::Result<Self> {
        let mut databases = Vec::new();
        for database in deployment.agencies.databases.values() {
            databases.push(database.administrator().await?);
        }
        let mut changes = Self { databases, before: 0.0 };
        if !deployment.agencies.new {
            changes.before = changes.all().await?;
        }
        Ok(changes)
    }

    /// Rows inserted, changed and deleted.
    pub async fn count(&self) -> anyhow::Result<f64> {
        Ok(self.all().await? - self.before)
    }

    async fn all(&self) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for database in &self.databases {
            let changed: f64 = sqlx::query_scalar(
                "select coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::float8
                 from pg_stat_user_tables s join pg_publication_tables p using (schemaname)
                 where p.tablename = s.relname and p.pubname = 'dansync'",
            )
            .fetch_one(database)
            .await?;
            sum += changed;
        }
        Ok(sum)
    }
}
