//! The parts start, answer, and are still there after a crash.

use std::time::Duration;

use acceptance::stack::{PostgresCluster, Stack, exclusive, shared};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

const SCHEMA: &str = r#"{"schema": "{\"type\":\"record\",\"name\":\"Probe\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"}]}"}"#;

fn post(url: String, body: &'static str) -> String {
    let mut answer =
        ureq::post(url).content_type("application/vnd.schemaregistry.v1+json").send(body).unwrap();
    answer.body_mut().read_to_string().unwrap()
}

fn get(url: String) -> String {
    ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

async fn write_probe(cluster: &PostgresCluster, database: &str) {
    cluster.create_database(database).await.unwrap();
    let mut connection = cluster.administer(database).await.unwrap();
    sqlx::query("create table probe (n int primary key)").execute(&mut connection).await.unwrap();
    sqlx::query("insert into probe select generate_series(1, 1000)").execute(&mut connection).await.unwrap();
    // Not closed: the crash breaks it off.
}

async fn read_probe(cluster: &PostgresCluster, database: &str) -> i64 {
    let mut connection = cluster.administer(database).await.unwrap();
    sqlx::query_scalar("select count(*) from probe").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_role_reads_what_it_was_granted_and_no_other_database() {
    let stack = shared().await.unwrap();
    let (mine, other) = (Stack::unique("mine"), Stack::unique("other"));
    let role = stack.sectors.create_role(&Stack::unique("reader")).await.unwrap();
    for database in [&mine, &other] {
        stack.sectors.create_database(database).await.unwrap();
        stack.sectors.create_database(database).await.unwrap();
    }
    let mut administrator = stack.sectors.administer(&mine).await.unwrap();
    let grant = format!("grant connect on database {mine} to {}", role.name);
    sqlx::query(AssertSqlSafe(grant)).execute(&mut administrator).await.unwrap();

    let options = stack.sectors.role_options(&mine, &role).unwrap();
    let mut reader = PgConnection::connect_with(&options).await.unwrap();
    let user: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut reader).await.unwrap();
    assert_eq!(user, role.name);
    let options = stack.sectors.role_options(&other, &role).unwrap();
    let refused = PgConnection::connect_with(&options).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let again = stack.sectors.create_role(&role.name).await.unwrap();
    assert_eq!(again.password_file, role.password_file);
    stack.sectors.role_options(&mine, &again).unwrap();

    reader.close().await.unwrap();
    stack.sectors.drop_database(&mine).await.unwrap();
}

#[tokio::test]
async fn each_cluster_is_ready_for_logical_replication_and_durable() {
    let stack = shared().await.unwrap();
    for cluster in stack.clusters() {
        let mut connection = cluster.administer("postgres").await.unwrap();
        let settings: Vec<String> = sqlx::query_scalar(
            "select name || '=' || setting from pg_settings where name in ('wal_level', 'fsync', 'listen_addresses') order by 1",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(
            settings,
            ["fsync=on", "listen_addresses=127.0.0.1", "wal_level=logical"],
            "{}",
            cluster.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_still_there_after_a_crash() {
    let stack = exclusive().await.unwrap();
    let subject = Stack::unique("probe");
    let database = Stack::unique("probe");
    let url = format!("{}/subjects/{subject}/versions", stack.apicurio.url());
    post(url.clone(), SCHEMA);
    write_probe(&stack.registry, &database).await;
    let pids = stack.kafka.pids().await;

    stack.kafka.kill9().await.unwrap();
    stack.registry.kill9().await.unwrap();
    stack.apicurio.kill9().await.unwrap();
    assert!(stack.kafka.pids().await.is_empty());
    tokio::try_join!(stack.kafka.restart(), stack.registry.restart(), stack.apicurio.restart()).unwrap();

    assert_ne!(stack.kafka.pids().await, pids);
    assert_eq!(read_probe(&stack.registry, &database).await, 1000);
    assert_eq!(get(url), "[1]");
    stack.registry.stop().await.unwrap();
    stack.registry.restart().await.unwrap();
    assert_eq!(read_probe(&stack.registry, &database).await, 1000);
}

#[tokio::test]
async fn a_state_directory_is_resumed_by_the_next_run_and_used_by_one_at_a_time() {
    let folder = acceptance::stack::Scratch::create().unwrap();
    let dir = folder.path().join("state");
    let shared = shared().await.unwrap();
    let options = external_but_registry(&shared);
    let first = Box::pin(Stack::start(&dir, &options)).await.unwrap();
    let port = first.registry.port();
    write_probe(&first.registry, "kept").await;
    let refused = Box::pin(Stack::start(&dir, &options)).await.unwrap_err();
    assert!(refused.to_string().contains("another run uses"), "{refused:#}");
    tokio::time::timeout(Duration::from_secs(30), first.stop()).await.unwrap().unwrap();

    let second = Box::pin(Stack::start(&dir, &options)).await.unwrap();
    assert_eq!(second.registry.port(), port);
    assert_eq!(read_probe(&second.registry, "kept").await, 1000);
    second.stop().await.unwrap();

    Stack::reset(&dir).unwrap();
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["stack.lock"]);
}

/// Only the registry's cluster is started anew; the other parts are those of `stack`, named by address.
fn external_but_registry(stack: &Stack) -> acceptance::stack::StackOptions {
    let cluster = |cluster: &PostgresCluster| acceptance::stack::ExternalCluster {
        host: cluster.host().to_owned(),
        port: cluster.port(),
        administrator: cluster.administrator().to_owned(),
        password_file: Some(cluster.administrator_password_file()),
    };
    acceptance::stack::StackOptions {
        durable: false,
        external: acceptance::stack::External {
            kafka: Some(stack.kafka.bootstrap().to_owned()),
            schema_registry: Some(stack.apicurio.url().to_owned()),
            agencies: Some(cluster(&stack.agencies)),
            registry: None,
            sectors: Some(cluster(&stack.sectors)),
        },
        ..acceptance::stack::StackOptions::default()
    }
}
