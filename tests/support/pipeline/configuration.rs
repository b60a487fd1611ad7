//! The configuration file of each service of a deployment.

use super::{Agencies, Database, INBOXES, Registries, SOURCES, Sectors, project};
use crate::stack::{Role, Stack, secret};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the files are made from.
#[derive(Debug)]
pub struct Configuration<'a> {
    /// Brokers and schema registry.
    pub stack: &'a Stack,
    /// Topic prefix of this deployment.
    pub topic_prefix: &'a str,
    /// Captured databases.
    pub agencies: &'a Agencies,
    /// Registry, disclosure, console.
    pub registries: &'a Registries,
    /// Subscribers.
    pub sectors: &'a Sectors,
    /// Ends the names of its databases and slots.
    pub suffix: &'a str,
    /// Folder for files and keys.
    pub dir: &'a Path,
}

/// One process: which service, which of its instances, its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `source-adapter`, `reconciler`, …
    pub service: &'static str,
    /// What tells it from others of its service: the source, or a number.
    pub name: String,
    /// Its configuration file.
    pub file: PathBuf,
    /// Where its admin port listens.
    pub admin_port: u16,
}

impl Configuration<'_> {
    /// Writes all files, two reconcilers and two dispatchers among them; also says where the console's pages will be.
    pub fn write(
        &self,
        ports: &mut impl FnMut() -> anyhow::Result<u16>,
    ) -> anyhow::Result<(Vec<Instance>, u16)> {
        std::fs::create_dir_all(self.dir)?;
        let mut instances = Vec::new();
        for (source, database) in &self.agencies.databases {
            let text = self.adapter(source, database, &self.agencies.capture)?;
            instances.push(self.instance("source-adapter", source, &text, ports()?)?);
        }
        let registries = self.registries;
        let text = self.adapter("registry", &registries.registry, &registries.registry_capture)?;
        instances.push(self.instance("source-adapter", "registry", &text, ports()?)?);
        let text = self.adapter("steward", &registries.console, &registries.console_capture)?;
        instances.push(self.instance("source-adapter", "steward", &text, ports()?)?);
        for number in ["1", "2"] {
            instances.push(self.instance("reconciler", number, &self.reconciler()?, ports()?)?);
        }
        for number in ["1", "2"] {
            instances.push(self.instance("dispatcher", number, &self.dispatcher()?, ports()?)?);
        }
        for source in INBOXES {
            instances.push(self.instance("source-inbox", source, &self.inbox(source)?, ports()?)?);
        }
        let console_port = ports()?;
        instances.push(self.instance("steward-console", "1", &self.console(console_port)?, ports()?)?);
        Ok((instances, console_port))
    }

    fn instance(
        &self,
        service: &'static str,
        instance: &str,
        text: &str,
        admin_port: u16,
    ) -> anyhow::Result<Instance> {
        let file = self.dir.join(format!("{service}-{instance}.toml"));
        let text = format!("{text}[admin]\nlisten = \"127.0.0.1:{admin_port}\"\n");
        std::fs::write(&file, text)?;
        Ok(Instance { service, name: instance.to_owned(), file, admin_port })
    }

    /// `[kafka]` and `[schema_registry]`.
    fn log(&self) -> String {
        let cache = self.dir.join("schema-ids");
        format!(
            "[kafka]\nbootstrap = \"{}\"\ntopic_prefix = \"{}\"\n\n[schema_registry]\nurl = \"{}\"\ncache_dir = \"{}\"\n\n",
            self.stack.kafka.bootstrap(),
            self.topic_prefix,
            self.stack.apicurio.url(),
            cache.display()
        )
    }

    /// The source's mapping; of a deployment with a suffix a copy, as slots are named for the whole cluster.
    fn mapping(&self, source: &str) -> anyhow::Result<PathBuf> {
        let shipped = project().join("deploy/sources").join(format!("{source}.toml"));
        if self.suffix.is_empty() {
            return Ok(shipped);
        }
        let text = std::fs::read_to_string(&shipped)?;
        let slot = format!("slot = \"dansync_{source}");
        anyhow::ensure!(
            text.contains(&slot),
            "the slot of {} is not named after its source",
            shipped.display()
        );
        let copy = self.dir.join(format!("mapping-{source}.toml"));
        std::fs::write(&copy, text.replace(&slot, &format!("{slot}{}", self.suffix)))?;
        Ok(copy)
    }

    fn adapter(&self, source: &str, database: &Database, role: &Role) -> anyhow::Result<String> {
        let mapping = self.mapping(source)?;
        let codes = project().join("schemas/codes");
        let mut text = database.table_as("source", role);
        text.truncate(text.trim_end().len());
        // Writing to a String cannot fail.
        write!(text, "\nmapping = \"{}\"\ncodes = \"{}\"\n\n", mapping.display(), codes.display()).ok();
        Ok(text + &self.log())
    }

    fn reconciler(&self) -> anyhow::Result<String> {
        let sources: Vec<String> = SOURCES.iter().chain(&["steward"]).map(|s| format!("\"{s}\"")).collect();
        Ok(format!(
            "sources = [{}]\ncatalogue = \"{}\"\nfingerprint_key_file = \"{}\"\n\n[matching]\nmodel = \"{}\"\n\n{}{}{}",
            sources.join(", "),
            project().join("schemas/field-catalogue.toml").display(),
            self.key_file("fingerprint.key")?.display(),
            project().join("schemas/linkage/registry.toml").display(),
            self.registries.registry.table("registry"),
            self.registries.disclosure.table_as("reporters", &self.registries.registry.role),
            self.log()
        ))
    }

    fn dispatcher(&self) -> anyhow::Result<String> {
        let mut text = self.registries.disclosure.table("disclosure");
        writeln!(text, "[keys]\nmaster = \"{}\"\n", self.key_file("disclosure.key")?.display())?;
        for (agreement, database) in &self.sectors.databases {
            let mapping = project().join("deploy/sectors").join(format!("{agreement}.toml"));
            let table = database.table(&format!("sectors.{agreement}"));
            writeln!(text, "{}\nmapping = \"{}\"\n", table.trim_end(), mapping.display())?;
        }
        Ok(text + &self.log())
    }

    fn inbox(&self, source: &str) -> anyhow::Result<String> {
        let database = self.agencies.databases.get(source);
        let database = database.with_context(|| format!("there is no source database '{source}'"))?;
        let file = project().join("deploy/inboxes").join(format!("{source}.toml"));
        let table = database.table_as("source", &self.agencies.inbox);
        Ok(format!("inbox = \"{}\"\n\n{table}{}", file.display(), self.log()))
    }

    fn console(&self, port: u16) -> anyhow::Result<String> {
        let registries = self.registries;
        Ok(format!(
            // Time enough to be undone by a program, not so long that anybody at the screen waits.
            "listen = \"127.0.0.1:{port}\"\nundo_window = \"1s\"\nfingerprint_key_file = \"{}\"\n\n{}{}{}",
            self.key_file("fingerprint.key")?.display(),
            registries.console.table("console"),
            registries.registry.table_as("registry", &registries.console_reader),
            registries.disclosure.table_as("disclosure", &registries.console_reader),
        ))
    }

    /// A key that is made once, for this deployment only.
    fn key_file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let file = self.dir.join(name);
        secret::key(&file)?;
        Ok(file)
    }
}
