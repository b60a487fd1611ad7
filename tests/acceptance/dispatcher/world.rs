//! What the dispatcher's tests stand in: topics, a disclosure database and three sectors of their own, dispatchers in this process.

use acceptance::stack::{Role, SharedStack, Stack, shared};
use chrono::{NaiveDate, TimeZone, Utc};
use dispatcher::{AgreementStatus, Config};
use event_log::{
    Admin, ControlEvent, IdempotentProducer, KafkaConfig, Message, OutgoingRecord, SchemaRegistry, TopicSpec,
    header_names, put_wire_header,
};
use registry_rules::{
    FieldCatalogue, FieldState, FieldValue, Lifecycle, PersonId, PersonImage, PinStanding, PinState,
    StandingField, Version,
};
use service_runtime::{Drain, ManualClock, Runtime};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Nothing here takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at a database that cannot call back.
const LOOK: Duration = Duration::from_millis(20);
pub(super) const SECTORS: [(&str, &str, &str); 3] = [
    ("education", "giao_duc.hoc_sinh", "ma_tham_chieu"),
    ("health_province", "y_te_tinh.nguoi_cao_tuoi", "ref"),
    ("vss_insurance", "bhxh.nguoi_tham_gia", "ref"),
];

pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/"))
        .ancestors()
        .find(|folder| folder.join("schemas/agreements").is_dir())
        .unwrap()
        .to_owned()
}

pub(super) fn catalogue() -> FieldCatalogue {
    dispatcher::catalogue().unwrap()
}

/// Everything around the dispatchers of one test.
pub(super) struct Bench {
    pub(super) stack: SharedStack,
    pub(super) kafka: KafkaConfig,
    schemas: SchemaRegistry,
    producer: IdempotentProducer,
    /// As the owner of the disclosure database.
    pub(super) owner: PgPool,
    pub(super) sectors: BTreeMap<&'static str, PgPool>,
    pub(super) config: String,
    clock: Arc<ManualClock>,
    position: u64,
    pub(super) running: JoinSet<anyhow::Result<()>>,
    pub(super) drains: Vec<Drain>,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let stack = shared().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let prefix = format!("{}.", Stack::unique("d"));
        let kafka =
            KafkaConfig { topic_prefix: prefix, partitions: 4, ..KafkaConfig::new(stack.kafka.bootstrap()) };
        let schemas = SchemaRegistry::new(&event_log::SchemaRegistryConfig {
            url: stack.apicurio.url().to_owned(),
            cache_dir: folder.path().join("schemas"),
        });
        let (owner, role, database) = disclosure(&stack).await;
        let master = folder.path().join("master");
        std::fs::write(&master, "5a".repeat(32)).unwrap();
        std::fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut config = format!(
            "[kafka]\nbootstrap = \"{}\"\ntopic_prefix = \"{}\"\npartitions = 4\n\
             [schema_registry]\nurl = \"{}\"\ncache_dir = \"{}\"\n\
             [disclosure]\ndsn = \"{}\"\npassword_file = \"{}\"\n[keys]\nmaster = \"{}\"\n",
            kafka.bootstrap,
            kafka.topic_prefix,
            stack.apicurio.url(),
            folder.path().join("schemas").display(),
            stack.registry.role_dsn(&database, &role),
            role.password_file.display(),
            master.display(),
        );
        let mut sectors = BTreeMap::new();
        for (agreement, ..) in SECTORS {
            let (pool, lines) = sector(&stack, agreement).await;
            sectors.insert(agreement, pool);
            config.push_str(&lines);
        }
        let producer = IdempotentProducer::open(&kafka).await.unwrap();
        let topics = kafka.topics();
        let specs = [TopicSpec::state(topics.registry_person()), TopicSpec::control(topics.control())];
        Admin::open(&kafka).unwrap().ensure(&specs).await.unwrap();
        let noon = Utc.with_ymd_and_hms(2026, 5, 1, 5, 0, 0).unwrap();
        let clock = Arc::new(ManualClock::new(noon));
        let (running, drains) = (JoinSet::new(), Vec::new());
        Self {
            stack,
            kafka,
            schemas,
            producer,
            owner,
            sectors,
            config,
            clock,
            position: 0,
            running,
            drains,
            folder,
        }
    }

    /// With the filed agreements in force.
    pub(super) async fn with_agreements() -> Self {
        let bench = Self::new().await;
        let (folder, catalogue) = (root().join("schemas/agreements"), catalogue());
        for name in dispatcher::import_agreements(&bench.owner, &folder, &catalogue).await.unwrap() {
            dispatcher::activate(&bench.owner, &name, None, "test", &catalogue).await.unwrap();
        }
        bench
    }

    pub(super) fn start(&mut self) -> Runtime {
        let path = self.folder.path().join("dispatcher.toml");
        std::fs::write(&path, &self.config).unwrap();
        let none = BTreeMap::new();
        let config: Config = service_runtime::config::load_with_environment(&path, none).unwrap().config;
        let runtime = Runtime::new(Arc::clone(&self.clock) as _);
        self.drains.push(runtime.drain.clone());
        self.running.spawn(dispatcher::run(config, runtime.clone()));
        runtime
    }

    /// Ends all instances in order; none had an error.
    pub(super) async fn stop(mut self) {
        for drain in &self.drains {
            drain.request();
        }
        while let Some(ended) = in_time("draining", self.running.join_next()).await {
            ended.unwrap().unwrap();
        }
    }

    async fn send<M: Message>(&mut self, topic: Arc<str>, key: &str, message: &M) {
        self.position += 1;
        let version = Version { epoch: 1, position: self.position, ordinal: 0 };
        let schema = M::schema();
        let mut payload = Vec::new();
        put_wire_header(self.schemas.ensure_embedded(schema).await.unwrap(), &mut payload);
        message.encode(&mut payload).unwrap();
        let record = OutgoingRecord::new(&topic, key, payload)
            .with_fingerprint(schema.fingerprint().unwrap())
            .with_header(header_names::VERSION, version.to_string());
        self.producer.send(vec![record]).await.unwrap();
    }

    pub(super) async fn person(&mut self, image: &PersonImage) {
        let topic = self.kafka.topics().registry_person();
        self.send(topic, &image.person_id.to_string(), image).await;
    }

    pub(super) async fn open_day(&mut self, date: &str) {
        let event = ControlEvent::DayOpened { date: day(date) };
        let topic = self.kafka.topics().control();
        self.send(topic, event.key(), &event).await;
    }

    /// Waits until the dispatchers have applied all that was sent and nothing waits to be delivered or compared.
    pub(super) async fn quiet(&self) {
        let ends = |topic: Arc<str>| async move {
            let ends = event_log::end_offsets(&self.kafka, &topic).await.unwrap();
            ends.into_iter().map(move |(p, end)| (topic.to_string(), p, end)).collect::<Vec<_>>()
        };
        let topics = self.kafka.topics();
        let mut wanted = ends(topics.registry_person()).await;
        wanted.extend(ends(topics.control()).await);
        wanted.retain(|(_, _, end)| *end > 0);
        wait_until("everything to be applied and sent", async || {
            for (topic, partition, end) in &wanted {
                let at: Option<i64> = sqlx::query_scalar(
                    "select next_offset from consumer_position where topic = $1 and partition = $2",
                )
                .bind(topic)
                .bind(partition)
                .fetch_optional(&self.owner)
                .await
                .unwrap()
                .flatten();
                if at < Some(*end) {
                    return false;
                }
            }
            self.count(
                "select (select count(*) from delivery where settled_at is null and parked is null)
                      + (select count(*) from backfill where finished_at is null)
                      + (select count(*) from holding where next_review_on <= (select business_date from business_day))",
            )
            .await
                == 0
        })
        .await;
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.owner).await.unwrap()
    }

    pub(super) async fn sector_refs(&self, agreement: &str) -> BTreeSet<String> {
        let (_, table, column) = SECTORS.into_iter().find(|(name, ..)| *name == agreement).unwrap();
        let sql = AssertSqlSafe(format!("select {column} from {table}"));
        sqlx::query_scalar(sql).fetch_all(&self.sectors[agreement]).await.unwrap().into_iter().collect()
    }

    pub(super) async fn status(&self) -> BTreeMap<String, AgreementStatus> {
        let all = dispatcher::agreement_status(&self.owner, &self.schemas).await.unwrap();
        all.into_iter().map(|one| (one.agreement.clone(), one)).collect()
    }

    /// Holdings, sector rows, population and ledger say the same.
    pub(super) async fn adds_up(&self) {
        let status = self.status().await;
        for (agreement, ..) in SECTORS {
            let rows = self.sector_refs(agreement).await;
            let one = &status[agreement];
            assert_eq!(one.authorised, one.delivered + one.superseded + one.withdrawn, "{agreement}");
            assert_eq!(one.population, rows.len() as u64, "{agreement}");
            let held: i64 =
                sqlx::query_scalar("select count(*) from holding where agreement = $1 and member")
                    .bind(agreement)
                    .fetch_one(&self.owner)
                    .await
                    .unwrap();
            assert_eq!(held.unsigned_abs(), rows.len() as u64, "{agreement}");
        }
        let entries = self.count("select count(*) from ledger_entry").await;
        assert_eq!(entries, self.count("select count(*) from delivery").await);
        assert_eq!(
            self.count("select count(*) from delivery where payload is not null and outcome is not null")
                .await,
            0
        );
    }
}

async fn disclosure(stack: &Stack) -> (PgPool, Role, String) {
    let database = Stack::unique("disclosure");
    stack.registry.create_database(&database).await.unwrap();
    let role = stack.registry.create_role(&Stack::unique("dispatcher")).await.unwrap();
    let options = stack.registry.administrator_options(&database);
    let owner = PgPoolOptions::new().max_connections(3).connect_with(options).await.unwrap();
    owner
        .execute(AssertSqlSafe(format!("grant connect on database {database} to {}", role.name)))
        .await
        .unwrap();
    dispatcher::migrate(&owner, &role.name).await.unwrap();
    (owner, role, database)
}

/// A sector's database with its tables and a writer that may write the mapped columns only.
async fn sector(stack: &Stack, agreement: &str) -> (PgPool, String) {
    let database = Stack::unique(agreement);
    stack.sectors.create_database(&database).await.unwrap();
    let role = stack.sectors.create_role(&Stack::unique("writer")).await.unwrap();
    let options = stack.sectors.administrator_options(&database);
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let tables = root().join(format!("tests/fixtures/sectors/{agreement}.sql"));
    sqlx::raw_sql(AssertSqlSafe(std::fs::read_to_string(tables).unwrap())).execute(&pool).await.unwrap();
    let mapping_file = root().join(format!("deploy/sectors/{agreement}.toml"));
    let mapping = dispatcher::SectorMapping::parse(&std::fs::read_to_string(&mapping_file).unwrap()).unwrap();
    let columns: Vec<_> = mapping.columns.values().map(|c| c.column.as_str()).collect();
    let (columns, name) = (columns.join(", "), &role.name);
    let (table, guard, key) = (&mapping.table, &mapping.guard, &mapping.ref_column);
    let schema = table.split('.').next().unwrap();
    let grants = format!(
        "grant connect on database {database} to {name}; grant usage on schema {schema} to {name};
         grant select, insert, update, delete on {guard} to {name}; grant select, delete on {table} to {name};
         grant insert ({key}, {columns}), update ({key}, {columns}) on {table} to {name};"
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&pool).await.unwrap();
    let lines = format!(
        "[sectors.{agreement}]\nmapping = \"{}\"\ndsn = \"{}\"\npassword_file = \"{}\"\n",
        mapping_file.display(),
        stack.sectors.role_dsn(&database, &role),
        role.password_file.display(),
    );
    (pool, lines)
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

pub(super) async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOK);
    in_time(what, async {
        loop {
            looks.tick().await;
            if holds().await {
                return;
            }
        }
    })
    .await;
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A synthetic person living in Hồ Chí Minh City, whose every value says whose it is.
pub(super) fn someone(n: u128, born: &str) -> PersonImage {
    let token = |what: &str| format!("{what}-{n}");
    let address = |part: &str| {
        FieldValue::parts([
            ("province", "province_2025:79".to_owned()),
            ("commune", token(&format!("{part}-commune"))),
            ("detail", token(&format!("{part}-detail"))),
        ])
    };
    let relative = FieldValue::parts([
        ("relation", "relation:mother".to_owned()),
        ("name", token("mother")),
        ("pin", token("motherpin")),
    ]);
    let fields = [
        ("birth_name", FieldValue::parts([("full", token("name")), ("given", token("given"))])),
        ("date_of_birth", FieldValue::Text(born.to_owned())),
        ("sex", FieldValue::Text("sex:2".to_owned())),
        ("pin", FieldValue::Text(token("pin"))),
        ("religion", FieldValue::Text(token("religion"))),
        ("permanent_residence", address("home")),
        ("relatives", FieldValue::List(vec![relative])),
    ];
    PersonImage {
        person_id: PersonId::from_u128(n),
        version: 1,
        lifecycle: Lifecycle::Active,
        merged_into: None,
        absorbed: vec![],
        countable: true,
        pins: vec![PinState { value: token("pin"), state: PinStanding::Current }],
        fields: fields.into_iter().map(|(name, value)| (name.parse().unwrap(), standing(value))).collect(),
        business_date: day("2026-05-01"),
    }
}

fn standing(value: FieldValue) -> StandingField {
    StandingField { value, state: FieldState::SoleSource, record_key: None, rule: "test/0".to_owned() }
}

pub(super) fn with(image: &PersonImage, field: &str, value: FieldValue) -> PersonImage {
    let mut image = image.clone();
    image.fields.insert(field.parse().unwrap(), standing(value));
    image
}
