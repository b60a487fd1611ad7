//! The steward console against a real PostgreSQL: signing in, looking at a case, deciding it once and only once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use acceptance::stack::{Role, SharedStack, Stack, shared};
use anyhow::Context as _;
use chrono::NaiveDate;
use event_log::SourceMessage;
use registry_rules::{
    CaseFinding, FieldCatalogue, FieldValue, FingerprintKey, MergeInput, PersonImage, RowKey, RulingKind,
    SourceRecord, Standing, Version, merge,
};
use service_runtime::{Fate, Runtime, SystemClock};
use sqlx::PgPool;
use steward_console::{
    Action, Actor, Channel, Config, DecideError, DecideRequest, Decided, Desk, PageRequest, ProposalEnd,
    Question, ReverseRequest, RuleAction,
};
use tempfile::TempDir;
use uuid::Uuid;

const CATALOGUE: &str = include_str!("../../schemas/field-catalogue.toml");
const KEY: &str = "a key for tests";
const PASSWORD: &str = "mật khẩu thử nghiệm";
const WINNER: &str = "civil_status/birth/1042/child";
const OTHER: &str = "residence/person/R-77/resident";
/// No page takes so long.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
const REASON: &str = "Theo giấy khai sinh bản chính số 117";

/// A console over its own two databases.
struct Console {
    _stack: SharedStack,
    _folder: TempDir,
    config: Config,
    owner: PgPool,
    registry: PgPool,
    role: String,
    case_id: String,
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

fn configuration(folder: &Path, stack: &Stack, databases: [&str; 2], role: &Role) -> Config {
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
        "listen = \"{listen}\"\nfingerprint_key_file = {key:?}\n{}{}",
        database("console", console),
        database("registry", registry)
    );
    let file = folder.join("console.toml");
    fs::write(&file, text).unwrap();
    service_runtime::config::load_with_environment(&file, BTreeMap::new()).unwrap().config
}

async fn console() -> anyhow::Result<Console> {
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
    let config = configuration(folder.path(), &stack, [&console, &registry], &role);
    Ok(Console {
        config,
        owner,
        registry: registry_owner,
        role: role.name,
        case_id,
        _stack: stack,
        _folder: folder,
    })
}

impl Console {
    fn desk(&self) -> Desk {
        Desk::open(&self.config, Arc::new(SystemClock)).unwrap()
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.owner).await.unwrap()
    }

    /// Opens the pages and waits until they answer.
    async fn serve(&self) -> (Browser, Service) {
        let [inner, outer] = [(); 2].map(|()| Runtime::new(Arc::new(SystemClock)));
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
struct Service {
    inner: Runtime,
    outer: Runtime,
}

impl Service {
    /// Ends it in order.
    async fn end(self) {
        self.inner.drain.request();
        self.outer.drain.request();
        self.outer.tasks.join().await.unwrap();
    }
}

/// A browser without script: keeps one cookie, follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    base: String,
    agent: ureq::Agent,
    cookie: String,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    location: String,
    set_cookie: String,
    pub(crate) body: String,
}

impl Page {
    /// The value of a hidden input.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let after =
            self.body.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the form has the input");
        after.split('"').next().unwrap().to_owned()
    }
}

fn page(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Page> {
    let mut response = response.ok()?;
    let header = |name: &str| response.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
    let (location, set_cookie) = (header("location"), header("set-cookie"));
    Some(Page {
        status: response.status().as_u16(),
        location,
        set_cookie,
        body: response.body_mut().read_to_string().ok()?,
    })
}

impl Browser {
    pub(crate) fn new(base: String) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { base, agent: config.new_agent(), cookie: String::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Page> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie);
        tokio::task::spawn_blocking(move || page(request.call())).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
            .header("Origin", &self.base);
        let form: Vec<(String, String)> =
            form.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        tokio::task::spawn_blocking(move || page(request.send_form(form)).unwrap()).await.unwrap()
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.post("/sign-in", &[("user_name", name), ("password", password)]).await;
        if page.status == 303 {
            self.cookie = page.set_cookie.split(';').next().unwrap().to_owned();
        }
        page
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_decides_a_case_on_the_page() {
    let console = console().await.unwrap();
    let (mut browser, service) = console.serve().await;
    let entry = browser.sign_in("an", PASSWORD).await;
    assert_eq!((entry.status, entry.location.as_str()), (303, "/cases"));
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(entry.set_cookie.contains(attribute), "{}", entry.set_cookie);
    }
    let list = browser.get("/cases").await.unwrap();
    let path = format!("/cases/{}", console.case_id);
    assert!(list.body.contains(&format!("href=\"{path}\"")), "{}", list.body);
    assert!(!list.body.contains("Kiểm"), "a list shows no value");
    let case = browser.get(&path).await.unwrap();
    assert!(case.body.contains(WINNER) && case.body.contains(OTHER), "{}", case.body);
    let (token, seen, follows) = (case.hidden("form_token"), case.hidden("seen"), case.hidden("follows"));
    let decide = format!("{path}/decide");
    let form = |changed: (&'static str, &'static str)| {
        let fields = [
            ("form_token", token.clone()),
            ("seen", seen.clone()),
            ("follows", follows.clone()),
            ("takes", OTHER.to_owned()),
            ("reason", REASON.to_owned()),
        ];
        fields.map(|(name, value)| (name, if name == changed.0 { changed.1.to_owned() } else { value }))
    };
    for (changed, status) in [
        (("form_token", "x"), 403),
        (("takes", ""), 422),
        (("takes", "residence/person/R-78/resident"), 422),
        (("reason", "  ngắn  "), 422),
        (("seen", "x"), 422),
        (("follows", "00000000-0000-0000-0000-000000000009"), 422),
        (("", ""), 303),
        (("", ""), 422),
    ] {
        let form = form(changed);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.post(&decide, &form).await.status, status, "{changed:?}");
    }
    assert_eq!(console.count("select count(*) from console.decision").await, 1);
    assert_eq!(console.count("select count(*) from console.audit where action = 'case_decided'").await, 1);
    let case = browser.get(&path).await.unwrap();
    assert!(case.body.contains("Đã ghi quyết định"));
    let list = browser.get("/cases").await.unwrap();
    assert!(list.body.contains("Đã quyết định, chờ cập nhật"));
    let token = list.hidden("form_token");
    assert_eq!(browser.post("/sign-out", &[("form_token", &token)]).await.location, "/sign-in?out=1");
    assert_eq!(browser.get(&path).await.unwrap().location, "/sign-in?ended=1");
    let shown = console.count("select count(*) from console.audit where action = 'case_shown'").await;
    let counted = format!("dansync_sensitive_views_total{{kind=\"case\"}} {shown}\n");
    assert!(shown > 1 && service.inner.metrics.render().contains(&counted), "{shown}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_cannot_decide_and_guessing_closes_a_name() {
    let console = console().await.unwrap();
    let (mut browser, service) = console.serve().await;
    assert_eq!(browser.sign_in("xem", PASSWORD).await.status, 303);
    let case = browser.get(&format!("/cases/{}", console.case_id)).await.unwrap();
    assert!(!case.body.contains("/decide"));
    let token = case.hidden("form_token");
    let decide = format!("/cases/{}/decide", console.case_id);
    let form = [
        ("form_token", token.as_str()),
        ("takes", OTHER),
        ("seen", "x"),
        ("follows", ""),
        ("reason", REASON),
    ];
    assert_eq!(browser.post(&decide, &form).await.status, 403);
    let mut stranger = Browser { cookie: String::new(), ..browser.clone() };
    for name in ["an", "nobody"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(stranger.sign_in(name, "wrong wrong wrong").await.status);
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "{name}");
    }
    assert_eq!(stranger.sign_in("an", PASSWORD).await.status, 429);
    assert_eq!(console.count("select count(*) from console.audit where action = 'sign_in_blocked'").await, 2);
    steward_console::ensure_user(
        &console.owner,
        "xem",
        steward_console::Role::Reader,
        "another password".into(),
    )
    .await
    .unwrap();
    assert_eq!(
        browser.get("/cases").await.unwrap().location,
        "/sign-in?ended=1",
        "a new password ends sessions"
    );
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_decisions_at_once_one_is_recorded() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let actor = Actor { name: "an".to_owned(), channel: Channel::Command };
    let list = steward_console::list_cases(&desk, &actor, PageRequest::default()).await.unwrap();
    assert_eq!(list.cases.len(), 1);
    let sheet = steward_console::show_case(&desk, &actor, &console.case_id).await.unwrap().unwrap();
    assert_eq!(sheet.statements.len(), 2);
    assert!(sheet.statements[0].stands && sheet.statements[0].record_key.as_str() == WINNER);
    let request = DecideRequest {
        case_id: console.case_id.clone(),
        action: Action::TakeValue(OTHER.to_owned().try_into().unwrap()),
        seen: sheet.seen,
        follows: None,
        reason: REASON.to_owned(),
    };
    let attempts = (0..20).map(|_| steward_console::decide(&desk, &actor, &request));
    let outcomes = futures_util::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(DecideError::Changed))),
        "{outcomes:?}"
    );
    assert_eq!(console.count("select count(*) from console.decision").await, 1);
    assert_eq!(console.count("select count(*) from console.case_decision").await, 1);
    sqlx::query("update registry_case set open = false").execute(&console.registry).await.unwrap();
    let closed = steward_console::decide(&desk, &actor, &request).await;
    assert!(matches!(closed, Err(DecideError::NotOpen)), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_and_noted_stays() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let actor = Actor { name: "an".to_owned(), channel: Channel::Command };
    steward_console::show_case(&desk, &actor, &console.case_id).await.unwrap().unwrap();
    let mut connection = console.owner.acquire().await.unwrap();
    for statement in
        ["update console.audit set actor = 'x'", "delete from console.audit", "truncate console.audit"]
    {
        assert!(sqlx::query(statement).execute(&mut *connection).await.is_err(), "{statement}");
    }
    let role = sqlx::AssertSqlSafe(format!("set role {}", console.role));
    sqlx::query(role).execute(&mut *connection).await.unwrap();
    for statement in [
        "delete from console.decision",
        "delete from console.identity_decision",
        "update console.identity_decision set ruling = 'split'",
        "delete from console.proposal_outcome",
        "update console.decision set takes = 'x'",
        "select * from console.audit",
        "insert into console.steward_user values ('mallory', 'steward', 'x')",
    ] {
        let error = sqlx::query(statement).execute(&mut *connection).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
    }
}

fn steward(name: &str) -> Actor {
    Actor { name: name.to_owned(), channel: Channel::Command }
}

/// A decision about the residence file, over what the case shows now.
async fn request(desk: &Desk, console: &Console, kind: RulingKind) -> DecideRequest {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_persons_takes_two_stewards() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let [an, binh, xem] = ["an", "binh", "xem"].map(steward);
    let split = request(&desk, &console, RulingKind::Split).await;
    let Decided::Proposed(proposal) = steward_console::decide(&desk, &an, &split).await.unwrap() else {
        panic!("one steward alone splits nobody");
    };
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 0);
    let end = |who, end| steward_console::end_proposal(&desk, who, proposal, end, REASON);
    assert!(matches!(end(&an, ProposalEnd::Approved).await, Err(DecideError::SamePerson)));
    assert!(matches!(end(&xem, ProposalEnd::Approved).await, Err(DecideError::NotAllowed)));
    assert!(matches!(end(&binh, ProposalEnd::Withdrawn).await, Err(DecideError::SamePerson)));
    assert_eq!(end(&binh, ProposalEnd::Approved).await.unwrap(), Some(proposal));
    assert!(matches!(end(&an, ProposalEnd::Withdrawn).await, Err(DecideError::NoProposal)));
    let row: (String, String, String, Option<String>) =
        sqlx::query_as("select ruling, record, anchor, other_record from console.identity_decision")
            .fetch_one(&console.owner)
            .await
            .unwrap();
    assert_eq!(row, ("split".to_owned(), OTHER.to_owned(), "residence/person/R-77".to_owned(), None));
    let trail = steward_console::case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!(trail.len(), 1);
    assert_eq!((trail[0].decided_by.as_str(), trail[0].proposed_by.as_deref()), ("binh", Some("an")));
    assert_eq!(trail[0].reason.as_deref(), Some(REASON));
    let acts = "select count(*) from console.audit where action in ('decision_proposed', 'case_decided', 'proposal_approved')";
    assert_eq!(console.count(acts).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_is_not_approved() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let split = request(&desk, &console, RulingKind::Split).await;
    let Decided::Proposed(proposal) = steward_console::decide(&desk, &steward("an"), &split).await.unwrap()
    else {
        panic!("a proposal");
    };
    sqlx::query("update record_latest set anchor = 'residence/person/elsewhere' where record_key = $1")
        .bind(WINNER)
        .execute(&console.registry)
        .await
        .unwrap();
    let stale = steward_console::decide(&desk, &steward("binh"), &split).await;
    assert!(matches!(stale, Err(DecideError::Changed)), "{stale:?}");
    let approved =
        steward_console::end_proposal(&desk, &steward("binh"), proposal, ProposalEnd::Approved, REASON).await;
    assert!(matches!(approved, Err(DecideError::Changed)), "{approved:?}");
    assert_eq!(console.count("select count(*) from console.proposal_outcome").await, 0);
    let ended =
        steward_console::end_proposal(&desk, &steward("an"), proposal, ProposalEnd::Withdrawn, REASON).await;
    assert_eq!(ended.unwrap(), None);
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chain_holds_decisions_of_both_sorts_and_each_is_taken_back_once() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let an = steward("an");
    let ask = request(&desk, &console, RulingKind::SendBack).await;
    let take =
        DecideRequest { action: Action::TakeValue(OTHER.to_owned().try_into().unwrap()), ..ask.clone() };
    let outcomes = futures_util::join!(
        steward_console::decide(&desk, &an, &ask),
        steward_console::decide(&desk, &an, &take),
    );
    let recorded: Vec<_> = [outcomes.0, outcomes.1].into_iter().filter_map(Result::ok).collect();
    let [Decided::Recorded(first)] = recorded[..] else { panic!("one gets through: {recorded:?}") };
    let question: Option<String> = sqlx::query_scalar("select max(question) from console.identity_decision")
        .fetch_one(&console.owner)
        .await
        .unwrap();
    assert!(question.is_none_or(|question| question == "check_person"));
    let back = ReverseRequest { decision_id: first, reason: REASON.to_owned() };
    let Decided::Recorded(second) = steward_console::reverse(&desk, &an, &back).await.unwrap() else {
        panic!("what moves nobody needs nobody else");
    };
    let again = steward_console::reverse(&desk, &an, &back).await;
    assert!(matches!(again, Err(DecideError::TakenBack)), "{again:?}");
    let trail = steward_console::case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!(trail.iter().map(|entry| entry.decision_id).collect::<Vec<_>>(), [first, second]);
    assert_eq!((trail[0].taken_back_by, trail[1].reverses), (Some(second), Some(first)));
    let unknown = ReverseRequest { decision_id: Uuid::new_v4(), reason: REASON.to_owned() };
    let unknown = steward_console::reverse(&desk, &an, &unknown).await;
    assert!(matches!(unknown, Err(DecideError::UnknownDecision)), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_on_one_desk_is_decided_there() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let [an, binh] = ["an", "binh"].map(steward);
    steward_console::claim(&desk, &an, &console.case_id).await.unwrap();
    assert!(matches!(
        steward_console::claim(&desk, &binh, &console.case_id).await,
        Err(DecideError::Claimed)
    ));
    let ask = request(&desk, &console, RulingKind::UnderInvestigation).await;
    assert!(matches!(steward_console::decide(&desk, &binh, &ask).await, Err(DecideError::Claimed)));
    steward_console::decide(&desk, &an, &ask).await.unwrap();
    steward_console::release(&desk, &binh, &console.case_id).await.unwrap();
    steward_console::claim(&desk, &binh, &console.case_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stewards_split_on_the_page_and_take_it_back() {
    let console = console().await.unwrap();
    let (mut an, service) = console.serve().await;
    let mut binh = an.clone();
    assert_eq!(an.sign_in("an", PASSWORD).await.status, 303);
    assert_eq!(binh.sign_in("binh", PASSWORD).await.status, 303);
    let path = format!("/cases/{}", console.case_id);
    let case = an.get(&path).await.unwrap();
    assert!(case.body.contains("Các bản ghi đặt cạnh nhau"), "{}", case.body);
    let (token, seen, follows) = (case.hidden("form_token"), case.hidden("seen"), case.hidden("follows"));
    let form = |kind: &'static str, reason: &'static str, token: &str, seen: &str| {
        [
            ("form_token", token),
            ("seen", seen),
            ("follows", &follows),
            ("kind", kind),
            ("record", OTHER),
            ("other", ""),
            ("reason", reason),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    for (kind, reason, token, seen, status) in [
        ("split", REASON, "x", seen.as_str(), 403),
        ("merge", REASON, &token, &seen, 422),
        ("send_back", REASON, &token, &seen, 422),
        ("split", "ngắn", &token, &seen, 422),
        ("split", REASON, &token, "x", 422),
        ("split", REASON, &token, &seen, 303),
    ] {
        let form = form(kind, reason, token, seen);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(an.post(&format!("{path}/rule"), &form).await.status, status, "{kind} {reason}");
    }
    let waiting = binh.get(&path).await.unwrap();
    assert!(waiting.body.contains("Chờ người thứ hai duyệt") && waiting.body.contains("value=\"approved\""));
    let proposal = waiting.body.split("/proposals/").nth(1).unwrap().split('"').next().unwrap();
    let approve = [
        ("form_token", waiting.hidden("form_token")),
        ("end", "approved".to_owned()),
        ("reason", REASON.to_owned()),
    ];
    let approve: Vec<_> = approve.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(binh.post(&format!("{path}/proposals/{proposal}"), &approve).await.status, 303);
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 1);
    sqlx::query("update registry_case set open = false").execute(&console.registry).await.unwrap();
    let decided = an.get(&path).await.unwrap();
    assert!(
        decided.body.contains("Hồ sơ đã quyết định") && decided.body.contains("/take-back"),
        "{}",
        decided.body
    );
    let back = [
        ("form_token", decided.hidden("form_token")),
        ("decision", decided.hidden("decision")),
        ("reason", REASON.to_owned()),
    ];
    let back: Vec<_> = back.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(an.post(&format!("{path}/take-back"), &back).await.status, 303);
    let waiting = binh.get(&path).await.unwrap();
    let proposal = waiting.body.split("/proposals/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(binh.post(&format!("{path}/proposals/{proposal}"), &approve).await.status, 303);
    assert_eq!(
        console.count("select count(*) from console.identity_decision where reverses is not null").await,
        1
    );
    assert!(an.get(&path).await.unwrap().body.contains("Đã thu hồi bằng quyết định"));
    service.end().await;
}
