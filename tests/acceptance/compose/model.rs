//! docker-compose.yml and the Dockerfile as types. A key that stands nowhere here is a fault.

use acceptance::pipeline::project;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "x-limits")]
    _limits: Service,
    #[serde(rename = "x-dansync")]
    _dansync: Service,
    #[serde(rename = "x-adapter")]
    _adapter: Service,
    #[serde(rename = "x-postgres")]
    _postgres: Service,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) volumes: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) command: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) environment: BTreeMap<String, Value>,
    pub(super) volumes: Vec<String>,
    pub(super) networks: Vec<String>,
    pub(super) network_mode: Option<String>,
    pub(super) ports: Vec<String>,
    pub(super) depends_on: BTreeMap<String, Dependency>,
    pub(super) healthcheck: Option<Healthcheck>,
    pub(super) restart: Option<String>,
    pub(super) read_only: bool,
    pub(super) cap_drop: Vec<String>,
    pub(super) security_opt: Vec<String>,
    #[serde(rename = "tmpfs")]
    _tmpfs: Vec<String>,
    #[serde(rename = "stop_grace_period")]
    _stop_grace_period: Option<String>,
    #[serde(rename = "shm_size")]
    _shm_size: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    pub(super) context: PathBuf,
    pub(super) dockerfile: PathBuf,
    pub(super) target: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependency {
    pub(super) condition: Condition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Condition {
    #[serde(rename = "service_started")]
    Started,
    #[serde(rename = "service_healthy")]
    Healthy,
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "timeout")]
    _timeout: String,
    #[serde(rename = "retries")]
    _retries: u32,
    #[serde(rename = "start_period")]
    _start_period: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Network {
    pub(super) internal: bool,
}

pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn yaml<T: serde::de::DeserializeOwned>(path: impl AsRef<Path>) -> T {
    let path = path.as_ref();
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Project {
    pub(super) fn load() -> Self {
        yaml("docker-compose.yml")
    }

    /// Those that run `dansync run …`: name in the file, service, configuration in the container.
    pub(super) fn processes(&self) -> Vec<Process<'_>> {
        self.services.iter().filter_map(|(name, service)| Process::of(name, service)).collect()
    }
}

impl Service {
    /// What is mounted: source, path in the container.
    pub(super) fn mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.volumes.iter().map(|volume| {
            let mut parts = volume.split(':');
            let mount = (parts.next().unwrap(), parts.next().unwrap());
            assert!(matches!(parts.next(), None | Some("ro")) && parts.next().is_none(), "{volume}");
            mount
        })
    }

    /// The text of a variable.
    pub(super) fn variable(&self, name: &str) -> String {
        text(self.environment.get(name).unwrap_or_else(|| panic!("{name} is not set")))
    }
}

/// A value of `environment` as the process sees it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A process of the one program.
pub(super) struct Process<'a> {
    pub(super) name: &'a str,
    pub(super) service: &'a str,
    /// The configuration's path in the container.
    pub(super) config: &'a str,
    pub(super) entry: &'a Service,
}

impl<'a> Process<'a> {
    fn of(name: &'a str, entry: &'a Service) -> Option<Self> {
        let mut words = entry.command.iter().map(String::as_str);
        let service = (words.next() == Some("run")).then(|| words.next())??;
        let config = words.skip_while(|word| *word != "--config").nth(1).unwrap();
        Some(Self { name, service, config, entry })
    }
}

/// One instruction of a Dockerfile on one line.
#[derive(Debug)]
pub(super) struct Instruction {
    /// The stage it belongs to.
    pub(super) stage: String,
    pub(super) verb: String,
    pub(super) rest: String,
}

/// The instructions of deploy/docker/Dockerfile.
pub(super) fn dockerfile() -> Vec<Instruction> {
    let text = read("deploy/docker/Dockerfile").replace("\\\n", " ");
    let mut stage = String::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (verb, rest) = line.split_once(' ').unwrap();
            if verb == "FROM" {
                rest.rsplit_once(" AS ").unwrap().1.clone_into(&mut stage);
            }
            Instruction { stage: stage.clone(), verb: verb.to_owned(), rest: rest.to_owned() }
        })
        .collect()
}

impl Instruction {
    /// Of `COPY`: the stage copied from, sources, target.
    pub(super) fn copy(&self) -> Option<(Option<&str>, Vec<&str>, &str)> {
        if self.verb != "COPY" {
            return None;
        }
        let mut words: Vec<&str> = self.rest.split_whitespace().collect();
        let from = words.first().and_then(|word| word.strip_prefix("--from="));
        if from.is_some() {
            words.remove(0);
        }
        let target = words.pop().unwrap();
        Some((from, words, target))
    }
}
