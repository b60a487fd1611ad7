//! What the containers would see, in a folder: secrets made by the real secrets.sh, configurations with the containers' paths
//! and addresses replaced by this machine's.

use super::model::{Process, Project, dockerfile, read};
use acceptance::pipeline::project;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) struct Trial {
    pub(super) dir: PathBuf,
    /// `host:port` in a container → the same here.
    pub(super) addresses: BTreeMap<String, String>,
}

impl Trial {
    /// Runs secrets.sh as the step `secrets` does, for this user instead of the images'.
    pub(super) fn prepare(dir: &Path) -> Self {
        let trial = Self { dir: dir.to_owned(), addresses: BTreeMap::new() };
        trial.make_secrets();
        trial
    }

    pub(super) fn make_secrets(&self) {
        let own = fs::metadata(&self.dir).unwrap();
        let owner = format!("{}:{}", own.uid(), own.gid());
        let mut command = Command::new("bash");
        command.arg(project().join("deploy/docker/secrets.sh"));
        command.env("SECRETS", self.secrets()).env("STATE", self.dir.join("state"));
        for who in ["SERVICES", "GRAFANA", "SCHEMA_REGISTRY"] {
            command.env(who, &owner);
        }
        assert!(command.status().unwrap().success());
    }

    pub(super) fn secrets(&self) -> PathBuf {
        self.dir.join("secrets")
    }

    /// Where a path of a container is on this machine: under one of its mounts, else where the image has copied it from.
    pub(super) fn here(&self, process: &Process<'_>, path: &str) -> Option<PathBuf> {
        let under =
            |target: &str| path.strip_prefix(target).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let mounted =
            process.entry.mounts().find_map(|(source, target)| Some((self.source(source), under(target)?)));
        let image = dockerfile();
        let copied = image.iter().filter(|line| line.stage == "runtime").find_map(|line| {
            let (None, sources, target) = line.copy()? else { return None };
            Some((project().join(sources.first()?), under(target)?))
        });
        mounted.or(copied).map(|(base, rest)| base.join(rest.trim_start_matches('/')))
    }

    /// The folder that a mount's source stands for.
    fn source(&self, source: &str) -> PathBuf {
        match (source.strip_prefix("./"), source.strip_prefix("secrets-")) {
            (Some(path), _) => project().join(path),
            (None, Some(party)) => self.secrets().join(party),
            (None, None) => self.dir.join("state").join(source),
        }
    }

    /// Writes the configuration of a process with paths and addresses of this machine; returns its file.
    pub(super) fn configure(&self, process: &Process<'_>, own: &[(&str, String)]) -> PathBuf {
        let shipped = self.here(process, process.config).expect("the configuration's folder is mounted");
        let mut text = read(&shipped);
        for path in
            quoted(&text).filter(|value| value.starts_with('/')).map(str::to_owned).collect::<Vec<_>>()
        {
            let here = self
                .here(process, &path)
                .unwrap_or_else(|| panic!("{}: {path} is neither mounted nor in the image", process.name));
            assert!(here.exists(), "{}: {path} would be {}", process.name, here.display());
            text = text.replace(&format!("\"{path}\""), &format!("\"{}\"", here.display()));
        }
        let all = self.addresses.iter().map(|(there, here)| (there.as_str(), here));
        for (there, here) in all.chain(own.iter().map(|(there, here)| (*there, here))) {
            text = text.replace(there, here);
        }
        let file = self.dir.join(format!("{}.toml", process.name));
        fs::write(&file, text).unwrap();
        file
    }

    /// The owner's configurations, which the step `setup` reads; returns their folder.
    pub(super) fn configure_owner(&self) -> PathBuf {
        let folder = self.dir.join("owner");
        fs::create_dir_all(&folder).unwrap();
        for name in ["registry", "disclosure", "console"] {
            let mut text = read(format!("deploy/docker/config/owner-{name}.toml"));
            text = text.replace("/run/secrets", &self.secrets().display().to_string());
            for (there, here) in &self.addresses {
                text = text.replace(there, here);
            }
            fs::write(folder.join(format!("owner-{name}.toml")), text).unwrap();
        }
        folder
    }
}

/// The texts of a TOML file's values and keys.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// Each process with the services its configuration names by `host:port`.
pub(super) fn hosts(project: &Project, process: &Process<'_>) -> Vec<(String, u16)> {
    let text = read(Path::new("deploy/docker/config").join(Path::new(process.config).file_name().unwrap()));
    let known = |host: &str| project.services.contains_key(host);
    quoted(&text)
        .filter_map(|value| {
            let authority = value.rsplit_once("://").map_or(value, |(_, rest)| rest);
            let authority = authority.split('/').next().unwrap_or_default();
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let (host, port) = authority.split_once(':')?;
            let port = port.parse().ok()?;
            // Addresses to listen on, and those that a browser uses.
            if host == "0.0.0.0" || host == "localhost" {
                return None;
            }
            assert!(known(host), "{}: {host} is no service", process.name);
            Some((host.to_owned(), port))
        })
        .collect()
}
