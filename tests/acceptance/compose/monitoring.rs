//! Prometheus' and Grafana's files: checked by promtool, every metric and label one that a service registers.

use super::model::{Process, Project, read, yaml};
use acceptance::pipeline::project;
use prerequisites::TO_TEST;
use serde::Deserialize;
use serde_json::{Value, json};
use service_runtime::metrics::{Kind, catalogue};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

#[derive(Debug, Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    _for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Scraping {
    rule_files: Vec<String>,
    scrape_configs: Vec<Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    job_name: String,
    static_configs: Vec<Targets>,
}

#[derive(Debug, Deserialize)]
struct Targets {
    targets: BTreeSet<String>,
}

fn rules() -> Vec<Rule> {
    let folder = project().join("deploy/prometheus/rules");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|file| yaml::<RuleFile>(file).groups).flat_map(|group| group.rules).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/dashboards/dansync.json")).unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

/// What the dashboard asks, with a window in place of Grafana's own.
fn questions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).into_iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().replace("$__rate_interval", "1m")).collect()
}

/// The metrics that alerts and dashboards stand on, as /metrics shows them.
pub(super) fn metrics_in_use() -> BTreeSet<String> {
    let dashboard = dashboard();
    let alerts = rules().into_iter().map(|rule| rule.expr);
    alerts.chain(questions(&dashboard)).flat_map(|expr| metrics(&expr)).collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn metrics(expr: &str) -> Vec<String> {
    let words = expr.split(|c: char| !is_word(c) && c != ':');
    words.filter(|word| word.starts_with("dansync_")).map(str::to_owned).collect()
}

/// The labels that an expression matches or groups by; quoted texts hold none.
fn labels(expr: &str) -> BTreeSet<String> {
    let bare: String = expr.split('"').step_by(2).collect();
    let mut found = BTreeSet::new();
    for inside in bare.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let names = inside.split(',').filter_map(|matcher| matcher.split(['=', '!']).next());
        found.extend(names.map(|name| name.trim().to_owned()));
    }
    for keyword in [" by (", " on ("] {
        for inside in bare.split(keyword).skip(1).filter_map(|rest| rest.split(')').next()) {
            found.extend(inside.split(',').map(|name| name.trim().to_owned()));
        }
    }
    found
}

/// Labels of one metric, and those that come from scraping; nothing for a metric that nobody registers.
fn known_labels(metric: &str) -> Option<BTreeSet<&'static str>> {
    let scraped = ["job", "instance"];
    let family = catalogue::ALL.iter().find(|family| {
        let parts = ["_bucket", "_count", "_sum"].iter().filter_map(|part| metric.strip_suffix(part));
        match family.kind {
            Kind::Histogram => parts.into_iter().any(|stem| stem == family.name),
            Kind::Counter | Kind::Gauge => family.name == metric,
        }
    })?;
    let le = metric.ends_with("_bucket").then_some("le");
    Some(family.labels.iter().copied().chain(scraped).chain(le).collect())
}

fn promtool(arguments: &[&str], file: &std::path::Path) {
    prerequisites::ensure(TO_TEST).unwrap();
    let output = Command::new("promtool").args(arguments).arg(file).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_accepts_configuration_and_rules_and_each_alert_fires_when_it_should() {
    let folder = project().join("deploy/prometheus");
    promtool(&["check", "config"], &folder.join("prometheus.yml"));
    promtool(&["test", "rules"], &folder.join("tests/rules_test.yml"));
    for entry in fs::read_dir(folder.join("rules")).unwrap() {
        promtool(&["check", "rules", "--lint-fatal"], &entry.unwrap().path());
    }
}

#[test]
fn each_alert_says_what_to_do_and_is_tested() {
    let tests = read("deploy/prometheus/tests/rules_test.yml");
    let mut names = BTreeSet::new();
    for rule in rules().into_iter().filter(|rule| rule.record.is_none()) {
        let alert = rule.alert.unwrap();
        assert!(["page", "ticket", "none"].contains(&rule.labels["severity"].as_str()), "{alert}");
        let annotations: Vec<&str> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(annotations, ["description", "summary", "summary_en"], "{alert}");
        assert!(tests.contains(&format!("  - name: {alert}\n")), "{alert} has no test");
        let fires = format!("exp_samples: [{{ labels: '{{alertname=\"{alert}\"}}', value: 1 }}]");
        assert!(tests.contains(&fires), "{alert} is not seen to fire");
        assert!(names.insert(alert), "two alerts of one name");
    }
    let silent = tests.matches("exp_samples: []").count();
    assert_eq!(silent + 1, names.len(), "each alert but the watchdog is seen to keep silent");
}

#[test]
fn every_metric_and_label_is_registered() {
    let dashboard = dashboard();
    let rules = rules();
    let records: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.record.as_deref()).collect();
    let asked = questions(&dashboard);
    for expr in rules.iter().map(|rule| &rule.expr).chain(&asked) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for metric in metrics(expr) {
            known.extend(
                known_labels(&metric).unwrap_or_else(|| panic!("{metric} is registered nowhere: {expr}")),
            );
        }
        if expr.contains("ALERTS{") {
            known.extend(["alertname", "alertstate", "severity"]);
        }
        if expr.contains("up{") {
            known.insert("job");
        }
        for label in labels(expr) {
            assert!(known.contains(label.as_str()), "no metric has the label {label}: {expr}");
        }
        for word in expr.split(|c: char| !is_word(c) && c != ':').filter(|word| word.starts_with("dansync:"))
        {
            assert!(records.contains(word), "{word} is recorded nowhere");
        }
    }
}

#[test]
fn the_dashboard_has_its_rows_and_every_question_is_understood() {
    let dashboard = dashboard();
    let titles: Vec<&str> =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|p| p["title"].as_str()).collect();
    for row in
        ["captured", "merged", "authorised", "delivered", "waiting", "quarantined", "lag seconds", "errors"]
    {
        assert!(titles.iter().any(|title| title.ends_with(&format!("({row})"))), "{row}");
    }
    let ids: BTreeSet<i64> =
        dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), titles.len());
    let sources: Value = yaml("deploy/grafana/provisioning/datasources/prometheus.yml");
    let source = &sources["datasources"][0];
    for panel in panels(&dashboard) {
        assert_eq!(panel["datasource"], json!({ "type": "prometheus", "uid": source["uid"] }));
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{}", panel["title"]);
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
    }
    let rules: Vec<Value> = questions(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(number, expr)| json!({ "record": format!("asked:{number}"), "expr": expr }))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked.yml");
    // JSON is YAML.
    let text = json!({ "groups": [{ "name": "asked", "rules": rules }] }).to_string();
    fs::write(&file, text).unwrap();
    promtool(&["check", "rules"], &file);
}

#[test]
fn prometheus_scrapes_every_process_where_it_listens_and_grafana_finds_prometheus() {
    let file = Project::load();
    let scraping: Scraping = yaml("deploy/prometheus/prometheus.yml");
    assert_eq!(scraping.rule_files, ["rules/*.yml"]);
    let scraped: BTreeSet<(String, String)> = scraping
        .scrape_configs
        .into_iter()
        .flat_map(|job| {
            let targets = job.static_configs.into_iter().flat_map(|targets| targets.targets);
            targets.map(move |target| (job.job_name.clone(), target)).collect::<Vec<_>>()
        })
        .collect();
    let port = |process: &Process<'_>| {
        let name = process.config.rsplit_once('/').unwrap().1;
        let table: toml::Table = read(format!("deploy/docker/config/{name}")).parse().unwrap();
        let listen: std::net::SocketAddr = table["admin"]["listen"].as_str().unwrap().parse().unwrap();
        assert!(listen.ip().is_unspecified(), "{name}: nobody else would reach it");
        listen.port()
    };
    let processes = file.processes();
    let listening =
        processes.iter().map(|p| (p.service.to_owned(), format!("{}:{}", p.name, port(p)))).collect();
    assert_eq!(scraped, listening);
    let watch = |name: &str| file.services[name].networks.iter().any(|network| network == "watch");
    for process in &processes {
        assert!(watch(process.name), "{} is out of Prometheus' reach", process.name);
        let health = &process.entry.healthcheck.as_ref().unwrap().test;
        assert!(health[3].contains(&format!("/dev/tcp/127.0.0.1/{} ", port(process))), "{}", process.name);
    }
    assert!(watch("prometheus") && watch("grafana"));

    let prometheus = &file.services["prometheus"];
    assert!(prometheus.command.contains(&"--config.file=/etc/prometheus/prometheus.yml".to_owned()));
    assert!(prometheus.mounts().any(|mount| mount == ("./deploy/prometheus", "/etc/prometheus")));
    let sources: Value = yaml("deploy/grafana/provisioning/datasources/prometheus.yml");
    let url = sources["datasources"][0]["url"].as_str().unwrap();
    let port = url.strip_prefix("http://prometheus:").unwrap();
    assert_eq!(prometheus.ports, [format!("127.0.0.1:{port}:{port}")]);
    let provider: Value = yaml("deploy/grafana/provisioning/dashboards/dansync.yml");
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    let grafana = &file.services["grafana"];
    assert!(grafana.mounts().any(|mount| mount == ("./deploy/grafana/dashboards", path)));
    assert!(
        grafana.mounts().any(|mount| mount == ("./deploy/grafana/provisioning", "/etc/grafana/provisioning"))
    );
    let password = grafana.variable("GF_SECURITY_ADMIN_PASSWORD__FILE");
    let name = password.strip_prefix("/run/secrets/").unwrap();
    assert!(read("deploy/docker/secrets.sh").contains(&format!("grafana/{name}\n")));
}
