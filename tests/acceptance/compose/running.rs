//! The trial without an engine: both steps and all eleven services as processes, with the shipped scripts and configurations,
//! on three PostgreSQL servers of its own.

use super::model::{Process, Project};
use super::monitoring::metrics_in_use;
use super::trial::Trial;
use acceptance::pipeline::{Agencies, Instance, Sectors, Service, binary, project};
use acceptance::population::{self, Plan, Rates, SourceDatabases};
use acceptance::stack::{PostgresCluster, Scratch, SharedStack, Stack, free_port, shared};
use anyhow::Context as _;
use sqlx::postgres::PgPool;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PEOPLE: usize = 60;
const WITHIN: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(300);

/// The three servers by their names in the file.
struct Servers(BTreeMap<&'static str, Arc<PostgresCluster>>);

impl Servers {
    async fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        fs::create_dir_all(scratch.path().join("log"))?;
        for name in ["agencies", "registry", "sectors"] {
            let cluster = PostgresCluster::start(scratch.path(), name, None, false).await?;
            servers.insert(name, Arc::new(cluster));
        }
        Ok(Self(servers))
    }

    fn server(&self, name: &str) -> &Arc<PostgresCluster> {
        &self.0[name]
    }

    async fn pool(&self, server: &str, database: &str) -> anyhow::Result<PgPool> {
        Ok(PgPool::connect_with(self.server(server).administrator_options(database)).await?)
    }

    async fn count(&self, server: &str, database: &str, question: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(question).fetch_one(&self.pool(server, database).await?).await?)
    }
}

fn trial(stack: &Stack, servers: &Servers, scratch: &Scratch) -> anyhow::Result<Trial> {
    let mut trial = Trial { dir: scratch.path().join("trial"), addresses: BTreeMap::new() };
    for (name, cluster) in &servers.0 {
        // The server has its owner's password already, as a container's has the one that it was started with.
        let folder = trial.secrets().join(name);
        fs::create_dir_all(&folder)?;
        fs::copy(cluster.administrator_password_file(), folder.join("password"))?;
        trial.addresses.insert(format!("{name}:5432"), address(cluster));
    }
    trial.addresses.insert("kafka:9092".to_owned(), stack.kafka.bootstrap().to_owned());
    let registry = "http://schema-registry:8080/apis/ccompat/v7".to_owned();
    trial.addresses.insert(registry, stack.apicurio.url().to_owned());
    trial.make_secrets();
    Ok(trial)
}

fn address(cluster: &PostgresCluster) -> String {
    format!("{}:{}", cluster.host(), cluster.port())
}

/// Runs setup.sh as the step `setup` does.
fn set_up(trial: &Trial, servers: &Servers) -> anyhow::Result<()> {
    let mut path = vec![binary()?.parent().context("a program lies in a folder")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new("bash");
    command.arg(project().join("deploy/docker/setup.sh")).env("PATH", std::env::join_paths(path)?);
    command.env("SECRETS", trial.secrets()).env("SHARE", project()).env("CONFIG", trial.configure_owner());
    for (name, cluster) in &servers.0 {
        command.env(name.to_uppercase(), address(cluster));
    }
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "setup.sh: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Who may do what with which table and column, beside the owner and the agency, with whose rights the demo writes.
async fn rights(cluster: &PostgresCluster, database: &str) -> anyhow::Result<Vec<String>> {
    let pool = PgPool::connect_with(cluster.administrator_options(database)).await?;
    let question = "
        select g.grantee || ' ' || g.what from (
            select grantee, privilege_type || ' ' || table_schema || '.' || table_name || '.' || column_name as what
            from information_schema.column_privileges
            union all
            select grantee, privilege_type || ' ' || table_schema || '.' || table_name
            from information_schema.table_privileges
            union all
            select pg_get_userbyid(a.grantee), a.privilege_type || ' schema ' || n.nspname
            from pg_namespace n, aclexplode(n.nspacl) a where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            union all
            select pg_get_userbyid(a.grantee), a.privilege_type || ' database'
            from pg_database d, aclexplode(d.datacl) a where d.datname = current_database()
        ) g where g.grantee like 'dansync%' and g.grantee <> 'dansync_agency' order by 1";
    Ok(sqlx::query_scalar(question).fetch_all(&pool).await?)
}

/// The step gives each role what the demo gives it: written twice, so compared.
async fn assert_rights_of_the_demo(servers: &Servers, scratch: &Scratch) -> anyhow::Result<()> {
    let folder = scratch.path().join("demo");
    fs::create_dir_all(folder.join("log"))?;
    let other = Arc::new(PostgresCluster::start(&folder, "agencies", None, false).await?);
    let (agencies, sectors) = (Agencies::create(&other, "").await?, Sectors::create(&other, "").await?);
    let captured = agencies.databases.keys().map(|name| ("agencies", *name));
    let written = sectors.databases.keys().map(|name| ("sectors", *name));
    for (server, database) in captured.chain(written) {
        let (ours, demo) = (rights(servers.server(server), database).await?, rights(&other, database).await?);
        assert!(demo.len() > 2, "{database}: {demo:?}");
        assert_eq!(ours, demo, "{database}");
    }
    other.stop().await
}

async fn start(
    trial: &Trial,
    stack: &SharedStack,
    processes: &[Process<'_>],
) -> anyhow::Result<Vec<Service>> {
    let prefix = format!("{}.", Stack::unique("compose"));
    let environment = [("DANSYNC_KAFKA__TOPIC_PREFIX", prefix.as_str())];
    let logs = trial.dir.join("log");
    let mut services = Vec::new();
    for process in processes {
        let service = ["source-adapter", "reconciler", "dispatcher", "source-inbox", "steward-console"]
            .into_iter()
            .find(|service| *service == process.service)
            .context("a service")?;
        let admin_port = free_port()?;
        let own = [
            ("0.0.0.0:9464", format!("127.0.0.1:{admin_port}")),
            ("0.0.0.0:8090", format!("127.0.0.1:{}", free_port()?)),
        ];
        let file = trial.configure(process, &own);
        let instance = Instance { service, name: process.name.to_owned(), file, admin_port };
        // The console speaks to no broker and knows no such key.
        let environment: &[(&str, &str)] = if service == "steward-console" { &[] } else { &environment };
        services.push(Service::start(instance, &logs, environment).await?);
    }
    anyhow::ensure!(stack.kafka.bootstrap().contains(':'), "the stack runs");
    futures_util::future::try_join_all(services.iter().map(Service::ready)).await?;
    Ok(services)
}

/// Looks until the answer is true.
async fn until(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let mut rhythm = tokio::time::interval(LOOK);
    let seen = async {
        loop {
            rhythm.tick().await;
            if look().await? {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(WITHIN, seen).await.with_context(|| format!("not within {WITHIN:?}: {what}"))?
}

/// The container's own check, at this machine's port.
fn says_healthy(process: &Process<'_>, port: u16) -> bool {
    let test = &process.entry.healthcheck.as_ref().unwrap().test;
    let [_, program, arguments @ ..] = test.as_slice() else { return false };
    let port = port.to_string();
    let here = arguments.iter().map(|word| word.replace("$$", "$").replace("9464", &port));
    Command::new(program).args(here).status().is_ok_and(|status| status.success())
}

fn scrape(services: &[Service]) -> anyhow::Result<String> {
    let mut all = String::new();
    for service in services {
        let url = format!("{}/metrics", service.admin_url());
        all += &ureq::get(&url).call()?.body_mut().read_to_string()?;
    }
    Ok(all)
}

/// Waits until each metric of alerts and dashboard has been shown by some process.
async fn assert_metrics_are_shown(services: &[Service]) -> anyhow::Result<()> {
    let mut missing = metrics_in_use();
    let looked = until("all metrics", async || {
        let shown = scrape(services)?;
        missing
            .retain(|name| !shown.lines().any(|line| line.split([' ', '{']).next() == Some(name.as_str())));
        Ok(missing.is_empty())
    });
    looked.await.with_context(|| format!("no process shows {missing:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_steps_and_configurations_make_a_working_whole() -> anyhow::Result<()> {
    let (stack, scratch) = (shared().await?, Scratch::create()?);
    let servers = Servers::start(&scratch).await?;
    let trial = trial(&stack, &servers, &scratch)?;
    set_up(&trial, &servers)?;
    assert_rights_of_the_demo(&servers, &scratch).await?;
    // `docker compose up` runs both steps again each time.
    let keys: Vec<PathBuf> =
        ["reconciler", "console"].map(|party| trial.secrets().join(party).join("fingerprint.key")).to_vec();
    let before = keys.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    trial.make_secrets();
    set_up(&trial, &servers)?;
    let after = keys.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    assert!(before == after && before.first() == before.last(), "a key is made once, the same for both");

    let file = Project::load();
    let processes = file.processes();
    let mut services = start(&trial, &stack, &processes).await?;
    for (process, service) in processes.iter().zip(&services) {
        assert!(says_healthy(process, service.instance.admin_port), "{} was ready and is not", process.name);
    }
    let databases =
        SourceDatabases::connect(|source| anyhow::Ok(servers.server("agencies").administrator_url(source)))
            .await?;
    let plan =
        Plan { people: PEOPLE, seed: 3, today: chrono::Utc::now().date_naive(), rates: Rates::default() };
    population::load(&population::generate(&plan), &databases).await?;
    until("pupils in the education ministry's table", async || {
        Ok(servers.count("sectors", "education", "select count(*) from giao_duc.hoc_sinh").await? > 0)
    })
    .await?;
    assert_metrics_are_shown(&services).await?;
    for service in services.drain(..) {
        service.process.stop().await?;
    }
    let users = servers.count("agencies", "console", "select count(*) from console.steward_user").await?;
    assert_eq!(users, 3);
    for cluster in servers.0.values() {
        cluster.stop().await?;
    }
    Ok(())
}
