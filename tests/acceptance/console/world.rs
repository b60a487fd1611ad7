//! A console over a registry in which two sources call one invented person by different names.

use super::browser::Browser;
use acceptance::stack::{Role, SharedStack, Stack, shared};
use anyhow::Context as _;
use chrono::NaiveDate;
use event_log::SourceMessage;
use registry_rules::{
    CaseFinding, FieldCatalogue, FieldValue, FingerprintKey, MergeInput, PersonImage, RowKey, RulingKind,
    SourceRecord, Standing, Version, merge,
};
use service_runtime::{Clock, Fate, Runtime, SystemClock};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use steward_console::{Action, Actor, Channel, Config, DecideRequest, Desk, Question, RuleAction};
use tempfile::TempDir;
use uuid::Uuid;

const CATALOGUE: &str = include_str!("../../../schemas/field-catalogue.toml");
pub(super) const KEY: &str = "a key for tests";
pub(super) const PASSWORD: &str = "mật khẩu thử nghiệm";
pub(super) const WINNER: &str = "civil_status/birth/1042/child";
pub(super) const OTHER: &str = "residence/person/R-77/resident";
pub(super) const REASON: &str = "Theo giấy khai sinh bản chính số 117";

/// A console over its own two databases.
pub(super) struct Console {
    _stack: SharedStack,
    _folder: TempDir,
    config: Config,
    clock: Arc<dyn Clock>,
    pub(super) owner: PgPool,
    pub(super) registry: PgPool,
    pub(super) role: String,
    pub(super) case_id: String,
}

fn record(source: &str, entity: &str, key: &str, role: &str, name: &str) -> SourceRecord {
    let name = FieldValue::parts([("full", name.to_owned())]);
    SourceRecord {
        record_key: RowKey::new(source, entity, key).unwrap().record(role),
        version: Version { epoch: 1, position: 1, ordinal: 0 },
        kind: format!("{source}.{entity}"),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: None,
        identifiers: Vec::new(),
        relation_group: None,
        fields: BTreeMap::from([("birth_name".parse().unwrap(), name)]),
        mapping_version: 1,
    }
}

/// Two sources call one invented person by different names.
fn disagreement(key: &FingerprintKey) -> (Vec<SourceRecord>, PersonImage, CaseFinding) {
    let records = vec![
        record("civil_status", "birth", "1042", "child", "Nguyễn Thị Kiểm"),
        record("residence", "person", "R-77", "resident", "Nguyễn Thị Nghiệm"),
    ];
    let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
    let outcome = merge(&MergeInput {
        person_id: Uuid::new_v4(),
        absorbed: &[],
        records: &records,
        register: &[],
        ties: &[],
        decisions: &[],
        catalogue: &catalogue,
        key,
        business_date: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
    });
    let case = outcome.cases.into_iter().next().unwrap();
    (records, outcome.image, case)
}

/// Writes the disagreement as the reconciler does.
async fn fill_registry(pool: &PgPool) -> anyhow::Result<String> {
    let (records, image, finding) = disagreement(&registry_store::fingerprint_key(KEY));
    let anchor = "residence/person/R-77";
    sqlx::query("insert into anchor (anchor, person_id, leads_to) values ($1, $2, $2)")
        .bind(anchor)
        .bind(image.person_id)
        .execute(pool)
        .await?;
    for record in records {
        let hash = record.content_hash();
        let key = record.record_key.to_string();
        let mut payload = Vec::new();
        event_log::encode_source_message(&SourceMessage::Record(record), &mut payload)?;
        sqlx::query(
            "insert into record_version (record_key, epoch, position, ordinal, standing, received_at, content_hash,
               schema_fingerprint, mapping_version, payload) values ($1, 1, 1, 0, 0, now(), $2, '', 1, $3)",
        )
        .bind(&key)
        .bind(hash.0.as_slice())
        .bind(payload)
        .execute(pool)
        .await?;
        sqlx::query(
            "insert into record_latest (record_key, epoch, position, ordinal, standing, content_hash, anchor,
               attach_rule, contradicted) values ($1, 1, 1, 0, 0, $2, $3, 5, false)",
        )
        .bind(&key)
        .bind(hash.0.as_slice())
        .bind(anchor)
        .execute(pool)
        .await?;
    }
    let mut payload = Vec::new();
    event_log::encode_person_image(&image, &mut payload)?;
    sqlx::query("insert into person_version (key, id, topic, subject, payload) values ($1, 1, 't', 's', $2)")
        .bind(image.person_id.to_string())
        .bind(payload)
        .execute(pool)
        .await?;
    let (subject, kind) = (registry_store::case_subject(&finding.subject), finding.kind.as_str());
    let field = finding.field.context("a field")?.to_string();
    let case_id = registry_store::case_id(&subject, kind, &field);
    sqlx::query(
        "insert into registry_case (subject, kind, field, case_id, open, fingerprint, records, severity)
         values ($1, $2, $3, $4, true, $5, $6, $7)",
    )
    .bind(subject)
    .bind(kind)
    .bind(field)
    .bind(&case_id)
    .bind(finding.fingerprint)
    .bind(finding.records.iter().map(registry_rules::RecordKey::as_str).collect::<Vec<_>>())
    .bind(i16::from(finding.severity))
    .execute(pool)
    .await?;
    Ok(case_id)
}

fn configuration(
    folder: &Path,
    stack: &Stack,
    databases: [&str; 2],
    role: &Role,
    undo_window: &str,
) -> Config {
    let key = folder.join("fingerprint.key");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let database = |name: &str, database: &str| {
        let (dsn, file) = (stack.registry.role_dsn(database, role), &role.password_file);
        format!("[{name}]\ndsn = {dsn:?}\npassword_file = {file:?}\n")
    };
    let [console, registry] = databases;
    // The port is free when it is asked for; nothing else on the machine takes ports of its own choice by number.
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "listen = \"{listen}\"\nundo_window = {undo_window:?}\nfingerprint_key_file = {key:?}\n{}{}",
        database("console", console),
        database("registry", registry)
    );
    let file = folder.join("console.toml");
    fs::write(&file, text).unwrap();
    service_runtime::config::load_with_environment(&file, BTreeMap::new()).unwrap().config
}

/// A console that records what is decided at once.
pub(super) async fn console() -> anyhow::Result<Console> {
    console_holding("0s", Arc::new(SystemClock)).await
}

/// A console that holds decisions about values for so long, by this clock.
pub(super) async fn console_holding(undo_window: &str, clock: Arc<dyn Clock>) -> anyhow::Result<Console> {
    let stack = shared().await?;
    let folder = tempfile::tempdir()?;
    let [console, registry] = ["console", "registry"].map(Stack::unique);
    for database in [&console, &registry] {
        stack.registry.create_database(database).await?;
    }
    let role = stack.registry.create_role(&Stack::unique("steward_console")).await?;
    let owner = PgPool::connect_with(stack.registry.administrator_options(&console)).await?;
    steward_console::migrate(&owner).await?;
    steward_console::grant_to_console(&owner, &role.name).await?;
    for (name, role) in [
        ("an", steward_console::Role::Steward),
        ("binh", steward_console::Role::Steward),
        ("xem", steward_console::Role::Reader),
    ] {
        steward_console::ensure_user(&owner, name, role, PASSWORD.into()).await?;
    }
    let registry_owner = PgPool::connect_with(stack.registry.administrator_options(&registry)).await?;
    registry_store::migrate(&registry_owner).await?;
    registry_store::grant_case_view(&registry_owner, &role.name).await?;
    let case_id = fill_registry(&registry_owner).await?;
    let config = configuration(folder.path(), &stack, [&console, &registry], &role, undo_window);
    Ok(Console {
        config,
        clock,
        owner,
        registry: registry_owner,
        role: role.name,
        case_id,
        _stack: stack,
        _folder: folder,
    })
}

impl Console {
    pub(super) fn desk(&self) -> Desk {
        Desk::open(&self.config, Arc::clone(&self.clock)).unwrap()
    }

    pub(super) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.owner).await.unwrap()
    }

    /// Opens the pages and waits until they answer.
    pub(super) async fn serve(&self) -> (Browser, Service) {
        let [inner, outer] = [(); 2].map(|()| Runtime::new(Arc::clone(&self.clock)));
        let running = steward_console::run(self.config.clone(), inner.clone());
        outer.tasks.spawn("console", Fate::MayFinish, running);
        let browser = Browser::new(format!("http://{}", self.config.listen));
        let mut rhythm = tokio::time::interval(std::time::Duration::from_millis(50));
        while browser.get("/sign-in").await.is_none() {
            // A service that failed has asked for the drain.
            if outer.drain.is_requested() {
                outer.tasks.join().await.unwrap();
            }
            rhythm.tick().await;
        }
        (browser, Service { inner, outer })
    }
}

/// The running service, in a runtime of its own as in a process of its own.
pub(super) struct Service {
    pub(super) inner: Runtime,
    outer: Runtime,
}

impl Service {
    /// Ends it in order.
    pub(super) async fn end(self) {
        self.inner.drain.request();
        self.outer.drain.request();
        self.outer.tasks.join().await.unwrap();
    }
}

pub(super) fn steward(name: &str) -> Actor {
    Actor { name: name.to_owned(), channel: Channel::Command }
}

/// A decision about the residence file, over what the case shows now.
pub(super) async fn request(desk: &Desk, console: &Console, kind: RulingKind) -> DecideRequest {
    let sheet = steward_console::show_case(desk, &steward("an"), &console.case_id).await.unwrap().unwrap();
    DecideRequest {
        case_id: console.case_id.clone(),
        action: Action::Rule(RuleAction {
            kind,
            record: OTHER.to_owned().try_into().unwrap(),
            other: None,
            question: (kind == RulingKind::SendBack).then_some(Question::CheckPerson),
        }),
        follows: sheet.last_decision.as_ref().map(|last| last.decision_id),
        seen: sheet.seen,
        reason: REASON.to_owned(),
    }
}
