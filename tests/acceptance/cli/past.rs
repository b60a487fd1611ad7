//! `registry show|history|explain|hash` at another time, `rules rehearse`, and `registry rebuild`.

use super::live::{Live, keys, run};
use acceptance::pipeline::{Database, Eyes, Instance, Service};
use acceptance::reference::Reference;
use acceptance::stack::Stack;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use registry_rules::{FieldCatalogue, PersonId, Resemblance, SourceRecord};
use serde_json::Value;
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// On a busy machine with two cores.
const LOADED_WITHIN: Duration = Duration::from_mins(3);

async fn somebody(live: &Live) -> anyhow::Result<String> {
    Ok(sqlx::query_scalar("select pin from register_entry order by pin limit 1")
        .fetch_one(&live.places.registry)
        .await?)
}

pub(super) async fn a_person_is_shown_explained_and_told_at_any_time(live: &Live) -> anyhow::Result<()> {
    let pin = somebody(live).await?;
    let now = live.reconciler(&format!("registry show {pin} -o json")).await?.json();
    let today = live.reconciler("rules show -o json").await?.json()["business_date"].clone();
    let today = today.as_str().context("a date")?;
    let then = live.reconciler(&format!("registry show {pin} --as-of {today} -o json")).await?.json();
    let more = ["person_id", "pins", "fields", "records", "cases", "as_of", "as_known", "rule_set"];
    assert_eq!(keys(&then), more);
    for key in ["person_id", "pins", "fields"] {
        assert_eq!(then[key], now[key], "{key}: today is now");
    }
    let records = |shown: &Value| -> Vec<Value> {
        shown["records"].as_array().unwrap().iter().map(|r| r["record_key"].clone()).collect()
    };
    assert_eq!(records(&then), records(&now));
    let unborn = live.reconciler(&format!("registry show {pin} --as-of 1800-01-01 -o json")).await?.json();
    assert!(unborn["fields"].as_object().unwrap().len() < now["fields"].as_object().unwrap().len());
    for verb in ["show", "explain"] {
        let early = live.reconciler(&format!("registry {verb} {pin} --as-known 2020-01-01")).await?;
        early.refused(1, &["by then", "--as-known"]);
        assert!(!early.err.contains(&pin), "a number is not repeated: {early:?}");
    }
    live.reconciler(&format!("registry show {pin} --as-of yesterday"))
        .await?
        .refused(2, &["--as-of", "not a day", "YYYY-MM-DD"]);
    live.reconciler(&format!("registry show {pin} --as-known 2026-13-01"))
        .await?
        .refused(2, &["--as-known", "not an instant", "+07:00"]);

    let told = live.reconciler(&format!("registry explain {pin} date_of_birth -o json")).await?.json();
    assert_eq!(keys(&told), ["version", "person_id", "as_of", "as_known", "rule_set", "fields"]);
    let field = &told["fields"][0];
    let about = ["field", "article", "stands", "ground", "open_case", "case_id", "statements", "decisions"];
    assert_eq!(keys(field), about);
    assert_eq!(field["stands"]["value"], now["fields"]["npd.date_of_birth"]["value"]);
    assert!(field["statements"].as_array().unwrap().iter().any(|s| s["verdict"] == "stands"), "{field}");
    let text = live.reconciler(&format!("registry explain {pin}")).await?;
    assert!(text.out.contains("npd.date_of_birth, article ") && text.out.contains("VERDICT"), "{text:?}");
    live.reconciler(&format!("registry explain {pin} height"))
        .await?
        .refused(1, &["FIELD", "dansync rules show"]);
    live.reconciler(&format!("registry explain {pin} Height"))
        .await?
        .refused(2, &["FIELD", "not a field name"]);

    a_history_is_told_in_pages(live, &pin).await
}

/// Page by page comes what one page tells at once, of every kind.
async fn a_history_is_told_in_pages(live: &Live, pin: &str) -> anyhow::Result<()> {
    const KINDS: [&str; 4] = ["versions", "records", "links", "scored"];
    let whole = live.reconciler(&format!("registry history {pin} -o json")).await?.json();
    assert_eq!(keys(&whole), ["version", "person_id", "versions", "records", "links", "scored", "next"]);
    assert_eq!(whole["next"], Value::Null);
    assert!(whole["records"].as_array().unwrap().len() > 2, "it takes more than one page: {whole}");
    let mut told: BTreeMap<&str, Vec<Value>> = KINDS.iter().map(|kind| (*kind, Vec::new())).collect();
    let (mut after, mut pages) = (String::new(), 0);
    loop {
        let words = format!("registry history {pin} --limit 1 -o json{after}");
        let page = live.reconciler(&words).await?.json();
        pages += 1;
        for kind in KINDS {
            let entries = page[kind].as_array().unwrap();
            assert!(entries.len() <= 1, "{page}");
            told.get_mut(kind).unwrap().extend(entries.iter().cloned());
        }
        let Some(next) = page["next"].as_str() else { break };
        after = format!(" --after {next}");
    }
    let longest = KINDS.iter().map(|kind| whole[*kind].as_array().unwrap().len()).max();
    assert_eq!(Some(pages), longest, "no page is empty");
    for kind in KINDS {
        assert_eq!(Value::Array(told.remove(kind).unwrap()), whole[kind], "{kind}");
    }
    let text = live.reconciler(&format!("registry history {pin} --limit 1")).await?;
    assert!(text.out.contains("more: --after "), "{text:?}");
    let wrong = live.reconciler(&format!("registry history {pin} --after 12")).await?;
    wrong.refused(2, &["--after", "not a place"]);
    let wrong = live.reconciler(&format!("registry history {pin} --limit 0")).await?;
    wrong.refused(2, &["--limit", "1..=10000"]);
    Ok(())
}

/// What a steward decided: explained with who it was and why, where the console is named; else with the way to learn it.
pub(super) async fn who_decided_is_told(
    live: &Live,
    person: PersonId,
    field: &str,
    takes: &str,
) -> anyhow::Result<()> {
    let explain = format!("registry explain {person} {field}");
    let bare = live.reconciler(&format!("{explain} -o json")).await?.json();
    let decision = &bare["fields"][0]["decisions"][0];
    let about =
        ["decision_id", "takes", "decided_at", "reverses", "in_force", "followed", "decided_by", "reason"];
    assert_eq!(keys(decision), about);
    assert_eq!((&decision["takes"], &decision["decided_by"]), (&takes.into(), &Value::Null));
    assert!(live.reconciler(&explain).await?.out.contains("name [console] in the configuration"));
    let own = std::fs::read_to_string(live.config("reconciler", "1"))?;
    let file = live.file("explain.toml", &(own + &std::fs::read_to_string(&live.owner)?))?;
    let told = live.dansync(&format!("{explain} -o json"), &file).await?.json();
    let decision = &told["fields"][0]["decisions"][0];
    assert_eq!((&decision["decided_by"], &decision["followed"]), (&"an".into(), &true.into()), "{told}");
    assert!(!decision["reason"].as_str().context("a reason")?.is_empty());
    let text = live.dansync(&explain, &file).await?.out;
    for part in
        ["decided by a steward", " by an takes ", "in force, its value stands", "reason: ", "contradicts"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}

/// Every version that the registry has received.
async fn received(pool: &PgPool) -> anyhow::Result<Vec<SourceRecord>> {
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("select payload from record_version").fetch_all(pool).await?;
    let mut records = Vec::with_capacity(payloads.len());
    for payload in payloads {
        if let event_log::SourceMessage::Record(record) = event_log::decode_source_message(&payload)? {
            records.push(record);
        }
    }
    Ok(records)
}

pub(super) async fn the_simplest_registry_comes_to_the_same(live: &Live) -> anyhow::Result<()> {
    let hash = live.reconciler("registry hash -o json").await?.json();
    let config: toml::Table = std::fs::read_to_string(live.config("reconciler", "1"))?.parse()?;
    let key = config["fingerprint_key_file"].as_str().context("a path")?;
    let key = registry_store::fingerprint_key(std::fs::read_to_string(key)?.trim_end_matches('\n'));
    let (today, catalogue): (chrono::NaiveDate, String) = sqlx::query_as(
        "select d.date, r.catalogue from business_day d join rule_set r on r.name = d.rule_set",
    )
    .fetch_one(&live.places.registry)
    .await?;
    let catalogue = FieldCatalogue::parse(&catalogue).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let history = received(&live.places.registry).await?;
    let links: Vec<(String, String)> =
        sqlx::query_as("select source_key, anchor from scored_link where until is null")
            .fetch_all(&live.places.registry)
            .await?;
    let pairs: Vec<(String, String, bool)> =
        sqlx::query_as("select record_key, other_key, twins from match_review where until is null")
            .fetch_all(&live.places.registry)
            .await?;
    let pair = |(record, other, twins): (String, String, bool)| {
        anyhow::Ok(Resemblance { record: record.try_into()?, other: other.try_into()?, twins })
    };
    let pairs = pairs.into_iter().map(pair).collect::<anyhow::Result<Vec<_>>>()?;
    let expected = tokio::task::spawn_blocking(move || {
        let registry = Reference::new(history, catalogue, key, today).linked(links).asking(pairs);
        registry.state_hash().to_string()
    });
    assert_eq!(hash["state_hash"], expected.await?);
    let at = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let words = format!("registry hash --as-known {at} -o json");
    let then = live.reconciler(&words).await?.json();
    assert_eq!(keys(&then), ["version", "state_hash", "as_known"]);
    assert_eq!(then["state_hash"], hash["state_hash"]);
    Ok(())
}

pub(super) async fn new_rules_are_rehearsed(live: &Live) -> anyhow::Result<()> {
    let shipped = acceptance::pipeline::project().join("schemas/field-catalogue.toml");
    let agreements = acceptance::pipeline::project().join("schemas/agreements");
    let same = format!("rules rehearse --catalogue {} -o json", shipped.display());
    let report = live.reconciler(&same).await?.json();
    assert!(report["persons"].as_u64().unwrap() > 0, "{report}");
    assert_eq!((&report["persons_changed"], &report["agreements"]), (&0.into(), &Value::Array(Vec::new())));
    let text = std::fs::read_to_string(&shipped)?;
    let (before, rest) = text.split_once("[[field]]\nname = \"sex\"").context("the item")?;
    let after = rest.find("[[field]]").and_then(|at| rest.get(at..)).context("an item after it")?;
    let new = live.file("without-sex.toml", &format!("{before}{after}"))?;
    // The catalogue that agreements are read against must have the items that they name.
    let words = format!("rules rehearse --catalogue {} --agreements {}", new.display(), agreements.display());
    live.reconciler(&words).await?.refused(65, &["--agreements", "npd.sex"]);
    let mut text = std::fs::read_to_string(live.config("reconciler", "1"))?;
    let officer = std::fs::read_to_string(&live.officer)?;
    text += officer.split("[schema_registry]").next().context("a section")?;
    let file = live.file("rehearse.toml", &text)?;
    let words = format!("rules rehearse --catalogue {} -o json", new.display());
    let report = live.dansync(&words, &file).await?.json();
    let sex = &report["fields"]["npd.sex"];
    assert!(sex["lost"].as_u64().unwrap() > 0 && sex["changed"] == 0, "{report}");
    let touched: Vec<&str> =
        report["agreements"].as_array().unwrap().iter().filter_map(|a| a["agreement"].as_str()).collect();
    assert!(touched.contains(&"vss_insurance"), "{report}");
    let nowhere = live.reconciler("rules rehearse --catalogue /nowhere.toml").await?;
    nowhere.refused(65, &["--catalogue", "/nowhere.toml"]);
    Ok(())
}

/// Each record's person.
async fn persons(pool: &PgPool) -> anyhow::Result<BTreeMap<String, PersonId>> {
    let rows: Vec<(String, PersonId)> =
        sqlx::query_as("select r.record_key, a.leads_to from record_latest r join anchor a using (anchor)")
            .fetch_all(pool)
            .await?;
    Ok(rows.into_iter().collect())
}

pub(super) async fn a_registry_is_made_anew(live: &mut Live) -> anyhow::Result<()> {
    live.reconciler("registry rebuild versions").await?.refused(1, &["at work", "stop the reconcilers"]);
    let (rules, moments) = other_days_and_rules(live).await?;
    let hash = live.reconciler("registry hash -o json").await?.json();
    let before = persons(&live.places.registry).await?;
    live.deployment.stop_those(|instance| instance.service == "reconciler").await?;

    let rebuilt = live.reconciler("registry rebuild versions -o json").await?.json();
    for key in ["state_hash", "persons_live", "persons_merged", "cases_open"] {
        assert_eq!(rebuilt[key], hash[key], "{key}: {rebuilt}");
    }
    assert!(persons(&live.places.registry).await? == before, "the ids are others");

    let own = &live.deployment.registries.registry;
    let name = Stack::unique("rebuilt");
    own.cluster.create_database(&name).await?;
    let new =
        Database { name: name.clone(), cluster: std::sync::Arc::clone(&own.cluster), role: own.role.clone() };
    let owner = new.administrator().await?;
    let admit = format!("grant connect on database {name} to {}", own.role.name);
    sqlx::query(sqlx::AssertSqlSafe(admit)).execute(&owner).await?;
    registry_store::migrate(&owner).await?;
    registry_store::grant_to_reconciler(&owner, &own.role.name).await?;
    let config = live.config("reconciler", "1");
    let text = std::fs::read_to_string(&config)?;
    let text = text.replace(&format!("/{}\"", own.name), &format!("/{name}\""));
    anyhow::ensure!(text.contains(&name), "the file names the new database");
    let file = live.file("rebuilt.toml", &text)?;

    let shipped = acceptance::pipeline::project().join("schemas/field-catalogue.toml");
    let words = format!("registry rebuild topics --rules {} --rules {}", shipped.display(), rules.display());
    let taken = live.dansync(&format!("{words} -o json"), &file).await?.json();
    let about =
        ["version", "days", "rules", "rules_unknown", "rules_assumed", "links", "persons", "matcher_sweeps"];
    assert_eq!(keys(&taken), about);
    for some in ["days", "rules", "links", "persons"] {
        assert!(taken[some].as_u64() > Some(0), "{some}: {taken}");
    }
    assert_eq!((&taken["rules_unknown"], &taken["rules_assumed"]), (&Value::Array(Vec::new()), &Value::Null));
    assert_eq!(taken["matcher_sweeps"], true);
    assert_eq!(in_force(&owner, &moments).await?, in_force(&live.places.registry, &moments).await?);
    live.dansync("registry rebuild topics", &file)
        .await?
        .refused(1, &["not empty", "dansync migrate registry"]);
    let again = loaded(live, &file, &hash).await;
    let after = persons(&owner).await?;
    assert!(
        after == before,
        "{} of {} records have another person",
        differing(&before, &after),
        before.len()
    );
    again
}

/// What is in force changes: a day to come is opened, and other rules are put in force. Gives the rules' file, and moments
/// before, between and after.
async fn other_days_and_rules(live: &Live) -> anyhow::Result<(PathBuf, Vec<DateTime<Utc>>)> {
    const KEEP: &str = "insert into rule_set (name, catalogue)
        values ($2 || '-' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 8), $1) returning name";
    let shipped =
        std::fs::read_to_string(acceptance::pipeline::project().join("schemas/field-catalogue.toml"))?;
    let text = format!("{shipped}\n# put in force for a while\n");
    let file = live.file("other-rules.toml", &text)?;
    let pool = &live.places.registry;
    let mut moments = vec![Utc::now() - TimeDelta::days(400), Utc::now()];
    let tomorrow = Utc::now().date_naive() + chrono::Days::new(2);
    live.reconciler(&format!("day open --date {tomorrow} --ahead")).await?;
    follows(pool, &tomorrow.to_string()).await?;
    moments.push(Utc::now());
    let version =
        FieldCatalogue::parse(&text).map_err(|faults| anyhow::anyhow!("{faults:?}"))?.version.to_string();
    let name: String = sqlx::query_scalar(KEEP).bind(&text).bind(version).fetch_one(pool).await?;
    let before: String = sqlx::query_scalar("select rule_set from business_day").fetch_one(pool).await?;
    for rules in [name, before] {
        live.reconciler(&format!("rules activate {rules} -o json")).await?.json();
        follows(pool, &rules).await?;
        moments.push(Utc::now());
    }
    Eyes::open(&live.deployment).await?.settled(&[], 0, LOADED_WITHIN).await?;
    Ok((file, moments))
}

/// Waits until a day or a rule set is in force.
async fn follows(pool: &PgPool, wanted: &str) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let followed = async {
        loop {
            look.tick().await;
            let holds =
                sqlx::query_scalar("select $1 in (date::text, rule_set) from business_day").bind(wanted);
            if holds.fetch_one(pool).await? {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(LOADED_WITHIN, followed).await.with_context(|| format!("{wanted} in force"))?
}

/// Day and rules in force at moments.
async fn in_force(pool: &PgPool, moments: &[DateTime<Utc>]) -> anyhow::Result<Vec<registry_store::Present>> {
    let mut connection = pool.acquire().await?;
    let mut found = Vec::new();
    for moment in moments {
        found.push(registry_store::present_at(&mut connection, *moment).await?);
    }
    anyhow::ensure!(found.first() != found.last() || found.len() < 2, "nothing has changed: {found:?}");
    Ok(found)
}

fn differing(before: &BTreeMap<String, PersonId>, after: &BTreeMap<String, PersonId>) -> usize {
    before.iter().filter(|(record, person)| after.get(*record) != Some(*person)).count()
}

/// Lets a reconciler read the sources' topics into the new registry until it holds what the other one does.
async fn loaded(live: &Live, file: &Path, wanted: &Value) -> anyhow::Result<()> {
    let as_before =
        live.deployment.instances.iter().find(|i| i.service == "reconciler").context("a reconciler")?;
    let instance = Instance { name: "rebuilt".to_owned(), file: file.to_owned(), ..as_before.clone() };
    let log = file.parent().context("a folder")?;
    let service = Service::start(instance, log, &[]).await?;
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let begun = tokio::time::Instant::now();
    let found = loop {
        look.tick().await;
        let words = ["registry", "hash", "-o", "json"].map(ToOwned::to_owned).to_vec();
        let hash = run(words, file).await?.json();
        let equal = ["state_hash", "persons_live", "persons_merged", "cases_open"]
            .iter()
            .all(|key| hash[*key] == wanted[*key]);
        if equal || begun.elapsed() > LOADED_WITHIN {
            break (equal, hash);
        }
    };
    service.process.stop().await?;
    anyhow::ensure!(found.0, "{} instead of {wanted}", found.1);
    Ok(())
}
