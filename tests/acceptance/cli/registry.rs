//! `registry`, `sweep`, `load`, `day` and `rules`.

use super::live::{Live, WITHIN, keys, run_bare};
use acceptance::pipeline::project;
use anyhow::Context as _;
use serde_json::Value;

/// Twelve digits that nobody has.
const NOBODY: &str = "001299999999";

pub(super) async fn a_person_is_shown_by_any_of_their_names(live: &Live) -> anyhow::Result<()> {
    let pin: String = sqlx::query_scalar(
        "select c.so_dinh_danh from cu_tru.cong_dan c join cu_tru.thuong_tru t using (ma_cong_dan)
         where c.so_dinh_danh is not null and t.trang_thai = 1 order by ma_cong_dan limit 1",
    )
    .fetch_one(&live.places.sources.residence)
    .await?;
    let said = live.reconciler(&format!("registry show {pin} -o json")).await?;
    let person = said.json();
    assert_eq!(keys(&person), ["person_id", "pins", "fields", "records", "cases"]);
    assert_eq!(person["pins"][0], serde_json::json!({ "value": pin, "state": "current" }));
    let fields = person["fields"].as_object().unwrap();
    assert!(
        fields.contains_key("npd.birth_name") && fields.contains_key("npd.date_of_birth"),
        "{:?}",
        fields.keys()
    );
    for field in fields.values() {
        assert_eq!(keys(field), ["value", "state", "record_key", "rule", "article", "ground"]);
        assert!(!field["article"].as_str().unwrap().is_empty());
    }
    let id = person["person_id"].as_str().unwrap();
    let record = person["records"][0]["record_key"].as_str().unwrap();
    for other in [id, record] {
        assert_eq!(live.reconciler(&format!("registry show {other} -o json")).await?.json(), person);
    }
    let text = live.reconciler(&format!("registry show {pin}")).await?;
    let lines = ["person ", &format!("number {pin} current"), "FIELD", "RECORD"];
    assert!(lines.iter().all(|line| text.out.contains(line)), "{text:?}");

    let history = live.reconciler(&format!("registry history {pin} -o json")).await?.json();
    assert_eq!(keys(&history), ["version", "person_id", "versions", "records", "links", "scored", "next"]);
    assert_eq!(history["person_id"], person["person_id"]);
    assert!(!history["versions"].as_array().unwrap().is_empty());
    assert!(live.reconciler(&format!("registry history {pin}")).await?.out.contains("version 1, "));

    for verb in ["show", "history"] {
        for unknown in [NOBODY, "00000000-0000-4000-8000-000000000009"] {
            let said = live.reconciler(&format!("registry {verb} {unknown}")).await?;
            said.refused(1, &["registry", "id"]);
            assert!(!said.err.contains(NOBODY), "a number is not repeated: {said:?}");
        }
    }
    Ok(())
}

pub(super) async fn the_hash_is_that_of_the_registry(live: &Live) -> anyhow::Result<()> {
    let hash = live.reconciler("registry hash -o json").await?.json();
    let state = registry_store::registry_state(&live.places.registry).await?;
    assert_eq!(hash["state_hash"], state.hash.to_string());
    assert_eq!(hash["persons_live"], state.counts.persons_live);
    assert_eq!(hash["due"], 0);
    let text = live.reconciler("registry hash").await?;
    assert_eq!(text.out.lines().next(), hash["state_hash"].as_str());
    Ok(())
}

pub(super) async fn sweeps_loads_days_and_rules(live: &Live) -> anyhow::Result<()> {
    let sweeps = live.reconciler("sweep list -o json").await?.json();
    assert_eq!(keys(&sweeps), ["version", "sweeps"]);
    let none = live.reconciler("sweep allow residence 9 absence").await?;
    none.refused(1, &["residence 9 absence", "dansync sweep list"]);
    live.reconciler("sweep allow residence many absence").await?.refused(2, &["EPOCH", "invalid"]);

    live.reconciler("load waive nobody").await?.refused(1, &["source", "reconciler's configuration"]);
    let waived = live.reconciler("load waive medical -o json").await?.json();
    assert_eq!(waived, serde_json::json!({ "version": 1, "source": "medical" }));

    let opened = live.reconciler("day open -o json").await?.json();
    assert_eq!(keys(&opened), ["version", "date", "before"]);
    live.reconciler("day open --date 2020-01-01")
        .await?
        .refused(1, &["open already", "never opened backwards"]);
    live.reconciler("day open --date 2999-01-01").await?.refused(1, &["has not come yet", "--ahead"]);
    live.reconciler("day open --date tomorrow").await?.refused(2, &["--date"]);

    let rules = live.reconciler("rules show -o json").await?.json();
    assert_eq!(keys(&rules), ["version", "business_date", "in_force", "kept", "shown", "grounds", "fields"]);
    let in_force = rules["in_force"].as_str().unwrap();
    assert_eq!(rules["shown"], in_force);
    let has = |field: &Value, name: &str| field["name"] == name && field["article"] != "";
    assert!(rules["fields"].as_array().unwrap().iter().any(|field| has(field, "npd.date_of_birth")));
    live.reconciler("rules activate no-such-set").await?.refused(1, &["no rule set", "dansync rules show"]);
    live.reconciler("rules show no-such-set").await?.refused(1, &["no rule set", "dansync rules show"]);
    let activated = live.reconciler(&format!("rules activate {in_force} -o json")).await?.json();
    assert_eq!(keys(&activated), ["version", "rule_set", "before"]);
    rule_files(live, in_force).await
}

/// A rule set in a file: sound, with faults, and held against what is in force.
async fn rule_files(live: &Live, in_force: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(project().join("schemas/field-catalogue.toml"))?;
    let same = live.file("same.toml", &text)?.display().to_string();
    let other = text.replacen("from = \"2027-03-01\"", "from = \"2027-07-01\"", 1);
    let other = live.file("other.toml", &other)?.display().to_string();
    let broken =
        text.replacen("effect = \"verify\"", "effect = \"shrug\"", 1).replacen("harm = 5", "harm = 7", 1);
    let broken = live.file("broken-rules.toml", &broken)?.display().to_string();

    let bare = |words: String| run_bare(words.split(' ').map(ToOwned::to_owned).collect());
    let sound = bare(format!("rules validate {same} -o json")).await?.json();
    assert_eq!(keys(&sound), ["version", "file", "valid", "rule_set_version", "fields", "grounds", "faults"]);
    assert_eq!((&sound["valid"], &sound["faults"]), (&Value::Bool(true), &serde_json::json!([])));
    let said = bare(format!("rules validate {broken}")).await?;
    said.refused(65, &["ground 'joint_verification' is not readable", "shrug", "harm of npd.birth_name"]);
    assert_eq!(said.out, format!("{broken}: the rule set is not valid\n"));

    let none = live.reconciler(&format!("rules diff {in_force} {same} -o json")).await?.json();
    assert_eq!(keys(&none), ["version", "before", "after", "differences"]);
    assert_eq!(none["differences"], serde_json::json!([]));
    let one = live.reconciler(&format!("rules diff in-force {other} -o json")).await?.json();
    let differences = serde_json::json!([
        {"of": "ground birth_is_original", "part": "from", "before": "2027-03-01", "after": "2027-07-01"}
    ]);
    assert_eq!(one["differences"], differences);
    let text = bare(format!("rules diff {same} {other}")).await?;
    assert!(text.out.contains("2027-07-01"), "{text:?}");
    live.reconciler(&format!("rules diff no-such-set {same}")).await?.refused(1, &["no rule set"]);
    Ok(())
}

/// A page of an instance's admin port.
async fn page(live: &Live, path: &str) -> anyhow::Result<String> {
    let service = live.deployment.service("reconciler", "1").context("a reconciler")?;
    let url = format!("{}/{path}", service.admin_url());
    tokio::task::spawn_blocking(move || Ok(ureq::get(&url).call()?.body_mut().read_to_string()?)).await?
}

pub(super) async fn who_watches_sees_how_the_matcher_stands(live: &Live) -> anyhow::Result<()> {
    let looking = async {
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            looks.tick().await;
            let told: Value = serde_json::from_str(&page(live, "readyz").await?)?;
            let matcher = &told["details"]["matcher"];
            if matcher["standing"] == "live" {
                return anyhow::Ok(matcher.clone());
            }
        }
    };
    let told = tokio::time::timeout(WITHIN, looking).await??;
    assert_eq!(keys(&told), ["standing", "waiting", "unattended_seconds"]);
    assert_eq!(told["unattended_seconds"], 0.0);
    let metrics = page(live, "metrics").await?;
    for line in ["dansync_matcher_standing{standing=\"live\"} 1\n", "dansync_matcher_unattended_seconds 0\n"]
    {
        assert!(metrics.contains(line), "{line}");
    }
    Ok(())
}
