//! One source database of its own, an adapter's configuration for it, and everything the adapter says about it.

use acceptance::stack::{PostgresCluster, Stack};
use event_log::{
    Claim, ClaimError, ConsumedRecord, GroupConsumer, KafkaConfig, Limits, PositionStore, SourceMessage,
    TopicPartition, async_trait, decode_source_message, split_wire_header,
};
use registry_rules::SourceRecord;
use service_runtime::{Runtime, SystemClock};
use source_adapter::Config;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// No step of these tests takes longer on two busy cores.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// Names the configuration file to a process that is to be an adapter.
pub(super) const ADAPTER: &str = "DANSYNC_TEST_ADAPTER";

const TABLES: &str = "
create schema hotich;
create table hotich.khai_sinh (id bigint primary key, created_at timestamptz not null default '2024-01-02 03:04:05+00',
    status text, ten text, pin text, me text, n int not null default 0, ghi_chu text);
alter table hotich.khai_sinh replica identity full;
create table hotich.khong_lien_quan (id bigint);
create publication dansync for table hotich.khai_sinh;";

const MAPPING: &str = r#"
source = "civil_status"
kind = "record"
mapping_version = 1
publication = "dansync"
slot = "SLOT"
[[table]]
table = "hotich.khai_sinh"
entity = "birth"
key = ["id"]
recorded_at = "created_at"
kind = "civil_status.birth_registered"
standing = { column = "status", codes = { "HUY" = "annulled" } }
[[table.role]]
role = "child"
present = ["ten"]
identifiers = [{ kind = "pin", column = "pin" }, { kind = "source_person", column = "n" }]
[[table.role.field]]
field = "birth_name"
form = "name"
columns = { full = "ten" }
[[table.role.field]]
field = "other_information"
form = "text"
column = "ghi_chu"
[[table.role]]
role = "mother"
present = ["me"]
[[table.role.field]]
field = "birth_name"
form = "name"
columns = { full = "me" }
"#;

/// A source, its configuration and its log.
pub(super) struct World {
    pub(super) database: String,
    pub(super) sql: PgConnection,
    pub(super) config_file: PathBuf,
    pub(super) mapping_file: PathBuf,
    pub(super) slot: String,
    dir: tempfile::TempDir,
    log: Option<GroupConsumer>,
    pub(super) seen: Vec<ConsumedRecord>,
}

/// A reader that begins at the beginning, whoever read before.
struct FromTheBeginning;

#[async_trait]
impl PositionStore for FromTheBeginning {
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError> {
        let claim = |p: &TopicPartition| Claim { partition: p.clone(), next_offset: None, owner_epoch: 1 };
        Ok(partitions.iter().map(claim).collect())
    }
}

/// An adapter in this process, with a runtime of its own.
pub(super) struct Adapter {
    runtime: Runtime,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Adapter {
    /// Drains it; its outcome.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.runtime.drain.request();
        self.end().await
    }

    /// Its outcome, without asking it to end.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        let thread = tokio::task::spawn_blocking(move || self.thread.join().unwrap());
        tokio::time::timeout(PATIENCE, thread).await.expect("the adapter ends").unwrap()
    }

    pub(super) fn metrics(&self) -> String {
        self.runtime.metrics.render()
    }
}

pub(super) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

impl World {
    /// Makes the database with its tables, a role that may replicate, and a configuration; `more` goes into the latter.
    pub(super) async fn new(stack: &Stack, cluster: &PostgresCluster, more: &str) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            // Once in a process: the other tests find it done.
            service_runtime::logging::init(service_runtime::logging::LogFormat::Text).ok();
        }
        let database = Stack::unique("hotich");
        cluster.create_database(&database).await.unwrap();
        let role = cluster.create_replication_role(&Stack::unique("adapter")).await.unwrap();
        let mut sql = cluster.administer(&database).await.unwrap();
        sql.execute(sqlx::raw_sql(TABLES)).await.unwrap();
        let grants = format!(
            "grant connect on database {database} to {0}; grant usage on schema hotich to {0}; \
             grant select on all tables in schema hotich to {0};",
            role.name
        );
        sql.execute(sqlx::raw_sql(AssertSqlSafe(grants))).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let slot = format!("dansync_{database}");
        let mapping_file = dir.path().join("civil_status.toml");
        std::fs::write(&mapping_file, MAPPING.replace("SLOT", &slot)).unwrap();
        std::fs::create_dir(dir.path().join("codes")).unwrap();
        let config_file = dir.path().join("adapter.toml");
        let config = format!(
            "[source]\ndsn = {:?}\npassword_file = {:?}\nmapping = {:?}\ncodes = {:?}\n\
             [kafka]\nbootstrap = {:?}\ntopic_prefix = {:?}\npartitions = 3\n\
             [schema_registry]\nurl = {:?}\ncache_dir = {:?}\n{more}",
            cluster.role_dsn(&database, &role),
            role.password_file,
            mapping_file,
            dir.path().join("codes"),
            stack.kafka.bootstrap(),
            format!("{database}."),
            stack.apicurio.url(),
            dir.path().join("schema-ids"),
        );
        std::fs::write(&config_file, config).unwrap();
        Self { database, sql, config_file, mapping_file, slot, dir, log: None, seen: Vec::new() }
    }

    pub(super) fn config(&self) -> Config {
        service_runtime::config::load(&self.config_file).unwrap()
    }

    pub(super) fn kafka(&self) -> KafkaConfig {
        self.config().kafka
    }

    pub(super) fn topic(&self) -> Arc<str> {
        self.kafka().topics().source("civil_status")
    }

    pub(super) async fn run(&mut self, sql: &str) {
        in_time("a statement", self.sql.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))).await.unwrap();
    }

    pub(super) async fn number(&mut self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.sql).await.unwrap()
    }

    /// Starts an adapter in this process.
    pub(super) fn start(&self) -> Adapter {
        let (config, runtime) = (self.config(), Runtime::new(Arc::new(SystemClock)));
        let inner = runtime.clone();
        let thread = std::thread::spawn(move || {
            let tokio =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            tokio.block_on(source_adapter::run(config, inner))
        });
        Adapter { runtime, thread }
    }

    /// Starts an adapter as a process that can be killed.
    pub(super) fn spawn(&self) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "source_adapter::an_adapter_of_its_own", "--nocapture"]);
        let log = std::fs::File::create(self.dir.path().join("adapter.log")).unwrap();
        command.env(ADAPTER, &self.config_file).stdout(log.try_clone().unwrap()).stderr(log);
        Process(command.spawn().unwrap())
    }

    /// Forgets what was read and begins anew: a reader that the broker has lost meanwhile reads from the beginning again.
    pub(super) fn read_anew(&mut self) {
        self.log = None;
        self.seen.clear();
    }

    /// Reads the source's topic on, until what was seen suffices.
    pub(super) async fn until(
        &mut self,
        what: &str,
        enough: impl Fn(&[SourceMessage]) -> bool,
    ) -> Vec<SourceMessage> {
        let topic = self.topic();
        self.until_in(what, &topic, |seen| enough(&messages(seen))).await;
        messages(&self.seen)
    }

    /// The same for any topic; a world reads one topic only.
    pub(super) async fn until_in(
        &mut self,
        what: &str,
        topic: &Arc<str>,
        enough: impl Fn(&[ConsumedRecord]) -> bool,
    ) {
        let kafka = self.kafka();
        let reading = async {
            while self.log.is_none() {
                // The adapter makes the topic.
                let ends = event_log::end_offsets(&kafka, topic).await;
                if ends.is_ok() {
                    let store: Arc<dyn PositionStore> = Arc::new(FromTheBeginning);
                    let topics = vec![Arc::clone(topic)];
                    let group = Stack::unique("reader");
                    self.log = Some(
                        GroupConsumer::open(&kafka, &group, &topics, store, Limits::default()).await.unwrap(),
                    );
                }
            }
            let log = self.log.as_mut().unwrap();
            while !enough(&self.seen) {
                self.seen.extend(log.next_batch().await.unwrap().records);
            }
        };
        let result = tokio::time::timeout(PATIENCE, reading).await;
        assert!(result.is_ok(), "{what}: not after {PATIENCE:?}, {} records seen", self.seen.len());
    }

    /// Waits until a query gives true.
    pub(super) async fn until_true(&mut self, what: &str, sql: &str) {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        let waiting = async {
            while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.to_owned()))
                .fetch_one(&mut self.sql)
                .await
                .unwrap()
            {
                ticks.tick().await;
            }
        };
        in_time(what, waiting).await;
    }
}

/// An adapter as a process.
pub(super) struct Process(Child);

impl Process {
    /// SIGKILL.
    pub(super) fn kill9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended where the test killed it.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(super) fn messages(seen: &[ConsumedRecord]) -> Vec<SourceMessage> {
    let decode = |record: &ConsumedRecord| {
        let (_, body) = split_wire_header(record.payload.as_ref().unwrap()).unwrap();
        decode_source_message(body).unwrap()
    };
    seen.iter().map(decode).collect()
}

pub(super) fn records(messages: &[SourceMessage]) -> Vec<&SourceRecord> {
    messages
        .iter()
        .filter_map(|m| if let SourceMessage::Record(record) = m { Some(record) } else { None })
        .collect()
}

/// The latest version of each record; every version must be there once, and rise.
pub(super) fn latest(messages: &[SourceMessage]) -> BTreeMap<String, SourceRecord> {
    let mut latest: BTreeMap<String, SourceRecord> = BTreeMap::new();
    for record in records(messages) {
        let key = record.record_key.as_str().to_owned();
        if let Some(before) = latest.insert(key.clone(), record.clone()) {
            assert!(before.version < record.version, "{key}: {} after {}", record.version, before.version);
        }
    }
    latest
}
