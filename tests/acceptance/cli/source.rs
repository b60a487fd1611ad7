//! `source` and `quarantine`.

use super::live::{Live, WITHIN, keys};
use acceptance::life::LifeEvent;
use acceptance::pipeline::Eyes;
use serde_json::Value;

const SOURCES: [&str; 6] = ["civil_status", "residence", "identity", "medical", "registry", "steward"];

pub(super) async fn each_source_says_where_it_stands(live: &Live) -> anyhow::Result<()> {
    for source in SOURCES {
        let config = live.config("source-adapter", source);
        let status = live.dansync(&format!("source status {source} -o json"), &config).await?.json();
        assert_eq!(keys(&status), ["version", "source", "position", "slot"]);
        assert_eq!(
            (&status["source"], &status["slot"]["active"]),
            (&Value::from(source), &Value::from(true))
        );
        assert_eq!(status["position"]["epoch"], 1, "{status}");
        assert_eq!(status["position"]["snapshot_under_way"], false, "{status}");
        let text = live.dansync("source status", &config).await?;
        assert!(text.out.contains("epoch 1") && text.out.contains("in use"), "{text:?}");
    }
    let config = live.config("source-adapter", "medical");
    live.dansync("source status identity", &config).await?.refused(78, &["medical", "not identity"]);
    Ok(())
}

pub(super) async fn an_audit_compares_with_the_registry(live: &Live) -> anyhow::Result<()> {
    let config = live.config("source-adapter", "civil_status");
    let alone = live.dansync("source audit -o json", &config).await?.json();
    assert!(alone["adds_up"].is_null() && alone["messages"].is_null(), "{alone}");
    let registry = live.config("reconciler", "1");
    let words = format!("source audit --registry {}", registry.display());
    let beside = live.dansync(&format!("{words} -o json"), &config).await?.json();
    assert_eq!(keys(&beside), ["version", "source", "id", "position", "tables", "messages", "adds_up"]);
    assert_eq!(beside["adds_up"], true, "{beside}");
    let tables = beside["tables"].as_array().unwrap();
    assert!(
        tables.iter().any(|table| table["entity"] == "birth" && table["rows"].as_u64() > Some(0)),
        "{beside}"
    );
    let text = live.dansync(&words, &config).await?;
    assert!(text.out.contains("the registry holds what the source does"), "{text:?}");
    Ok(())
}

pub(super) async fn a_row_in_quarantine_is_listed_and_read_again(live: &mut Live) -> anyhow::Result<()> {
    let (applied, _) = live.happen(LifeEvent::Junk).await?;
    let key = applied.rows[0].row_key.as_str();
    let list = live.reconciler("quarantine list --source residence -o json").await?.json();
    assert_eq!(keys(&list), ["version", "rows", "reasons", "unreadable"]);
    let row = list["rows"].as_array().unwrap().iter().find(|row| row["row_key"] == key);
    let row = row.unwrap_or_else(|| panic!("{key} is not listed: {list}"));
    assert_eq!((&row["entity"], &row["stage"]), (&Value::from("person"), &Value::from("map")));
    let reason = row["reasons"][0].as_str().unwrap();
    assert!(list["reasons"][reason].as_u64() > Some(0), "{list}");
    let other = live.reconciler("quarantine list --source nobody").await?;
    assert_eq!((other.code, other.out.contains(key)), (0, false), "{other:?}");

    let config = live.config("source-adapter", "residence");
    let redriven = live.dansync("source redrive --wait 1m -o json", &config).await?.json();
    assert_eq!(keys(&redriven), ["version", "source", "keys", "entities", "position", "done"]);
    assert_eq!(redriven["done"], true, "{redriven}");
    assert!(redriven["keys"].as_u64() > Some(0), "{redriven}");
    let unknown = live.dansync("source redrive --entity nothing --key 1", &config).await?;
    unknown.refused(78, &["no entity", "nothing"]);
    live.dansync("source redrive --key 1", &config).await?.refused(2, &["--entity"]);
    Ok(())
}

pub(super) async fn a_reset_source_is_captured_anew(live: &mut Live) -> anyhow::Result<()> {
    let config = live.config("source-adapter", "medical");
    live.dansync("source reset", &config).await?.refused(1, &["name the source", "--yes"]);
    let running = live.dansync("source reset medical", &config).await?;
    running.refused(69, &["an adapter has the source", "stop it"]);
    let at = live.deployment.services.iter().position(|s| s.instance.file == config).unwrap();
    live.deployment.services.remove(at).process.stop().await?;
    let reset = live.dansync("source reset medical -o json", &config).await?.json();
    assert_eq!(reset, serde_json::json!({ "version": 1, "source": "medical" }));
    live.deployment.start().await?;
    Eyes::open(&live.deployment).await?.settled(&[], 0, WITHIN).await?;
    let words = format!("source audit --registry {} -o json", live.config("reconciler", "1").display());
    assert_eq!(live.dansync(&words, &config).await?.json()["adds_up"], true);
    let status = live.dansync("source status -o json", &config).await?.json();
    assert_eq!(status["position"]["epoch"], 2, "{status}");
    Ok(())
}
