//! Answers into the office's own table, on real Kafka and PostgreSQL: each once, whatever ends the writer.

use acceptance::pipeline::project;
use acceptance::stack::{Role, SharedStack, Stack, shared};
use event_log::{
    Admin, IdempotentProducer, KafkaConfig, Message as _, OutgoingRecord, Quarantined, SchemaRegistry,
    TopicSpec, put_wire_header, read_newest,
};
use registry_rules::{Answer, AnswerKind, RecordKey};
use service_runtime::{ExitClass, Runtime, SystemClock};
use source_inbox::Config;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Executor as _};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Nothing here takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at a database that cannot call back.
const LOOK: Duration = Duration::from_millis(20);
/// Names the configuration file to a process that is to be a writer.
const WRITER: &str = "DANSYNC_TEST_INBOX";

/// Every write into the inbox leaves a line: an answer that has its effect twice shows.
const WITNESS: &str = "
create table public.written (ma_ban_ghi text, loai text, truong text);
create function public.note() returns trigger language plpgsql security definer as $$ begin
    insert into public.written values (new.ma_ban_ghi, new.loai, new.truong);
    return new;
end $$;
create trigger note after insert or update on hotich.hop_thu_den for each row execute function public.note();";

/// The body of the processes that the tests kill.
#[test]
fn a_writer_of_its_own() {
    let Some(file) = std::env::var_os(WRITER) else { return };
    let config = service_runtime::config::load(file.as_ref()).unwrap();
    let runtime = Runtime::new(Arc::new(SystemClock));
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(source_inbox::run(config, runtime)).unwrap();
}

/// A writer in this process.
type Running = JoinSet<anyhow::Result<()>>;

/// An office's database with its inbox, the role that writes it, and a log of answers.
struct Office {
    stack: SharedStack,
    pool: PgPool,
    role: Role,
    kafka: KafkaConfig,
    schemas: SchemaRegistry,
    producer: IdempotentProducer,
    config_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Office {
    async fn new() -> Self {
        let stack = shared().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = Stack::unique("hotich");
        stack.agencies.create_database(&database).await.unwrap();
        let role = stack.agencies.create_role(&Stack::unique("inbox")).await.unwrap();
        let pool = PgPool::connect_with(stack.agencies.administrator_options(&database)).await.unwrap();
        let tables =
            std::fs::read_to_string(project().join("tests/fixtures/sources/civil_status.sql")).unwrap();
        sqlx::raw_sql(AssertSqlSafe(tables)).execute(&pool).await.unwrap();
        let grants = format!(
            "grant connect on database {database} to {0}; grant usage on schema hotich to {0};
             grant select, insert, update on hotich.hop_thu_den, hotich.hop_thu_vi_tri to {0};",
            role.name
        );
        sqlx::raw_sql(AssertSqlSafe(grants)).execute(&pool).await.unwrap();
        sqlx::raw_sql(WITNESS).execute(&pool).await.unwrap();
        let prefix = format!("{}.", Stack::unique("i"));
        let kafka = KafkaConfig { topic_prefix: prefix, ..KafkaConfig::new(stack.kafka.bootstrap()) };
        let cache = folder.path().join("schemas");
        let url = stack.apicurio.url().to_owned();
        let schemas = SchemaRegistry::new(&event_log::SchemaRegistryConfig { url, cache_dir: cache.clone() });
        let topic = kafka.topics().answers("civil_status");
        Admin::open(&kafka).unwrap().ensure(&[TopicSpec::answers(topic)]).await.unwrap();
        let config = format!(
            "inbox = \"{}\"\n[source]\ndsn = \"{}\"\npassword_file = \"{}\"\n\
             [kafka]\nbootstrap = \"{}\"\ntopic_prefix = \"{}\"\n[schema_registry]\nurl = \"{}\"\ncache_dir = \"{}\"\n",
            project().join("deploy/inboxes/civil_status.toml").display(),
            stack.agencies.role_dsn(&database, &role),
            role.password_file.display(),
            kafka.bootstrap,
            kafka.topic_prefix,
            stack.apicurio.url(),
            cache.display(),
        );
        let config_file = folder.path().join("inbox.toml");
        std::fs::write(&config_file, config).unwrap();
        let producer = IdempotentProducer::open(&kafka).await.unwrap();
        Self { stack, pool, role, kafka, schemas, producer, config_file, _folder: folder }
    }

    /// Publishes answers as the registry's adapter does, in this order.
    async fn answer(&self, answers: &[Answer]) {
        let (topic, schema) = (self.kafka.topics().answers("civil_status"), Answer::schema());
        let id = self.schemas.ensure_embedded(schema).await.unwrap();
        let record = |answer: &Answer| {
            let mut payload = Vec::new();
            put_wire_header(id, &mut payload);
            answer.encode(&mut payload).unwrap();
            OutgoingRecord::new(&topic, answer.record_key.as_str(), payload)
                .with_fingerprint(schema.fingerprint().unwrap())
        };
        self.producer.send(answers.iter().map(record).collect()).await.unwrap();
    }

    fn start(&self) -> (Runtime, Running) {
        let config: Config = service_runtime::config::load(&self.config_file).unwrap();
        let runtime = Runtime::new(Arc::new(SystemClock));
        let mut running = JoinSet::new();
        running.spawn(source_inbox::run(config, runtime.clone()));
        (runtime, running)
    }

    /// A writer as a process that can be killed.
    fn spawn(&self) -> Writer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "source_inbox::a_writer_of_its_own", "--nocapture"]);
        let log = std::fs::File::create(self.config_file.with_extension("log")).unwrap();
        command.env(WRITER, &self.config_file).stdout(log.try_clone().unwrap()).stderr(log);
        Writer(command.spawn().unwrap())
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    async fn run(&self, sql: &str) {
        self.pool.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }
}

struct Writer(Child);

impl Drop for Writer {
    /// SIGKILL, unless it has ended.
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn key(n: usize) -> RecordKey {
    RecordKey::try_from(format!("civil_status/birth/{n}/child")).unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOK);
    let waiting = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"));
}

/// Its outcome.
async fn end(mut running: Running) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, running.join_next()).await.expect("the writer ends").unwrap().unwrap()
}

async fn stop(runtime: &Runtime, running: Running) {
    runtime.drain.request();
    end(running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_answer_reads_as_the_office_keeps_it() {
    let office = Office::new().await;
    let (runtime, running) = office.start();
    let mut rejected = Answer::rejected(key(5), "bad_date:con_ngay_sinh");
    rejected.record_key = RecordKey::try_from("civil_status/birth/5/*".to_owned()).unwrap();
    office
        .answer(&[
            Answer::new(key(1), AnswerKind::Accepted),
            Answer { pin: Some("001326000017".to_owned()), ..Answer::new(key(1), AnswerKind::PinIssued) },
            Answer {
                detail: Some("a-case".to_owned()),
                deadline: Some("2026-12-04".parse().unwrap()),
                ..Answer::new(key(2), AnswerKind::Held)
            },
            Answer {
                detail: Some("a-decision".to_owned()),
                field: Some("npd.date_of_birth".to_owned()),
                value: Some("2026-01-02".to_owned()),
                reason: Some("residence/person/R/resident".to_owned()),
                ..Answer::new(key(2), AnswerKind::Decided)
            },
            rejected,
            // The same again, saying something else: the newer one stands.
            Answer { pin: Some("001326000018".to_owned()), ..Answer::new(key(1), AnswerKind::PinIssued) },
        ])
        .await;
    until("all answers", async || office.count("select count(*) from hotich.hop_thu_den").await == 5).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select concat_ws('|', ma_ban_ghi, loai, truong, so_dinh_danh, ma_ho_so, han_xu_ly, gia_tri, ly_do, cach_xu_ly)
         from hotich.hop_thu_den order by 1",
    )
    .fetch_all(&office.pool)
    .await
    .unwrap();
    assert_eq!(
        rows,
        [
            "civil_status/birth/1/child|accepted|",
            "civil_status/birth/1/child|pin_issued||001326000018",
            "civil_status/birth/2/child|decided|npd.date_of_birth|a-decision|2026-01-02|residence/person/R/resident",
            "civil_status/birth/2/child|held||a-case|2026-12-04",
            "civil_status/birth/5/*|rejected|con_ngay_sinh|Ngày không đúng dạng|Sửa cột đã nêu rồi lưu lại; dòng sẽ được đọc lại",
        ]
    );
    let page = runtime.metrics.render();
    assert!(
        page.contains("dansync_inbox_answers_total{outcome=\"rejected\",source=\"civil_status\"} 1\n"),
        "{page}"
    );
    stop(&runtime, running).await;
    // Nothing of it is captured as the office's own.
    let captured = "select count(*) from pg_publication_tables where tablename like 'hop_thu%'";
    assert_eq!(office.count(captured).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_writes_each_answer_once() {
    const ANSWERS: usize = 6_000;
    let office = Office::new().await;
    let answers: Vec<_> = (0..ANSWERS).map(|n| Answer::new(key(n), AnswerKind::Accepted)).collect();
    let mut killed = 0;
    let mut writer = office.spawn();
    for part in answers.chunks(ANSWERS / 4) {
        office.answer(part).await;
        let before = office.count("select count(*) from public.written").await;
        until("some of them", async || office.count("select count(*) from public.written").await > before)
            .await;
        // Under way: some are written, others are not.
        drop(writer);
        killed += 1;
        writer = office.spawn();
    }
    let standby = office.spawn();
    let all = i64::try_from(ANSWERS).unwrap();
    until("all of them", async || office.count("select count(*) from hotich.hop_thu_den").await == all).await;
    assert_eq!(killed, 4);
    assert_eq!(office.count("select count(*) from public.written").await, all, "each has its effect once");
    drop((writer, standby));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for_and_a_refused_answer_holds_up_nobody() {
    let office = Office::new().await;
    office.run("alter table hotich.hop_thu_den add constraint picky check (ma_ho_so <> 'too much')").await;
    let (runtime, running) = office.start();
    office.answer(&[Answer::new(key(1), AnswerKind::Accepted)]).await;
    until("the first", async || office.count("select count(*) from hotich.hop_thu_den").await == 1).await;
    let name = &office.role.name;
    office.run(&format!("alter role {name} nologin")).await;
    office
        .run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'"))
        .await;
    let refused = Answer { detail: Some("too much".to_owned()), ..Answer::new(key(2), AnswerKind::Held) };
    office.answer(&[refused, Answer::new(key(3), AnswerKind::Accepted)]).await;
    until("the writer to say so", async || !runtime.readiness.is_ready()).await;
    office.run(&format!("alter role {name} login")).await;
    until("the one after the refused one", async || {
        office.count("select count(*) from hotich.hop_thu_den where ma_ban_ghi like '%/3/%'").await == 1
    })
    .await;
    assert_eq!(office.count("select count(*) from hotich.hop_thu_den").await, 2);
    until("the writer to be ready", async || runtime.readiness.is_ready()).await;
    let aside = read_newest(&office.kafka, &office.kafka.topics().quarantine()).await.unwrap();
    let aside: Vec<_> = aside.values().map(|record| Quarantined::from_record(record).unwrap()).collect();
    let [one] = aside.as_slice() else { panic!("{} were kept aside", aside.len()) };
    assert_eq!((one.row_key.as_str(), one.stage.as_str()), ("civil_status/birth/2", "inbox"));
    assert_eq!(one.reasons, ["sqlstate_23514"]);
    stop(&runtime, running).await;
    assert!(office.stack.kafka.bootstrap().contains(':'));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_cannot_be_written_or_would_be_captured_is_refused() {
    let office = Office::new().await;
    let refusal = async || {
        let (_, running) = office.start();
        let error = end(running).await.unwrap_err();
        assert_eq!(ExitClass::code_of(&error), 78, "{error:#}");
        format!("{error:#}")
    };
    office.run("alter publication dansync add table hotich.hop_thu_den").await;
    assert!(refusal().await.contains("alter publication dansync drop table hotich.hop_thu_den"));
    office.run("alter publication dansync drop table hotich.hop_thu_den").await;
    office.run(&format!("revoke update on hotich.hop_thu_vi_tri from {}", office.role.name)).await;
    assert!(
        refusal().await.contains("select, insert, update on hotich.hop_thu_den and hotich.hop_thu_vi_tri")
    );
    office.run(&format!("grant update on hotich.hop_thu_vi_tri to {}", office.role.name)).await;
    office.run("alter table hotich.hop_thu_den rename column ly_do to ly_do_khac").await;
    assert!(refusal().await.contains("ly_do"));
}
