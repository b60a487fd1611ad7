//! `config validate`: a good file, and one with several faults.

use super::live::{Live, keys, run};

pub(super) async fn faults_are_reported_all_at_once(live: &Live) -> anyhow::Result<()> {
    for instance in &live.deployment.instances {
        let said =
            live.dansync(&format!("config validate {} -o json", instance.service), &instance.file).await?;
        let valid = said.json();
        assert_eq!(keys(&valid), ["version", "service", "valid", "config_hash", "faults"]);
        assert_eq!(valid["valid"], true, "{valid}");
    }
    let text = std::fs::read_to_string(live.config("reconciler", "1"))?;
    let without = text.lines().filter(|line| !line.starts_with("dsn = ")).collect::<Vec<_>>().join("\n");
    let broken =
        live.file("broken.toml", &format!("{without}\n[kafkaa]\nx = 1\n").replace("url = \"", "url = 7 #"))?;
    let said = live.dansync("config validate reconciler", &broken).await?;
    let place = broken.display().to_string();
    said.refused(78, &["registry.dsn", "missing", "kafkaa", "unknown key", "schema_registry.url", &place]);
    assert_eq!(said.out, "reconciler: the configuration is not valid\n");
    let said = live.dansync("config validate reconciler -o json", &broken).await?;
    assert_eq!(said.code, 78);
    let faults: serde_json::Value = serde_json::from_str(&said.out)?;
    let paths: Vec<&str> =
        faults["faults"].as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    for path in ["registry.dsn", "kafkaa", "schema_registry.url"] {
        assert!(paths.contains(&path), "{path}: {faults}");
    }
    let absent = live.file("x", "")?.with_file_name("absent.toml");
    live.dansync("config validate reconciler", &absent).await?.refused(78, &["absent.toml", "--config"]);
    live.dansync("registry hash", &broken).await?.refused(78, &["registry.dsn"]);
    run(vec!["config".into(), "validate".into(), "auditor".into()], &broken)
        .await?
        .refused(2, &["reconciler"]);
    Ok(())
}
