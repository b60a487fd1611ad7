//! A deployment from its databases to its running services, and back.

use super::{
    AGREEMENTS, Agencies, Configuration, ConsoleUser, Database, Instance, Registries, Sectors, Service,
    project,
};
use crate::population::SourceDatabases;
use crate::stack::{Stack, free_port, secret};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How to tell one deployment of a stack from another, and how large it is.
#[derive(Debug, Clone)]
pub struct DeploymentOptions {
    /// Ends the names of its databases; empty for the only deployment of a stack.
    pub suffix: String,
    /// Begins the names of its topics.
    pub topic_prefix: String,
    /// Its configuration, keys and logs.
    pub dir: PathBuf,
}

/// Databases, configuration and services.
#[derive(Debug)]
pub struct Deployment {
    /// What tells it from others.
    pub options: DeploymentOptions,
    /// Captured databases.
    pub agencies: Agencies,
    /// Registry, disclosure, console.
    pub registries: Registries,
    /// Subscribers.
    pub sectors: Sectors,
    /// One entry for each process, in the order of the data's flow.
    pub instances: Vec<Instance>,
    /// Where the console's pages are.
    pub console_port: u16,
    /// Those that run.
    pub services: Vec<Service>,
    /// What the services are started from, if not the binary beside the running program.
    pub binary: Option<PathBuf>,
}

impl Deployment {
    /// Makes what is not there: databases, roles, agreements, keys, configuration files. Starts nothing.
    pub async fn prepare(stack: &Stack, options: DeploymentOptions) -> anyhow::Result<Self> {
        let agencies = Agencies::create(&stack.agencies, &options.suffix).await?;
        let registries = Registries::create(&stack.registry, &stack.agencies, &options.suffix).await?;
        let sectors = Sectors::create(&stack.sectors, &options.suffix).await?;
        let disclosure = registries.disclosure.administrator().await?;
        let catalogue = dispatcher::catalogue()?;
        let agreements = project().join("schemas/agreements");
        for agreement in dispatcher::import_agreements(&disclosure, &agreements, &catalogue).await? {
            dispatcher::activate(&disclosure, &agreement, None, "demo", &catalogue).await?;
        }
        let (instances, console_port) = Configuration {
            stack,
            topic_prefix: &options.topic_prefix,
            agencies: &agencies,
            registries: &registries,
            sectors: &sectors,
            suffix: &options.suffix,
            dir: &options.dir.join("services"),
        }
        .write(&mut free_port)?;
        Ok(Self {
            options,
            agencies,
            registries,
            sectors,
            instances,
            console_port,
            services: Vec::new(),
            binary: None,
        })
    }

    /// Starts every service that does not run and waits until all are ready.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.launch_those(|_| true).await?;
        futures_util::future::try_join_all(self.services.iter().map(Service::ready)).await?;
        Ok(())
    }

    /// Starts some of them and waits for nothing: an adapter is ready only after its snapshot.
    pub async fn launch_those(&mut self, which: impl Fn(&Instance) -> bool) -> anyhow::Result<()> {
        let binary = self.binary.clone().map_or_else(super::binary, Ok)?;
        let log = self.options.dir.join("log");
        for instance in self.instances.clone().into_iter().filter(|instance| which(instance)) {
            if !self.services.iter().any(|s| s.instance == instance && s.process.is_running()) {
                self.services.retain(|s| s.instance != instance);
                self.services.push(Service::start_binary(&binary, instance, &log, &[]).await?);
            }
        }
        Ok(())
    }

    /// Ends some of the running services, in the order in which they are listed.
    pub async fn stop_those(&mut self, which: impl Fn(&Instance) -> bool) -> anyhow::Result<()> {
        let mut first = Ok(());
        let (ending, staying): (Vec<Service>, Vec<Service>) =
            self.services.drain(..).partition(|service| which(&service.instance));
        self.services = staying;
        for service in ending {
            first = first.and(service.process.stop().await);
        }
        first
    }

    /// The service of that name and instance.
    pub fn service(&self, service: &str, instance: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.instance.service == service && s.instance.name == instance)
    }

    /// Ends all services in the order of the data's flow, so that each drains what the one before has given it. All are
    /// ended even where one fails; the first failure is returned.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        for service in self.services.drain(..) {
            first = first.and(service.process.stop().await);
        }
        first
    }

    /// The databases that are not a sector's, by the names that programs rely on.
    pub fn databases(&self) -> impl Iterator<Item = (&'static str, &Database)> {
        let Registries { registry, disclosure, console, .. } = &self.registries;
        let own = [("registry", registry), ("disclosure", disclosure), ("console", console)];
        self.agencies.databases.iter().map(|(name, database)| (*name, database)).chain(own)
    }

    /// Where the console's pages are.
    pub fn console_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.console_port)
    }

    /// The agencies' databases with the agencies' own rights.
    pub async fn source_databases(&self) -> anyhow::Result<SourceDatabases> {
        SourceDatabases::connect(|source| match self.agencies.databases.get(source) {
            Some(database) => Ok(database.cluster.administrator_url(&database.name)),
            None => Err(anyhow::anyhow!("there is no source database '{source}'")),
        })
        .await
    }

    /// The outgoing topic of each agreement.
    pub fn topics(&self, stack: &Stack) -> BTreeMap<String, String> {
        let topics = super::kafka(stack, self).topics();
        AGREEMENTS
            .iter()
            .map(|agreement| ((*agreement).to_owned(), topics.out(agreement, 1).to_string()))
            .collect()
    }

    /// Makes the console's users, each with a random password in a file.
    pub async fn console_users(&self) -> anyhow::Result<Vec<ConsoleUser>> {
        let pool = self.registries.console.administrator().await?;
        let mut users = Vec::new();
        // Two stewards: what moves persons takes a second one.
        for (name, role) in [
            ("steward", steward_console::Role::Steward),
            ("approver", steward_console::Role::Steward),
            ("reader", steward_console::Role::Reader),
        ] {
            let password_file =
                self.registries.console.role.password_file.with_file_name(format!("console-{name}"));
            let password = secret::password(&password_file)?;
            steward_console::ensure_user(&pool, name, role, password.into()).await?;
            users.push(ConsoleUser { name: name.to_owned(), role: role.as_str().to_owned(), password_file });
        }
        Ok(users)
    }

    /// The admin addresses of all that runs.
    pub fn admin_urls(&self) -> Vec<String> {
        self.services.iter().map(Service::admin_url).collect()
    }
}
