//! One run of everything with everything going wrong, taken account of after each fault. It happens once, on a stack of its
//! own, for all tests that look at it.

use acceptance::life::LifeStream;
use acceptance::pipeline::{Deployment, DeploymentOptions, Eyes, Instance};
use acceptance::population::{self, Plan, Rates, SourceDatabases};
use acceptance::stack::{Scratch, Stack, StackOptions, free_port};
use anyhow::Context as _;
use chrono::NaiveDate;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

use super::account::{self, Account};
use super::canaries::Canaries;
use super::seen::Seen;

const PEOPLE: usize = 1_200;
const SEED: u64 = 7;
/// Changes before, during and after a fault.
const BURST: usize = 12;
/// Rows whose every free column is written anew with each burst.
const RENEWED: i64 = 6;
/// On a busy machine with two cores.
const WITHIN: Duration = Duration::from_mins(4);

/// What the run left.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) canaries: Canaries,
    pub(super) accounts: BTreeMap<Fault, Account>,
    pub(super) seen: Seen,
    /// When the first load was over, milliseconds since 1970.
    pub(super) loaded_ms: i64,
}

/// What went wrong before the account was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Nothing yet: the first load.
    None,
    /// Each service was killed in turn.
    Crashes,
    /// Instances took over from each other.
    Takeovers,
    /// The broker was killed.
    Kafka,
    /// The registry's cluster was killed, then the agencies'.
    Postgres,
}

static RUN: OnceCell<Result<Run, String>> = OnceCell::const_new();

/// The run, made by whoever asks first.
pub(super) async fn run() -> &'static Run {
    let run =
        RUN.get_or_init(|| async { Box::pin(make()).await.map_err(|error| format!("{error:#}")) }).await;
    run.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// The running parts.
struct World {
    stack: Stack,
    deployment: Deployment,
    databases: SourceDatabases,
    life: LifeStream,
    canaries: Canaries,
    accounts: BTreeMap<Fault, Account>,
    began: Instant,
    loaded_ms: i64,
}

fn today() -> NaiveDate {
    chrono::Utc::now().date_naive()
}

async fn make() -> anyhow::Result<Run> {
    let scratch = Scratch::create()?;
    let mut world = Box::pin(World::start(&scratch)).await?;
    world.account(Fault::None).await?;
    world.loaded_ms = chrono::Utc::now().timestamp_millis();
    world.crashes().await.context("killing services")?;
    world.account(Fault::Crashes).await?;
    world.takeovers().await.context("taking over")?;
    world.account(Fault::Takeovers).await?;
    world.kafka().await.context("killing Kafka")?;
    world.account(Fault::Kafka).await?;
    world.postgres().await.context("killing PostgreSQL")?;
    world.account(Fault::Postgres).await?;
    world.end().await
}

impl World {
    async fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let began = Instant::now();
        let stack = Stack::start(scratch.path(), &StackOptions::default()).await?;
        let options = DeploymentOptions {
            suffix: String::new(),
            topic_prefix: "dansync.".to_owned(),
            dir: scratch.path().join("deployment"),
        };
        let mut deployment = Deployment::prepare(&stack, options).await?;
        let standby = standby_of(&deployment, "civil_status")?;
        deployment.instances.push(standby);
        let databases = deployment.source_databases().await?;
        let mut canaries = Canaries::new();
        let plan = Plan { people: PEOPLE, seed: SEED, today: today(), rates: Rates::default() };
        population::load(&canaries.population(&plan), &databases).await?;
        let life = LifeStream::open(databases.clone(), SEED, today()).await?;
        deployment.start().await?;
        let accounts = BTreeMap::new();
        Ok(Self { stack, deployment, databases, life, canaries, accounts, began, loaded_ms: 0 })
    }

    /// Waits until all has come through, and writes down what it comes to.
    async fn account(&mut self, fault: Fault) -> anyhow::Result<()> {
        self.life.settle().await?;
        let eyes = Eyes::open(&self.deployment).await?;
        eyes.settled(&[], 0, WITHIN).await.with_context(|| format!("after {fault:?}"))?;
        let account = account::take(&self.stack, &self.deployment, WITHIN).await;
        let account = account.with_context(|| format!("after {fault:?}"))?;
        self.accounts.insert(fault, account);
        prerequisites::say(format_args!("walk: {fault:?} after {:?}", self.began.elapsed()));
        Ok(())
    }

    /// Some life, and canaries in every column that a declaration and a registration of residence have.
    async fn burst(&mut self) -> anyhow::Result<()> {
        for _ in 0..BURST {
            self.life.next().await?;
        }
        for (table, columns) in [
            ("cu_tru.khai_bao", &["dien_thoai", "thu_dien_tu", "ten_goi_khac", "thong_tin_khac"][..]),
            ("cu_tru.thuong_tru", &["dia_chi"]),
        ] {
            let sql = format!("select ctid::text from {table} order by random() limit {RENEWED}");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.databases.residence).await?;
            for row in rows {
                let set = columns
                    .iter()
                    .map(|column| format!("{column} = '{}'", self.canaries.fresh(table, column)));
                let set = set.collect::<Vec<_>>().join(", ");
                let sql = format!("update {table} set {set} where ctid = '{row}'");
                sqlx::query(AssertSqlSafe(sql)).execute(&self.databases.residence).await?;
            }
        }
        Ok(())
    }

    /// As a crash would.
    async fn kill(&self, service: &str, name: &str) -> anyhow::Result<()> {
        let running = self.deployment.service(service, name);
        running.with_context(|| format!("{service} {name} was not started"))?.process.kill9().await;
        Ok(())
    }

    async fn crashes(&mut self) -> anyhow::Result<()> {
        for (service, name) in [
            ("source-adapter", "residence"),
            ("reconciler", "1"),
            ("source-adapter", "registry"),
            ("dispatcher", "1"),
        ] {
            self.burst().await?;
            self.kill(service, name).await?;
            self.deployment.start().await?;
        }
        Ok(())
    }

    /// One instance of each pair is gone while the other does all, then the other way round.
    async fn takeovers(&mut self) -> anyhow::Result<()> {
        let pairs = [
            [("reconciler", "1"), ("dispatcher", "1"), ("source-adapter", "civil_status")],
            [("reconciler", "2"), ("dispatcher", "2"), ("source-adapter", "civil_status-standby")],
        ];
        for gone in pairs {
            self.burst().await?;
            for (service, name) in gone {
                self.kill(service, name).await?;
            }
            self.burst().await?;
            Eyes::open(&self.deployment).await?.settled(&[], 0, WITHIN).await?;
            // The account asks for everything of the agencies, so it proves that the one who is left captures too.
            account::take(&self.stack, &self.deployment, WITHIN)
                .await
                .context("while one instance is gone")?;
            self.deployment.start().await?;
        }
        self.burst().await
    }

    async fn kafka(&mut self) -> anyhow::Result<()> {
        self.burst().await?;
        self.stack.kafka.kill9().await?;
        self.burst().await?;
        self.stack.kafka.restart().await?;
        self.burst().await?;
        self.nobody_ended()
    }

    async fn postgres(&mut self) -> anyhow::Result<()> {
        self.burst().await?;
        self.stack.registry.kill9().await?;
        self.burst().await?;
        self.stack.registry.restart().await?;
        self.burst().await?;
        self.stack.agencies.kill9().await?;
        self.stack.agencies.restart().await?;
        self.burst().await?;
        self.nobody_ended()
    }

    /// Services wait for what is away; nobody has to start them again.
    fn nobody_ended(&self) -> anyhow::Result<()> {
        let ended = self.deployment.services.iter().filter(|service| !service.process.is_running());
        let ended: Vec<_> =
            ended.map(|one| format!("{} {}", one.instance.service, one.instance.name)).collect();
        anyhow::ensure!(ended.is_empty(), "ended by themselves: {}", ended.join(", "));
        Ok(())
    }

    async fn end(mut self) -> anyhow::Result<Run> {
        let seen = Seen::look(&self.stack, &self.deployment).await?;
        self.deployment.stop().await?;
        self.stack.stop().await?;
        Ok(Run { canaries: self.canaries, accounts: self.accounts, seen, loaded_ms: self.loaded_ms })
    }
}

/// A second adapter of a source, which waits for the first to go.
fn standby_of(deployment: &Deployment, source: &str) -> anyhow::Result<Instance> {
    let first = deployment.instances.iter().find(|one| one.service == "source-adapter" && one.name == source);
    let first = first.with_context(|| format!("there is no adapter of {source}"))?;
    let (name, admin_port) = (format!("{source}-standby"), free_port()?);
    let text = std::fs::read_to_string(&first.file)?;
    let text = text.replace(&format!(":{}\"", first.admin_port), &format!(":{admin_port}\""));
    let file = first.file.with_file_name(format!("source-adapter-{name}.toml"));
    std::fs::write(&file, text)?;
    Ok(Instance { service: first.service, name, file, admin_port })
}
