//! The registry's cluster: the population registry and the disclosure database, apart from the agencies; and the console's
//! database, which is captured like an agency's.

use super::Database;
use crate::stack::{PostgresCluster, Role};
use std::sync::Arc;

/// The three databases, each with the role of the service that works on it.
#[derive(Debug, Clone)]
pub struct Registries {
    /// The population registry; its role is the reconciler's.
    pub registry: Database,
    /// Agreements, holdings, ledger; its role is the dispatcher's.
    pub disclosure: Database,
    /// Stewards, sessions, decisions; its role is the console's.
    pub console: Database,
    /// Captures `person_version`, `link` and `answer`.
    pub registry_capture: Role,
    /// Captures decisions.
    pub console_capture: Role,
    /// Reads the registry for the console, and asks the disclosure database how many hold an item.
    pub console_reader: Role,
    /// Whether the registry was made just now and is empty.
    pub new: bool,
}

impl Registries {
    /// Makes the databases, brings their tables to the newest form and gives each role what it needs.
    pub async fn create(
        registry_cluster: &Arc<PostgresCluster>,
        console_cluster: &Arc<PostgresCluster>,
        suffix: &str,
    ) -> anyhow::Result<Self> {
        let reconciler = registry_cluster.create_role("dansync_reconciler").await?;
        let dispatcher_role = registry_cluster.create_role("dansync_dispatcher").await?;
        let registry_capture = registry_cluster.create_replication_role("dansync_registry_capture").await?;
        let console_reader = registry_cluster.create_role("dansync_console").await?;
        let console_role = console_cluster.create_role("dansync_console").await?;
        let console_capture = console_cluster.create_replication_role("dansync_capture").await?;

        let (registry, new) =
            Database::create(registry_cluster, format!("registry{suffix}"), &reconciler).await?;
        let owner = registry.administrator().await?;
        registry_store::migrate(&owner).await?;
        registry_store::grant_to_reconciler(&owner, &reconciler.name).await?;
        registry_store::grant_to_capture(&owner, &registry_capture.name).await?;
        registry_store::grant_to_console(&owner, &console_reader.name).await?;
        registry.admit(&registry_capture).await?;
        registry.admit(&console_reader).await?;

        let (disclosure, _) =
            Database::create(registry_cluster, format!("disclosure{suffix}"), &dispatcher_role).await?;
        let owner = disclosure.administrator().await?;
        dispatcher::migrate(&owner, &dispatcher_role.name).await?;
        disclosure_store::grant_to_stewards(&owner, &console_reader.name).await?;
        disclosure_store::grant_to_reconciler(&owner, &reconciler.name).await?;
        disclosure.admit(&console_reader).await?;

        let (console, _) =
            Database::create(console_cluster, format!("console{suffix}"), &console_role).await?;
        console.admit(&console_capture).await?;
        let owner = console.administrator().await?;
        steward_console::migrate(&owner).await?;
        steward_console::grant_to_console(&owner, &console_role.name).await?;
        steward_console::grant_to_capture(&owner, &console_capture.name).await?;
        Ok(Self { registry, disclosure, console, registry_capture, console_capture, console_reader, new })
    }
}
