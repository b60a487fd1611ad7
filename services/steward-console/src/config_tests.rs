use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "0a".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let file = folder.path().join("console.toml");
    let databases = "[console]\ndsn = \"postgres://console@127.0.0.1:1/console\"\n\
                     [registry]\ndsn = \"postgres://console@127.0.0.1:1/registry\"\n";
    fs::write(&file, format!("fingerprint_key_file = {key:?}\n{text}\n{databases}")).unwrap();
    service_runtime::config::load_with_environment(&file, std::collections::BTreeMap::new()).unwrap().config
}

#[test]
fn the_shortest_configuration_listens_on_this_machine_only() {
    let config = config("");
    config.check().unwrap();
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.session.idle, HumanDuration::from_secs(1800));
    assert_eq!(
        config.undo_window,
        HumanDuration::from_secs(600),
        "a mistake can be undone unless asked otherwise"
    );
}

#[test]
fn what_types_cannot_check_is_refused_at_once() {
    for (text, paths) in [
        ("listen = \"0.0.0.0:8080\"", vec!["listen"]),
        ("listen = \"0.0.0.0:8080\"\npublic_url = \"http://console.example.vn\"", vec!["listen"]),
        ("listen = \"0.0.0.0:8080\"\npublic_url = \"https://console.example.vn/\"", vec!["public_url"]),
        ("public_url = \"console.example.vn\"", vec!["public_url"]),
        ("session = { idle = \"0s\" }", vec!["session"]),
        ("session = { idle = \"11h\" }", vec!["session"]),
        ("session = { absolute = \"25h\" }", vec!["session"]),
        ("undo_window = \"61m\"", vec!["undo_window"]),
        (
            "listen = \"0.0.0.0:8080\"\npublic_url = \"x\"\nsession = { idle = \"0s\" }",
            vec!["public_url", "listen", "session"],
        ),
    ] {
        let faults = config(text).check().unwrap_err();
        let found: Vec<_> = faults.as_slice().iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(found, paths, "{text}");
    }
    config("listen = \"0.0.0.0:8080\"\npublic_url = \"https://console.example.vn\"").check().unwrap();
    for window in ["0s", "1h"] {
        config(&format!("undo_window = {window:?}")).check().unwrap();
    }
}
