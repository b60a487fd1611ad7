//! A running reconciler shows what waits in its registry.

use super::world::{Make, SOURCES, World, settle};
use acceptance::stack::Stack;
use event_log::{RowMarker, SourceMessage, Topics};
use reconciler::{Body, Config, Incoming, IncomingMessage};
use registry_rules::{RowKey, Version};
use service_runtime::{Runtime, SystemClock};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Nothing here takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks at a page.
const LOOK: Duration = Duration::from_millis(50);

/// A row that its adapter could not read, at a position.
fn marker(key: &str, position: u64, reason: &str) -> SourceMessage {
    SourceMessage::Marker(RowMarker {
        row_key: RowKey::new("civil_status", "birth", key).unwrap(),
        version: Version { epoch: 1, position, ordinal: 0 },
        reasons: vec![format!("{reason}:column")],
        mapping_version: 1,
    })
}

/// Two rows in quarantine, one that was read again since, a message that is none, and a case.
async fn trouble(world: &mut World, reconciler: &reconciler::Reconciler) {
    world.go_live(reconciler).await;
    let said = [marker("1", 200, "bad_date"), marker("2", 200, "bad_date"), marker("3", 200, "bad_pin")];
    let batch = world.batch(said);
    world.apply(reconciler, &batch).await;
    let pin = "001085000001";
    let register = Make::new("identity", "pin", pin, "holder").pin(pin).name("Lê Hòa").born("1985-02-03");
    let healed = Make::new("civil_status", "birth", "3", "child").name("Lê Na").at(300);
    let stranger = Make::new("residence", "person", "9", "resident").person("9").pin(pin);
    world.say(reconciler, [register, healed, stranger.name("Phạm Khánh").born("1960-01-01")]).await;
    world.offset += 1;
    let topic = world.topics.source("identity");
    let message = IncomingMessage {
        topic,
        source: "identity".into(),
        partition: 0,
        offset: world.offset,
        received_at: chrono::Utc::now(),
        body: Body::Unreadable { reason: "none".to_owned(), key: None, payload: None },
    };
    let batch = world.claimed(Incoming { messages: vec![message], ..Incoming::default() });
    world.apply(reconciler, &batch).await;
    settle(reconciler).await;
}

async fn config(world: &World, prefix: &str, folder: &std::path::Path) -> Config {
    let stack = &world.stack;
    let database = world.pool.connect_options().get_database().unwrap().to_owned();
    let role = stack.registry.create_role(&Stack::unique("reconciler")).await.unwrap();
    registry_store::grant_to_reconciler(&world.pool, &role.name).await.unwrap();
    let admit = format!("grant connect on database {database} to {}", role.name);
    sqlx::query(sqlx::AssertSqlSafe(admit)).execute(&world.pool).await.unwrap();
    let key = folder.join("key");
    std::fs::write(&key, "5a".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "sources = {SOURCES:?}\ncatalogue = \"{}/../schemas/field-catalogue.toml\"\nfingerprint_key_file = \"{}\"\n\
         [registry]\ndsn = \"{}\"\npassword_file = \"{}\"\n\
         [kafka]\nbootstrap = \"{}\"\ntopic_prefix = \"{prefix}\"\npartitions = 2\n\
         [schema_registry]\nurl = \"{}\"\ncache_dir = \"{}\"\n",
        env!("CARGO_MANIFEST_DIR"),
        key.display(),
        stack.registry.role_dsn(&database, &role),
        role.password_file.display(),
        stack.kafka.bootstrap(),
        stack.apicurio.url(),
        folder.join("schemas").display(),
    );
    let file = folder.join("reconciler.toml");
    std::fs::write(&file, text).unwrap();
    service_runtime::config::load_with_environment(&file, BTreeMap::new()).unwrap().config
}

async fn each_record_has_its_outcome(world: &World) {
    let gaps: Vec<i64> = sqlx::query_scalar(
        "select read - applied - no_change - duplicate - stale - quarantined from consumer_position where read > 0",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert!(
        !gaps.is_empty() && gaps.iter().all(|gap| *gap == 0),
        "each record read has an outcome: {gaps:?}"
    );
}

/// The days that open meanwhile bring further cases.
async fn open_cases_are_shown(world: &World, runtime: &Runtime) {
    let same = async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let count = sqlx::query_scalar("select count(*) from registry_case where open");
            let open: i64 = count.fetch_one(&world.pool).await.unwrap();
            let page = runtime.metrics.render();
            let shown = page.lines().filter(|line| line.starts_with("dansync_conflicts_open{"));
            let shown = shown.map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap());
            if open > 0 && shown.sum::<i64>() == open {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, same).await.expect("all open cases are shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_registry_is_shown() {
    let (mut world, _) = World::new().await;
    let prefix = format!("{}.", Stack::unique("figures"));
    world.topics = Topics::new(&prefix);
    let reconciler = world.reconciler().await;
    world.claim().await;
    trouble(&mut world, &reconciler).await;
    each_record_has_its_outcome(&world).await;
    let view = registry_store::SecretView {
        viewer: "clerk",
        person: uuid::Uuid::nil(),
        purpose: "a court's question",
        command: "registry show",
    };
    registry_store::note_secret_view(&world.pool, &view).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config(&world, &prefix, folder.path()).await;
    let runtime = Runtime::new(Arc::new(SystemClock));
    let mut running = JoinSet::new();
    running.spawn(reconciler::run(config, runtime.clone()));
    let topic = world.topics.source("residence");
    let shows = |page: &str, line: &str| page.lines().any(|shown| shown == line);
    let quarantine = |reason: &str, source: &str, count: u32| {
        format!("dansync_quarantine_records{{reason=\"{reason}\",source=\"{source}\"}} {count}")
    };
    let expected = [
        quarantine("bad_date", "civil_status", 2),
        quarantine("unreadable", "identity", 1),
        format!("dansync_ledger_gap_records{{topic=\"{topic}\"}} 0"),
        "dansync_quarantine_oldest_age_seconds{source=\"residence\"} 0".to_owned(),
        "dansync_sensitive_views_total{kind=\"family_secret\"} 1".to_owned(),
    ];
    until("the figures", || {
        let page = runtime.metrics.render();
        expected.iter().all(|line| shows(&page, line))
    })
    .await;
    let page = runtime.metrics.render();
    assert!(
        !page.contains("reason=\"bad_pin\""),
        "a row that was read again since is in quarantine no longer"
    );
    open_cases_are_shown(&world, &runtime).await;

    // A record that was read and of which nothing became, as a fault of ours would leave it.
    sqlx::query(
        "update consumer_position set read = read + 1
         where topic = $1 and partition = 0 and consumer_group = $2",
    )
    .bind(&*topic)
    .bind(format!("{prefix}reconciler"))
    .execute(&world.pool)
    .await
    .unwrap();
    until("the gap", || {
        shows(&runtime.metrics.render(), &format!("dansync_ledger_gap_records{{topic=\"{topic}\"}} 1"))
    })
    .await;
    runtime.drain.request();
    tokio::time::timeout(PATIENCE, running.join_next()).await.unwrap().unwrap().unwrap().unwrap();
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOK);
    let waiting = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"));
}
