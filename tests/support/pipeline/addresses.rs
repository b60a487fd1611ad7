//! Where everything of a running deployment is, for programs (`.dansync/addresses.json`) and for people (lines to paste).

use super::{Database, Deployment};
use crate::stack::Stack;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A console user of the demo.
#[derive(Debug, Clone)]
pub struct ConsoleUser {
    /// Sign-in name.
    pub name: String,
    /// `steward` or `reader`.
    pub role: String,
    /// The file with the password.
    pub password_file: std::path::PathBuf,
}

fn url(database: &Database) -> anyhow::Result<String> {
    database.cluster.role_url(&database.name, &database.role)
}

fn dsn(database: &Database) -> anyhow::Result<Value> {
    Ok(json!({ "dsn": url(database)?, "password_file": database.role.password_file }))
}

/// `addresses.json`, version 1. Its keys may be relied upon (design §9). Each `dsn` opens its database as it stands, so the
/// file is for its owner's eyes only.
pub fn addresses(
    stack: &Stack,
    deployment: &Deployment,
    topics: &BTreeMap<String, String>,
    users: &[ConsoleUser],
) -> anyhow::Result<Value> {
    let mut databases = BTreeMap::new();
    for (name, database) in deployment.databases() {
        databases.insert(name, dsn(database)?);
    }
    let mut sectors = BTreeMap::new();
    for (agreement, database) in &deployment.sectors.databases {
        let Some(mapping) = deployment.sectors.mappings.get(agreement) else { continue };
        let sector = json!({
            "kind": "postgresql",
            "dsn": url(database)?,
            "password_file": database.role.password_file,
            "table": mapping.table,
            "ref_column": mapping.ref_column,
            "guard": mapping.guard,
        });
        sectors.insert(*agreement, sector);
    }
    let users: Vec<Value> = users
        .iter()
        .map(|u| json!({ "name": u.name, "role": u.role, "password_file": u.password_file }))
        .collect();
    let services: Vec<Value> = deployment
        .services
        .iter()
        .map(|s| {
            json!({ "name": s.instance.service, "instance": s.instance.name, "pid": s.process.pid(), "admin_url": s.admin_url() })
        })
        .collect();
    Ok(json!({
        "version": 1,
        "kafka": { "bootstrap": stack.kafka.bootstrap(), "topic_prefix": deployment.options.topic_prefix },
        "schema_registry": { "url": stack.apicurio.url() },
        "databases": databases,
        "sectors": sectors,
        "topics": topics,
        "console": { "url": deployment.console_url(), "users": users },
        "services": services,
    }))
}

/// Lines for a person to paste into another terminal.
pub fn where_to_look(
    stack: &Stack,
    deployment: &Deployment,
    topics: &BTreeMap<String, String>,
    users: &[ConsoleUser],
) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, database) in deployment.databases() {
        lines.push(format!("{name:<16} {}", database.psql_line()));
    }
    for (agreement, database) in &deployment.sectors.databases {
        lines.push(format!("{agreement:<16} {}", database.psql_line()));
    }
    let bootstrap = stack.kafka.bootstrap();
    for (agreement, topic) in topics {
        lines.push(format!("{agreement:<16} kcat -b {bootstrap} -t {topic} -C -e -o -5"));
    }
    lines.push(format!("{:<16} {}", "console", deployment.console_url()));
    for user in users {
        let file = user.password_file.display();
        lines.push(format!("{:<16} {} ({}), password in {file}", "", user.name, user.role));
    }
    lines.push(format!("{:<16} {}/subjects", "schema registry", stack.apicurio.url()));
    for service in &deployment.services {
        let name = format!("{} {}", service.instance.service, service.instance.name);
        lines.push(format!("{:<16} {name}: {}/metrics", "metrics", service.admin_url()));
    }
    lines
}

/// Writes a file whole or not at all: a reader never sees half of it.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, text)?;
    std::fs::rename(part, path)
}
