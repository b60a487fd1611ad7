//! The sectors' databases: each writer may touch its table's permitted columns and the guard, nothing else.

use super::{Database, read};
use crate::stack::PostgresCluster;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The three agreements of the demo.
pub const AGREEMENTS: [&str; 3] = ["vss_insurance", "education", "health_province"];

/// A sector's database by agreement.
#[derive(Debug, Clone)]
pub struct Sectors {
    /// By agreement.
    pub databases: BTreeMap<&'static str, Database>,
    /// What each agreement's mapping says.
    pub mappings: BTreeMap<&'static str, SectorTable>,
}

/// The part of `deploy/sectors/<agreement>.toml` that grants and comparisons follow from.
#[derive(Debug, Clone, Deserialize)]
pub struct SectorTable {
    /// Table of the sector.
    pub table: String,
    /// Its reference column.
    pub ref_column: String,
    /// The guard table.
    pub guard: String,
    /// Field → column.
    pub columns: BTreeMap<String, SectorColumn>,
}

/// Where a field goes.
#[derive(Debug, Clone, Deserialize)]
pub struct SectorColumn {
    /// The sector's column.
    pub column: String,
}

impl SectorTable {
    fn grants(&self, role: &str) -> String {
        let schema = self.table.split_once('.').map_or("public", |(schema, _)| schema);
        let columns: Vec<&str> = std::iter::once(self.ref_column.as_str())
            .chain(self.columns.values().map(|c| c.column.as_str()))
            .collect();
        let (columns, table, guard) = (columns.join(", "), &self.table, &self.guard);
        format!(
            "grant usage on schema {schema} to {role};
             grant select, insert, update, delete on {guard} to {role};
             grant select, delete on {table} to {role};
             grant insert ({columns}), update ({columns}) on {table} to {role};"
        )
    }
}

impl Sectors {
    /// Makes the sectors' databases with their own tables.
    pub async fn create(cluster: &Arc<PostgresCluster>, suffix: &str) -> anyhow::Result<Self> {
        let (mut databases, mut mappings) = (BTreeMap::new(), BTreeMap::new());
        for agreement in AGREEMENTS {
            let mapping: SectorTable =
                toml::from_str(&read(&Path::new("deploy/sectors").join(format!("{agreement}.toml")))?)?;
            let role = cluster.create_role(&format!("dansync_{agreement}")).await?;
            let (database, new) = Database::create(cluster, format!("{agreement}{suffix}"), &role).await?;
            if new {
                let file = Path::new("tests/fixtures/sectors").join(format!("{agreement}.sql"));
                database.run_script(&read(&file)?, agreement).await?;
                database.run_script(&mapping.grants(&role.name), "granting").await?;
            }
            databases.insert(agreement, database);
            mappings.insert(agreement, mapping);
        }
        Ok(Self { databases, mappings })
    }
}
