//! From person images to topics and sector databases: real Kafka, registry and PostgreSQL, dispatchers in this process.

mod broken;
mod drift;
mod holders;

use acceptance::stack::{Role, SharedStack, Stack, shared};
use chrono::{NaiveDate, TimeZone, Utc};
use dispatcher::{AgreementStatus, Config};
use event_log::{
    Admin, ControlEvent, IdempotentProducer, KafkaConfig, Message, OutgoingRecord, SchemaRegistry, TopicSpec,
    header_names, put_wire_header, read_compacted,
};
use registry_rules::{
    AgreementState, FieldCatalogue, FieldState, FieldValue, Lifecycle, PersonId, PersonImage, PinStanding,
    PinState, StandingField, Version, payload_hash,
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
const SECTORS: [(&str, &str, &str); 3] = [
    ("education", "giao_duc.hoc_sinh", "ma_tham_chieu"),
    ("health_province", "y_te_tinh.nguoi_cao_tuoi", "ref"),
    ("vss_insurance", "bhxh.nguoi_tham_gia", "ref"),
];

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/"))
        .ancestors()
        .find(|folder| folder.join("schemas/agreements").is_dir())
        .unwrap()
        .to_owned()
}

fn catalogue() -> FieldCatalogue {
    dispatcher::catalogue().unwrap()
}

/// Everything around the dispatchers of one test.
struct Bench {
    stack: SharedStack,
    kafka: KafkaConfig,
    schemas: SchemaRegistry,
    producer: IdempotentProducer,
    /// As the owner of the disclosure database.
    owner: PgPool,
    sectors: BTreeMap<&'static str, PgPool>,
    config: String,
    clock: Arc<ManualClock>,
    position: u64,
    running: JoinSet<anyhow::Result<()>>,
    drains: Vec<Drain>,
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
    async fn with_agreements() -> Self {
        let bench = Self::new().await;
        let (folder, catalogue) = (root().join("schemas/agreements"), catalogue());
        for name in dispatcher::import_agreements(&bench.owner, &folder, &catalogue).await.unwrap() {
            dispatcher::activate(&bench.owner, &name, None, "test", &catalogue).await.unwrap();
        }
        bench
    }

    fn start(&mut self) -> Runtime {
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
    async fn stop(mut self) {
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

    async fn person(&mut self, image: &PersonImage) {
        let topic = self.kafka.topics().registry_person();
        self.send(topic, &image.person_id.to_string(), image).await;
    }

    async fn open_day(&mut self, date: &str) {
        let event = ControlEvent::DayOpened { date: day(date) };
        let topic = self.kafka.topics().control();
        self.send(topic, event.key(), &event).await;
    }

    /// Waits until the dispatchers have applied all that was sent and nothing waits to be delivered or compared.
    async fn quiet(&self) {
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

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.owner).await.unwrap()
    }

    async fn sector_refs(&self, agreement: &str) -> BTreeSet<String> {
        let (_, table, column) = SECTORS.into_iter().find(|(name, ..)| *name == agreement).unwrap();
        let sql = AssertSqlSafe(format!("select {column} from {table}"));
        sqlx::query_scalar(sql).fetch_all(&self.sectors[agreement]).await.unwrap().into_iter().collect()
    }

    async fn status(&self) -> BTreeMap<String, AgreementStatus> {
        let all = dispatcher::agreement_status(&self.owner, &self.schemas).await.unwrap();
        all.into_iter().map(|one| (one.agreement.clone(), one)).collect()
    }

    /// Holdings, sector rows, population and ledger say the same.
    async fn adds_up(&self) {
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

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
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
fn someone(n: u128, born: &str) -> PersonImage {
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

fn with(image: &PersonImage, field: &str, value: FieldValue) -> PersonImage {
    let mut image = image.clone();
    image.fields.insert(field.parse().unwrap(), standing(value));
    image
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sector_gets_its_own_fields_and_no_others() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    let (pupil, elder) = (someone(1, "2015-03-04"), someone(2, "1950"));
    bench.person(&pupil).await;
    bench.person(&elder).await;
    bench.quiet().await;
    bench.adds_up().await;
    let sizes: Vec<_> = {
        let status = bench.status().await;
        SECTORS.map(|(name, ..)| status[name].population).to_vec()
    };
    assert_eq!(sizes, [1, 1, 2]);

    let (name, relatives, code): (String, String, String) =
        sqlx::query_as("select ho_va_ten, than_nhan_ho_ten, gioi_tinh from giao_duc.hoc_sinh")
            .fetch_one(&bench.sectors["education"])
            .await
            .unwrap();
    assert_eq!((name.as_str(), relatives.as_str(), code.as_str()), ("name-1", r#"["mother-1"]"#, "Nữ"));
    // A token stands in a topic only if the agreement names its field.
    for (agreement, allowed, denied) in [
        (
            "education",
            vec!["name-1", "mother-1", "home-detail-1"],
            vec!["given-1", "pin-1", "religion-1", "motherpin-1"],
        ),
        ("health_province", vec!["name-2", "pin-2"], vec!["religion-2", "mother-2", "name-1"]),
        ("vss_insurance", vec!["name-1", "name-2", "pin-1"], vec!["religion-1", "mother-1"]),
    ] {
        let topic = bench.kafka.topics().out(agreement, 1);
        let records = read_compacted(&bench.kafka, &topic).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all: String = records.iter().map(|(key, value)| text(key) + &text(value)).collect();
        assert!(allowed.iter().all(|token| all.contains(token)), "{agreement}");
        assert!(!denied.iter().any(|token| all.contains(token)), "{agreement}");
        assert!(!all.contains(&pupil.person_id.to_string()), "{agreement}: no internal id leaves");
    }
    let (a, b) = (bench.sector_refs("education").await, bench.sector_refs("vss_insurance").await);
    assert!(a.is_disjoint(&b), "references of two agreements have nothing in common");

    // Nothing is sent when only unpermitted fields change.
    let before = bench.count("select count(*) from ledger_entry").await;
    bench.person(&with(&pupil, "religion", FieldValue::Text("other".into()))).await;
    bench.quiet().await;
    assert_eq!(bench.count("select count(*) from ledger_entry").await, before);

    let mut dead = with(&elder, "death_or_missing", FieldValue::parts([("date", "2025-01-01".to_owned())]));
    dead.lifecycle = Lifecycle::Deceased;
    bench.person(&dead).await;
    bench.quiet().await;
    bench.adds_up().await;
    assert!(bench.sector_refs("health_province").await.is_empty(), "long dead: out of the population");
    let left = read_compacted(&bench.kafka, &bench.kafka.topics().out("health_province", 1)).await.unwrap();
    assert_eq!(left.keys().filter(|key| key.len() == 32).count(), 0, "the tombstone took the record");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_entry_proves_what_went_out() {
    let mut bench = Bench::with_agreements().await;
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "2015-03-04")).await;
    // No lane takes the payload away: the sectors are unknown to this instance, and Kafka's lanes are held by another.
    bench.config = bench.config.split("[sectors.").next().unwrap().to_owned();
    sqlx::query(
        "insert into lane (agreement, mode, owner, epoch, expires_at)
                 select agreement, 'topic', gen_random_uuid(), 1, 'infinity' from agreement_state",
    )
    .execute(&bench.owner)
    .await
    .unwrap();
    bench.start();
    wait_until("deliveries", async || bench.count("select count(*) from delivery").await == 4).await;
    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select bytes, salt, payload from ledger_entry join delivery using (ref, mode, release_no)",
    )
    .fetch_all(&bench.owner)
    .await
    .unwrap();
    assert_eq!(rows.len(), 4);
    for (bytes, salt, payload) in rows {
        let entry = String::from_utf8(bytes).unwrap();
        let hash = payload_hash(&salt.try_into().unwrap(), &payload);
        let hash = hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert!(entry.starts_with("dansync-ledger/1\n") && entry.contains(&format!("64:{hash},")));
        assert!(!entry.contains("name-1") && !entry.contains("pin-1"), "names of fields, never values");
    }
    for statement in
        ["update ledger_entry set salt = ''", "delete from ledger_entry", "truncate ledger_entry"]
    {
        assert!(sqlx::query(statement).execute(&bench.owner).await.is_err(), "{statement}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enters_by_turning_sixty() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "1966-05-02")).await;
    bench.quiet().await;
    assert!(bench.sector_refs("health_province").await.is_empty());
    bench.open_day("2026-04-01").await;
    bench.open_day("2026-05-02").await;
    wait_until("the birthday", async || bench.sector_refs("health_province").await.len() == 1).await;
    bench.quiet().await;
    bench.adds_up().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_a_leave_and_a_record_that_names_it() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    let (one, two) = (someone(1, "2015-03-04"), someone(2, "2015-03-04"));
    bench.person(&one).await;
    bench.person(&two).await;
    bench.quiet().await;
    let refs = bench.sector_refs("education").await;
    let survivor = PersonImage { absorbed: vec![two.person_id], ..one.clone() };
    let absorbed =
        PersonImage { lifecycle: Lifecycle::Merged, merged_into: Some(one.person_id), ..two.clone() };
    bench.person(&survivor).await;
    bench.person(&absorbed).await;
    bench.quiet().await;
    bench.adds_up().await;
    let left = bench.sector_refs("education").await;
    assert!(left.len() == 1 && left.is_subset(&refs));
    let reasons: Vec<Vec<u8>> = sqlx::query_scalar(
        "select l.bytes from ledger_entry l join delivery d using (ref, mode, release_no)
                            where d.event = 'left' and d.agreement = 'education'",
    )
    .fetch_all(&bench.owner)
    .await
    .unwrap();
    assert_eq!(reasons.len(), 2, "one for each mode");
    assert!(reasons.iter().all(|bytes| String::from_utf8_lossy(bytes).contains("6:merged,")));
    let topic = bench.kafka.topics().out("education", 1);
    let records = read_compacted(&bench.kafka, &topic).await.unwrap();
    let gone = refs.difference(&left).next().unwrap();
    let kept = &records[left.first().unwrap().as_bytes()];
    assert!(String::from_utf8_lossy(kept).contains(&format!("[\"{gone}\"]")), "meta_absorbed names it");

    // A split is the same backwards.
    bench.person(&one).await;
    bench.person(&two).await;
    bench.quiet().await;
    bench.adds_up().await;
    assert_eq!(bench.sector_refs("education").await, refs);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sector_slows_nobody_and_a_refused_row_parks_one_person() {
    let mut bench = Bench::with_agreements().await;
    let living = bench.config.clone();
    let port = format!(":{}/", bench.stack.sectors.port());
    let (before, after) = bench.config.split_once("[sectors.health_province]").unwrap();
    // Nobody listens on port 1.
    bench.config = format!("{before}[sectors.health_province]{}", after.replacen(&port, ":1/", 1));
    let runtime = bench.start();
    sqlx::query("alter table bhxh.nguoi_tham_gia add constraint picky check (ho_ten <> 'name-3')")
        .execute(&bench.sectors["vss_insurance"])
        .await
        .unwrap();
    bench.open_day("2026-05-01").await;
    for n in 1..=9 {
        bench.person(&someone(n, "1950-01-01")).await;
    }
    wait_until("the others", async || bench.sector_refs("vss_insurance").await.len() == 8).await;
    let parked = "select count(*) from delivery where parked = 'sqlstate_23514' and settled_at is null";
    wait_until("the refused one", async || bench.count(parked).await == 1).await;
    assert!(bench.sector_refs("health_province").await.is_empty());
    wait_until("the lane to say so", async || {
        runtime.metrics.render().contains("dansync_subscriber_up{subscriber=\"health_province\"} 0")
    })
    .await;

    // A newer release of the refused person is tried at once; the sector comes back on another instance.
    bench.config = living;
    bench
        .person(&with(&someone(3, "1950-01-01"), "birth_name", FieldValue::parts([("full", "fit".into())])))
        .await;
    wait_until("the newer one", async || bench.sector_refs("vss_insurance").await.len() == 9).await;
    bench.drains[0].request();
    bench.start();
    wait_until("the sector", async || bench.sector_refs("health_province").await.len() == 9).await;
    bench.quiet().await;
    bench.adds_up().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_take_over_from_each_other_without_loss_or_repetition() {
    let mut bench = Bench::with_agreements().await;
    bench.open_day("2026-05-01").await;
    bench.start();
    let people: Vec<_> =
        (1..=300).map(|n| someone(n, if n % 2 == 0 { "1950-01-01" } else { "2015-01-01" })).collect();
    for person in &people {
        bench.person(person).await;
    }
    wait_until("work under way", async || bench.count("select count(*) from delivery").await > 100).await;
    // The first is cut off where it stands, as if the machine had been switched off.
    bench.running.abort_all();
    bench.drains.clear();
    while bench.running.join_next().await.is_some() {}
    sqlx::query("update lane set expires_at = '-infinity'").execute(&bench.owner).await.unwrap();
    bench.start();
    bench.start();
    for person in &people {
        bench
            .person(&with(
                person,
                "birth_name",
                FieldValue::parts([("full", format!("again-{}", person.person_id))]),
            ))
            .await;
    }
    bench.quiet().await;
    bench.adds_up().await;
    let fresh: i64 =
        sqlx::query_scalar("select count(*) from bhxh.nguoi_tham_gia where ho_ten like 'again-%'")
            .fetch_one(&bench.sectors["vss_insurance"])
            .await
            .unwrap();
    assert_eq!(fresh, 300);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sector_loses_the_right_to_a_field() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    for n in 1..=20 {
        bench.person(&someone(n, "2015-01-01")).await;
    }
    bench.quiet().await;
    let file = std::fs::read_to_string(root().join("schemas/agreements/education.toml")).unwrap();
    let changed = file.replace("    \"npd.birth_name.full\",\n", "");
    let refused = disclosure_store::import_agreement(&bench.owner, &changed, &catalogue()).await;
    assert!(refused.is_err(), "a version never changes");
    let narrower = changed.replace("version = 1", "version = 2");
    disclosure_store::import_agreement(&bench.owner, &narrower, &catalogue()).await.unwrap();
    let row = dispatcher::activate(&bench.owner, "education", None, "test", &catalogue()).await.unwrap();
    assert_eq!((row.version, row.generation), (2, 2));
    wait_until("the new generation to be complete", async || {
        let done = "select count(*) from backfill where agreement = 'education' and generation = 2 and completed_at is not null";
        bench.count(done).await == 1
    })
    .await;
    bench.quiet().await;
    bench.adds_up().await;
    let names: i64 = sqlx::query_scalar("select count(ho_va_ten) from giao_duc.hoc_sinh")
        .fetch_one(&bench.sectors["education"])
        .await
        .unwrap();
    assert_eq!(names, 0, "what was given is taken back");
    let topics = bench.kafka.topics();
    let records = read_compacted(&bench.kafka, &topics.out("education", 2)).await.unwrap();
    assert_eq!(records.len(), 21, "20 persons and the record that closes the filling");
    assert!(!records.values().any(|value| String::from_utf8_lossy(value).contains("name-")));
    let admin = Admin::open(&bench.kafka).unwrap();
    wait_until("the old topic to go", async || {
        admin.partition_count(&topics.out("education", 1)).await.unwrap() == 0
    })
    .await;

    dispatcher::step(&bench.owner, "education", AgreementState::Ended, "test", &catalogue()).await.unwrap();
    wait_until("everybody to leave", async || bench.sector_refs("education").await.is_empty()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_stops_what_the_plain_rows_do_not_permit() {
    let mut bench = Bench::with_agreements().await;
    // As if the compiled agreement permitted more than was signed.
    sqlx::raw_sql(
        "alter table agreement_field disable trigger insert_only;
         delete from agreement_field where agreement = 'education' and field = 'npd.sex';
         alter table agreement_field enable trigger insert_only;",
    )
    .execute(&bench.owner)
    .await
    .unwrap();
    let runtime = bench.start();
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "2015-01-01")).await;
    wait_until("the guard", async || {
        bench.count("select count(*) from delivery where parked = 'guard'").await == 2
    })
    .await;
    bench.quiet().await;
    assert!(bench.sector_refs("education").await.is_empty());
    assert_eq!(bench.sector_refs("vss_insurance").await.len(), 1);
    let metrics = runtime.metrics.render();
    assert!(metrics.contains("dansync_disclosure_guard_violations_total{subscriber=\"education\"} 2"));
    assert!(metrics.contains("dansync_disclosure_guard_violations_total{subscriber=\"vss_insurance\"} 0"));
    bench.stop().await;
}
