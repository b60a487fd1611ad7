//! The agencies' databases and the console's: what is captured.

use super::{Database, read};
use crate::stack::{PostgresCluster, Role};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The four agencies, in the order in which a person usually meets them.
pub const SOURCES: [&str; 4] = ["civil_status", "residence", "identity", "medical"];

/// The agencies' databases by source, each with the role its agency works with, and the one role that captures them.
#[derive(Debug, Clone)]
pub struct Agencies {
    /// By source.
    pub databases: BTreeMap<&'static str, Database>,
    /// Whether any of them was made just now and is empty.
    pub new: bool,
    /// The capturing role.
    pub capture: Role,
    /// The role that brings answers into the inboxes.
    pub inbox: Role,
}

/// Sources that take their answers into a table of their own.
pub const INBOXES: [&str; 1] = ["civil_status"];

/// The role with which an agency's clerks write: every row of its own tables, no table's form.
const AGENCY: &str = "dansync_agency";

/// The part of a mapping file that grants follow from.
#[derive(Deserialize)]
struct MappedTables {
    table: Vec<MappedTable>,
}

#[derive(Deserialize)]
struct MappedTable {
    table: String,
}

/// `grant …` for a role that may read the tables a mapping names and nothing else, and for the agency's own.
fn grants(mapping: &Path, role: &str) -> anyhow::Result<String> {
    let mapped: MappedTables = toml::from_str(&read(mapping)?)?;
    let tables: BTreeSet<String> = mapped.table.into_iter().map(|t| t.table).collect();
    let schemas: BTreeSet<&str> =
        tables.iter().filter_map(|t| t.split_once('.')).map(|(schema, _)| schema).collect();
    let mut grants = String::new();
    for schema in schemas {
        writeln!(
            grants,
            "grant usage on schema {schema} to {role}, {AGENCY};
             grant select, insert, update, delete on all tables in schema {schema} to {AGENCY};
             grant usage on all sequences in schema {schema} to {AGENCY};"
        )?;
    }
    for table in &tables {
        writeln!(grants, "grant select on {table} to {role};")?;
    }
    Ok(grants)
}

/// `grant …` for the role that writes an inbox: its two tables and nothing else.
fn inbox_grants(source: &str, role: &str) -> anyhow::Result<String> {
    let inbox = inbox_of(source)?;
    let schema = inbox.table.split('.').next().unwrap_or_default();
    let (table, positions) = (&inbox.table, &inbox.positions);
    Ok(format!(
        "grant usage on schema {schema} to {role}; grant select, insert, update on {table}, {positions} to {role};"
    ))
}

/// The inbox file of a source.
pub fn inbox_of(source: &str) -> anyhow::Result<source_inbox::Inbox> {
    let file = Path::new("deploy/inboxes").join(format!("{source}.toml"));
    Ok(source_inbox::Inbox::parse(&read(&file)?)?)
}

impl Agencies {
    /// Makes the four databases with the agencies' own tables and gives the capturing role what it needs.
    pub async fn create(cluster: &Arc<PostgresCluster>, suffix: &str) -> anyhow::Result<Self> {
        let capture = cluster.create_replication_role("dansync_capture").await?;
        let inbox = cluster.create_role("dansync_inbox").await?;
        let agency = cluster.create_role(AGENCY).await?;
        let (mut databases, mut new) = (BTreeMap::new(), false);
        for source in SOURCES {
            let (database, fresh) = Database::create(cluster, format!("{source}{suffix}"), &agency).await?;
            database.admit(&capture).await?;
            if fresh {
                let file = Path::new("tests/fixtures/sources").join(format!("{source}.sql"));
                database.run_script(&read(&file)?, source).await?;
                new = true;
            }
            let mapping = Path::new("deploy/sources").join(format!("{source}.toml"));
            database.run_script(&grants(&mapping, &capture.name)?, "granting").await?;
            if INBOXES.contains(&source) {
                database.admit(&inbox).await?;
                database.run_script(&inbox_grants(source, &inbox.name)?, "granting").await?;
            }
            databases.insert(source, database);
        }
        Ok(Self { databases, new, capture, inbox })
    }
}
