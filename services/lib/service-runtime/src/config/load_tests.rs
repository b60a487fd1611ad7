//! Every kind of fault, and all of them at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::admin::AdminConfig;
use crate::config::{ByteSize, DatabaseConfig, HumanDuration, SecretFile};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    source: String,
    #[serde(default)]
    admin: AdminConfig,
    kafka: Kafka,
    database: DatabaseConfig,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    lanes: Vec<Lane>,
    signing_key_file: Option<SecretFile>,
}

#[derive(Debug, Deserialize)]
struct Kafka {
    bootstrap: String,
    partitions: i32,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    wait: HumanDuration,
    batch: ByteSize,
    strict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wait: HumanDuration::from_millis(20), batch: ByteSize::from_mib(1), strict: true }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Active,
    Standby,
}

#[derive(Debug, Deserialize)]
struct Lane {
    agreement: String,
    listen: SocketAddr,
}

const GOOD: &str = r#"
source = "civil_status"
mode = "standby"

[kafka]
bootstrap = "127.0.0.1:9092"
partitions = 12
properties = { "security.protocol" = "ssl" }

[database]
dsn = "postgres://reconciler@127.0.0.1:5432/registry"

[limits]
wait = "50ms"

[[lanes]]
agreement = "education"
listen = "127.0.0.1:8001"
"#;

fn file_with(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Loaded<Service>, ConfigFaults> {
    let (_folder, path) = file_with(text);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with_environment(&path, environment.collect())
}

/// The faults without the folder of the file.
fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let faults = load_text(text, environment).unwrap_err();
    faults.as_slice().iter().map(|fault| without_folder(&fault.to_string())).collect()
}

fn without_folder(text: &str) -> String {
    let in_folder = text.split_once("service.toml").filter(|(before, _)| before.starts_with('/'));
    in_folder.map_or_else(|| text.to_owned(), |(_, rest)| format!("service.toml{rest}"))
}

#[test]
fn a_good_file_is_read() {
    let config = load_text(GOOD, &[]).unwrap().config;
    assert_eq!(config.source, "civil_status");
    assert_eq!(config.mode, Mode::Standby);
    assert_eq!(config.kafka.bootstrap, "127.0.0.1:9092");
    assert_eq!(config.kafka.partitions, 12);
    assert_eq!(config.kafka.properties["security.protocol"], "ssl");
    assert_eq!(config.limits.wait, HumanDuration::from_millis(50));
    assert_eq!(config.limits.batch, ByteSize::from_mib(1));
    assert!(config.limits.strict);
    assert_eq!(config.admin.listen.port(), 0);
    assert_eq!(config.lanes[0].agreement, "education");
    assert_eq!(config.lanes[0].listen.port(), 8001);
    assert_eq!(config.database.max_connections, 8);
    assert!(config.signing_key_file.is_none());
}

#[test]
fn the_environment_goes_over_the_file() {
    let environment = [
        ("DANSYNC_KAFKA__BOOTSTRAP", "broker:9092"),
        ("DANSYNC_KAFKA__PARTITIONS", "3"),
        ("DANSYNC_KAFKA__TOPICS", "a, b"),
        ("DANSYNC_LIMITS__STRICT", "false"),
        ("DANSYNC_ADMIN__LISTEN", "0.0.0.0:9000"),
        ("DANSYNC_LOG", "debug"),
        ("OTHER__KEY", "x"),
    ];
    let config = load_text(GOOD, &environment).unwrap().config;
    assert_eq!(config.kafka.bootstrap, "broker:9092");
    assert_eq!(config.kafka.partitions, 3);
    assert_eq!(config.kafka.topics, ["a", "b"]);
    assert!(!config.limits.strict);
    assert_eq!(config.admin.listen.port(), 9000);
}

#[test]
fn the_hash_tells_configurations_apart() {
    let hash = load_text(GOOD, &[]).unwrap().hash;
    assert_eq!(hash.len(), HASH_DIGITS);
    assert_eq!(load_text(&format!("# a comment\n{GOOD}"), &[]).unwrap().hash, hash);
    assert_ne!(load_text(GOOD, &[("DANSYNC_KAFKA__PARTITIONS", "3")]).unwrap().hash, hash);
}

#[test]
fn all_faults_at_once_each_with_its_place() {
    let text = r#"
sorce = "civil_status"
mode = "passive"

[kafka]
bootstap = "127.0.0.1:9092"
partitions = "many"

[database]
dsn = "postgres://role:hunter2@127.0.0.1/registry"
max_connections = -1

[limits]
wait = 30
batch = "8 MB"

[[lanes]]
agreement = "education"
listen = "nowhere"

[[lanes]]
listen = "127.0.0.1:1"
"#;
    let environment = [("DANSYNC_LIMITS__STRICT", "perhaps"), ("DANSYNC_ADMIN__LISTN", "127.0.0.1:1")];
    let faults = faults(text, &environment);
    let expected = [
        "environment DANSYNC_ADMIN__LISTN: admin.listn: unknown key; did you mean `listen`?",
        "service.toml:10: database.dsn: holds a password; remove it and name a file in password_file",
        "service.toml:11: database.max_connections: the number -1 does not fit; expected u32",
        "service.toml:5: kafka.bootstrap: missing; this key is required",
        "service.toml:6: kafka.bootstap: unknown key; did you mean `bootstrap`?",
        "service.toml:7: kafka.partitions: a text stands where i32 is expected",
        "service.toml:19: lanes.0.listen: invalid socket address syntax",
        "service.toml:21: lanes.1.agreement: missing; this key is required",
        "service.toml:15: limits.batch: not a size; write a whole number with B, KiB, MiB or GiB, such as \"8 MiB\"",
        "environment DANSYNC_LIMITS__STRICT: limits.strict: a text stands where a boolean is expected",
        "service.toml:14: limits.wait: the number 30 stands where a string is expected",
        "service.toml:3: mode: not one of `active`, `standby`",
        "service.toml:2: sorce: unknown key; did you mean `source`?",
        "service.toml: source: missing; this key is required",
    ];
    for fault in expected {
        assert!(faults.iter().any(|found| found == fault), "{fault}\nis missing in\n{}", faults.join("\n"));
    }
    assert_eq!(faults.len(), expected.len(), "{}", faults.join("\n"));
}

#[test]
fn no_value_is_quoted() {
    let text =
        GOOD.replace("\"standby\"", "\"hunter2\"").replace("partitions = 12", "partitions = \"hunter2\"");
    assert!(!faults(&text, &[("DANSYNC_DATABASE__PASSWORD", "hunter2")]).join("\n").contains("hunter2"));
}

#[test]
fn a_missing_section_is_one_fault() {
    let text = GOOD.replace("[database]", "[databse]");
    let faults = faults(&text, &[]);
    assert_eq!(
        faults,
        [
            "service.toml: database: missing; this key is required",
            "service.toml:10: databse: unknown key; did you mean `database`?"
        ]
    );
}

#[test]
fn a_secret_with_a_fault_stands_beside_the_others() {
    let text = format!("signing_key_file = \"/nowhere/key\"\n{}", GOOD.replace("partitions = 12", ""));
    let faults = load_text(&text, &[]).unwrap_err().to_string();
    assert!(faults.contains("/nowhere/key cannot be read"), "{faults}");
    assert!(faults.contains("kafka.partitions: missing"), "{faults}");
}

#[test]
fn every_fault_of_the_syntax_is_reported() {
    let faults = faults("source = \n[kafka\nbootstrap = 'x\n", &[]);
    assert!(faults.len() >= 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.contains("not TOML")), "{faults:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load::<Service>(Path::new("/nowhere/service.toml")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/service.toml") && error.contains("--config"), "{error}");
}
