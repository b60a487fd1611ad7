//! The deployment that commands are tried on, and what they say.

use acceptance::follow::{Follower, Hop, Places};
use acceptance::life::{AppliedEvent, LifeEvent, LifeStream};
use acceptance::pipeline::{Deployment, DeploymentOptions, Eyes, addresses, binary};
use acceptance::population::{self, Plan, Rates};
use acceptance::stack::{Role, Scratch, SharedStack, Stack, shared};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PEOPLE: usize = 400;
/// On a busy machine with two cores.
pub(super) const WITHIN: Duration = Duration::from_mins(2);

/// A running deployment.
pub(super) struct Live {
    pub(super) deployment: Deployment,
    pub(super) follower: Follower,
    pub(super) places: Places,
    pub(super) life: LifeStream,
    pub(super) officer: PathBuf,
    pub(super) owner: PathBuf,
    scratch: Scratch,
    _stack: SharedStack,
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// Its JSON, where it succeeded.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It failed with this code, and its message holds each of these words; it is one message on standard error.
    #[track_caller]
    pub(super) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("dansync: ") || code == 2, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "'{word}' is missing: {self:?}");
        }
    }
}

/// The keys of an object, in their order.
#[track_caller]
pub(super) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// A configuration with one database of one role.
fn file(scratch: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = scratch.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}

impl Live {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (stack, scratch) = (shared().await?, Scratch::create()?);
        let name = Stack::unique("cli");
        let options = DeploymentOptions {
            suffix: format!("_{name}"),
            topic_prefix: format!("{name}."),
            dir: scratch.path().to_owned(),
        };
        let mut deployment = Deployment::prepare(&stack, options).await?;
        let today = chrono::Utc::now().date_naive();
        let plan = Plan { people: PEOPLE, seed: 3, today, rates: Rates::default() };
        population::load(&population::generate(&plan), &deployment.source_databases().await?).await?;
        deployment.start().await?;
        Eyes::open(&deployment).await?.settled(&[], 0, WITHIN).await?;
        let (officer, owner) = roles(&stack, &deployment, scratch.path()).await?;
        let found = addresses(&stack, &deployment, &deployment.topics(&stack), &[])?.to_string();
        let follower = Follower::new(Places::open(&found).await?);
        let places = Places::open(&found).await?;
        let life = LifeStream::open(places.sources.clone(), 5, today).await?;
        Ok(Self { deployment, follower, places, life, officer, owner, scratch, _stack: stack })
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.deployment.stop().await
    }

    /// The configuration of an instance.
    pub(super) fn config(&self, service: &str, name: &str) -> PathBuf {
        let found = self.deployment.instances.iter().find(|i| i.service == service && i.name == name);
        found.expect("the deployment has this instance").file.clone()
    }

    /// A configuration file that is in nobody's way.
    pub(super) fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        file(self.scratch.path(), name, text)
    }

    /// Runs `dansync` with these words and a configuration.
    pub(super) async fn dansync(&self, words: &str, config: &Path) -> anyhow::Result<Said> {
        let words: Vec<String> = words.split_whitespace().map(ToOwned::to_owned).collect();
        run(words, config).await
    }

    /// As the reconciler's operator, with JSON.
    pub(super) async fn reconciler(&self, words: &str) -> anyhow::Result<Said> {
        self.dansync(words, &self.config("reconciler", "1")).await
    }

    /// Lets something happen and follows it to the end.
    pub(super) async fn happen(&mut self, event: LifeEvent) -> anyhow::Result<(AppliedEvent, Vec<Hop>)> {
        let marks = self.follower.mark().await?;
        let applied = self.life.apply(event).await?;
        let hops = self.follower.follow(&marks, &applied, WITHIN, &mut |_| ()).await?;
        Ok((applied, hops))
    }
}

/// Runs `dansync`; an argument may hold white space.
pub(super) async fn run(mut words: Vec<String>, config: &Path) -> anyhow::Result<Said> {
    words.extend(["--config".to_owned(), config.display().to_string()]);
    run_bare(words).await
}

/// Runs `dansync` without a configuration.
pub(super) async fn run_bare(words: Vec<String>) -> anyhow::Result<Said> {
    let mut command = Command::new(binary()?);
    command.args(words).env_remove("DANSYNC_USER").env_remove("DANSYNC_CONFIG");
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok(Said {
        code: output.status.code().context("ended by a signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// Files for those who manage agreements, and for the console's owner.
async fn roles(stack: &Stack, deployment: &Deployment, dir: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let role: Role = stack.registry.create_role(&Stack::unique("officer")).await?;
    let disclosure = &deployment.registries.disclosure;
    let administrator = disclosure.administrator().await?;
    let admit = format!("grant connect on database {} to {}", disclosure.name, role.name);
    sqlx::query(sqlx::AssertSqlSafe(admit)).execute(&administrator).await?;
    disclosure_store::grant_to_officer(&administrator, &role.name).await?;
    let schemas = format!(
        "[schema_registry]\nurl = \"{}\"\ncache_dir = \"{}\"\n",
        stack.apicurio.url(),
        dir.join("schema-ids").display()
    );
    let officer = file(dir, "officer.toml", &(disclosure.table_as("disclosure", &role) + &schemas))?;
    let console = &deployment.registries.console;
    let owner = console.table_as("console", &console.cluster.administrator_role());
    Ok((officer, file(dir, "owner.toml", &owner)?))
}
