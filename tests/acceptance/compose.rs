//! What is shipped for those who have a container engine: every file, name, version and setting that it names is there. No
//! engine is needed here: the steps and services run as processes, and what only an engine does is compared.

mod model;
mod monitoring;
mod running;
mod trial;

use acceptance::pipeline::{AGREEMENTS, binary, project};
use acceptance::stack::Artefacts;
use model::{Condition, Project, dockerfile, read, text};
use prerequisites::{OLDEST_POSTGRES, TO_BUILD};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use trial::{Trial, hosts, quoted};

#[test]
fn every_name_in_the_file_is_there() {
    let file = Project::load();
    let stages: BTreeSet<String> = dockerfile().into_iter().map(|line| line.stage).collect();
    let (mut volumes, mut networks) = (BTreeSet::new(), BTreeSet::new());
    for (name, service) in &file.services {
        for (source, target) in service.mounts() {
            assert!(target.starts_with('/'), "{name}: {target}");
            if let Some(path) = source.strip_prefix("./") {
                assert!(project().join(path).exists(), "{name}: {source}");
            } else {
                volumes.insert(source);
            }
        }
        networks.extend(service.networks.iter());
        assert_eq!(service.networks.is_empty(), service.network_mode.is_some(), "{name} has no network");
        for (other, dependency) in &service.depends_on {
            let other = file.services.get(other).unwrap_or_else(|| panic!("{name} depends on {other}"));
            match dependency.condition {
                Condition::Healthy => assert!(other.healthcheck.is_some(), "{name}"),
                Condition::CompletedSuccessfully => assert_eq!(other.restart, None, "{name}"),
                Condition::Started => {}
            }
        }
        if let Some(build) = &service.build {
            assert!(project().join(&build.context).join(&build.dockerfile).is_file(), "{name}");
            assert!(stages.contains(&build.target), "{name}: no stage {}", build.target);
        }
    }
    assert_eq!(volumes, file.volumes.keys().map(String::as_str).collect(), "mounted and declared");
    assert_eq!(networks, file.networks.keys().collect(), "used and declared");
    let no_options = file.volumes.values().all(BTreeMap::is_empty);
    assert!(no_options, "volumes are of the engine's own kind");
}

#[test]
fn all_parts_are_in_it() {
    let file = Project::load();
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for process in file.processes() {
        *services.entry(process.service).or_default() += 1;
    }
    let expected = [
        ("source-adapter", 6),
        ("reconciler", 2),
        ("dispatcher", 2),
        ("source-inbox", 1),
        ("steward-console", 1),
    ];
    assert_eq!(services, expected.into_iter().collect());
    for name in
        ["kafka", "schema-registry", "agencies", "registry", "sectors", "prometheus", "grafana", "setup"]
    {
        assert!(file.services.contains_key(name), "{name}");
    }
}

#[test]
fn what_is_open_and_what_is_allowed_is_the_least() {
    let file = Project::load();
    for (name, service) in &file.services {
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to the network at {port}");
        }
        let outside = service.networks.iter().any(|network| !file.networks[network].internal);
        assert!(service.ports.is_empty() || outside, "{name}: nobody reaches a port of an internal network");
    }
    for process in file.processes() {
        let service = process.entry;
        assert!(service.read_only && service.user.is_none(), "{}", process.name);
        assert_eq!(service.cap_drop, ["ALL"], "{}", process.name);
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{}", process.name);
        let secrets: Vec<_> = service.mounts().filter(|(source, _)| source.starts_with("secrets-")).collect();
        assert_eq!(secrets.len(), 1, "{} sees its own secrets only", process.name);
        let writable: Vec<_> = service.volumes.iter().filter(|volume| !volume.ends_with(":ro")).collect();
        assert!(writable.iter().all(|volume| *volume == "schema-ids:/var/cache/dansync"), "{}", process.name);
    }
    let user = dockerfile().into_iter().rfind(|line| line.verb == "USER" && line.stage == "runtime").unwrap();
    assert_eq!(user.rest, "65532:65532");
    assert!(
        read("deploy/docker/secrets.sh").contains("SERVICES:-65532:65532"),
        "files belong to whom they are for"
    );
}

#[test]
fn versions_are_pinned_and_the_ones_that_are_tested() {
    let file = Project::load();
    let lines = dockerfile();
    let stages: BTreeSet<&str> = lines.iter().map(|line| line.stage.as_str()).collect();
    let bases: Vec<&str> = lines
        .iter()
        .filter(|line| line.verb == "FROM")
        .map(|line| line.rest.split(' ').next().unwrap())
        .collect();
    let images = file.services.values().map(|service| service.image.as_deref().unwrap());
    for image in images.clone().chain(bases.iter().copied()).filter(|image| !stages.contains(image)) {
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(tag == "local" || tag.chars().any(|c| c.is_ascii_digit()), "{image} is not pinned");
    }
    let tag = |name: &str| {
        let image = file.services[name].image.as_deref().unwrap();
        image.rsplit_once(':').unwrap().1.to_owned()
    };
    let version = |pom: &str| between(&read(pom), "<version>", "</version>").to_owned();
    assert_eq!(tag("kafka"), version("deploy/local/kafka/pom.xml"));
    assert_eq!(tag("schema-registry"), version("deploy/local/apicurio/pom.xml"));
    let postgres = tag("agencies");
    assert!(postgres.split('.').next().unwrap().parse::<u32>().unwrap() >= OLDEST_POSTGRES);
    assert!(bases.contains(&format!("postgres:{postgres}").as_str()), "psql is the servers' own");
    for server in ["registry", "sectors"] {
        assert_eq!(tag(server), postgres);
    }
    let toolchain = read("rust-toolchain.toml");
    let channel = between(&toolchain, "channel = \"", "\"");
    assert!(bases.iter().any(|base| base.starts_with(&format!("rust:{channel}-"))), "{bases:?}");
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let lines = dockerfile();
    let ignore = read("deploy/docker/Dockerfile.dockerignore");
    let sent: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut built_from = BTreeSet::new();
    for line in &lines {
        let Some((from, sources, _)) = line.copy() else { continue };
        if let Some(stage) = from {
            assert!(lines.iter().any(|other| other.stage == stage), "{}", line.rest);
            continue;
        }
        for source in sources {
            assert!(project().join(source).exists(), "{source} is copied");
            assert!(sent.contains(source.split('/').next().unwrap()), "{source} is not sent to the builder");
            if line.stage == "build" {
                built_from.insert(source);
            }
        }
    }
    // Cargo reads every member of the workspace, also to build one.
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        assert!(built_from.iter().any(|source| member.starts_with(source)), "{member}");
    }
    let packages: BTreeSet<&str> = TO_BUILD
        .iter()
        .filter_map(|part| part.packages().first())
        .flat_map(|list| list.iter().copied())
        .collect();
    let install =
        lines.iter().find(|line| line.stage == "build" && line.rest.contains("apt-get install")).unwrap();
    let installed = between(&install.rest, "--no-install-recommends ", " &&").split_whitespace().collect();
    assert_eq!(packages, installed, "what compiling needs");
    let build = lines.iter().find(|line| line.rest.contains("cargo build")).unwrap();
    assert!(build.rest.contains("--release --locked --package dansync"), "{}", build.rest);
}

#[test]
fn the_one_shot_steps_are_in_their_image() {
    let file = Project::load();
    let lines = dockerfile();
    for name in ["secrets", "setup"] {
        let [script] = file.services[name].command.as_slice() else { panic!("{name}") };
        let (folder, script) = script.rsplit_once('/').unwrap();
        let there =
            lines.iter().filter(|line| line.stage == "setup").filter_map(model::Instruction::copy).any(
                |(_, sources, target)| {
                    target == format!("{folder}/")
                        && sources.contains(&format!("deploy/docker/{script}").as_str())
                },
            );
        assert!(there, "{script} is not copied to {folder}");
    }
}

/// The same program of Kafka's own that its image starts with.
#[tokio::test]
async fn kafka_has_the_settings_of_the_local_one() -> anyhow::Result<()> {
    let file = Project::load();
    let kafka = &file.services["kafka"];
    let shipped = "./deploy/local/kafka/server.properties";
    assert!(kafka.mounts().any(|mount| mount == (shipped, "/mnt/shared/config/server.properties")));
    let folder = tempfile::tempdir()?;
    let [images, mounted, result] = ["image", "mounted", "result"].map(|name| folder.path().join(name));
    for folder in [&images, &mounted, &result] {
        fs::create_dir(folder)?;
    }
    fs::write(mounted.join("server.properties"), read("deploy/local/kafka/server.properties"))?;
    for file in ["log4j2.yaml", "tools-log4j2.yaml"] {
        fs::write(images.join(file), "Configuration: { Loggers: { Logger: [] } }\n")?;
    }
    let artefacts = Artefacts::fetch().await?;
    let mut command = Command::new("java");
    command.arg("-cp").arg(artefacts.kafka.join("*")).args(["kafka.docker.KafkaDockerWrapper", "setup"]);
    command.arg("--default-configs-dir").arg(&images).arg("--mounted-configs-dir").arg(&mounted);
    command.arg("--final-configs-dir").arg(&result);
    command.envs(kafka.environment.iter().map(|(name, value)| (name, text(value))));
    command.env("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw").env("KAFKA_LOG_DIRS", folder.path().join("data"));
    let output = command.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let settings = fs::read_to_string(result.join("server.properties"))?;
    let properties = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let (local, settings) = (properties(&read(shipped)), properties(&settings));
    for (name, value) in &local {
        assert_eq!(settings.get(name), Some(value), "{name}");
    }
    // The local starter appends these, by the same names.
    let starter = read("tests/support/stack/kafka.rs");
    for name in settings.keys().filter(|name| !local.contains_key(*name)) {
        assert!(starter.contains(&format!("{name}=")), "{name} is no setting of the local Kafka");
    }
    assert_eq!(kafka.variable("KAFKA_LOG_DIRS"), "/var/lib/kafka/data");
    assert!(kafka.mounts().any(|mount| mount == ("kafka", "/var/lib/kafka/data")));
    assert!(starter.contains("\"-Xms64m\"") && starter.contains("\"-Xmx384m\""));
    assert_eq!(kafka.variable("KAFKA_HEAP_OPTS"), "-Xms64m -Xmx384m");
    Ok(())
}

#[test]
fn the_schema_registry_and_the_databases_are_set_as_the_local_ones() {
    let file = Project::load();
    let registry = &file.services["schema-registry"];
    let starter = read("tests/support/stack/apicurio.rs");
    let store = registry.variable("REGISTRY_DATASOURCE_URL");
    assert_eq!(registry.variable("QUARKUS_DATASOURCE_JDBC_URL"), store);
    let (path, options) = store.strip_prefix("jdbc:h2:file:").unwrap().split_once(';').unwrap();
    assert!(starter.contains(&format!("jdbc:h2:file:{{}};{options}")));
    assert!(
        registry.mounts().any(|(source, target)| source == "schema-registry" && path.starts_with(target))
    );
    assert!(starter.contains(&registry.variable("REGISTRY_RULES_GLOBAL_COMPATIBILITY")));
    assert!(registry.variable("JAVA_TOOL_OPTIONS").ends_with("-Xmx256m") && starter.contains("\"-Xmx256m\""));

    let server = read("tests/support/stack/postgres_server.rs");
    assert!(server.contains("include_str!(\"../../../deploy/local/postgres/postgresql.conf\")"));
    for name in ["agencies", "registry", "sectors"] {
        let service = &file.services[name];
        let mut mounts = service.mounts();
        let (_, config) =
            mounts.find(|(source, _)| *source == "./deploy/local/postgres/postgresql.conf").expect(name);
        assert!(service.command.contains(&format!("config_file={config}")), "{name}");
        for argument in
            service.variable("POSTGRES_INITDB_ARGS").split(' ').filter(|a| !a.starts_with("--auth"))
        {
            assert!(server.contains(&format!("\"{argument}\"")), "{argument} is not the local one's");
        }
        let secret = format!("secrets-{name}");
        assert!(service.mounts().any(|mount| mount == (secret.as_str(), "/run/secrets")), "{name}");
    }
}

/// `dansync config validate`, each with the secrets that it would see, its mapping and code lists.
#[test]
fn every_configuration_is_valid() -> anyhow::Result<()> {
    let file = Project::load();
    let folder = tempfile::tempdir()?;
    let trial = Trial::prepare(folder.path());
    for process in file.processes() {
        let config = trial.configure(&process, &[]);
        let validate = ["config", "validate", process.service, "--config"];
        let output = Command::new(binary()?).args(validate).arg(&config).output()?;
        assert!(output.status.success(), "{}: {}", process.name, String::from_utf8_lossy(&output.stderr));
        // The command line itself: with `--help` it is understood and nothing starts.
        let help = Command::new(binary()?).args(&process.entry.command).arg("--help").output()?;
        assert!(help.status.success(), "{}: {}", process.name, String::from_utf8_lossy(&help.stderr));
        if process.service == "steward-console" {
            service_runtime::config::load::<steward_console::Config>(&config)?.check()?;
        }
    }
    Ok(())
}

#[test]
fn each_configuration_is_used_once_and_names_what_its_service_reaches() {
    let file = Project::load();
    let mut used = BTreeSet::new();
    for process in file.processes() {
        used.insert(process.config.rsplit_once('/').unwrap().1.to_owned());
        let networks: BTreeSet<&String> = process.entry.networks.iter().collect();
        for (host, port) in hosts(&file, &process) {
            let other = &file.services[&host];
            assert!(
                other.networks.iter().any(|n| networks.contains(n)),
                "{} cannot reach {host}",
                process.name
            );
            let open = match host.as_str() {
                "kafka" => other.variable("KAFKA_ADVERTISED_LISTENERS").ends_with(&format!("//kafka:{port}")),
                "schema-registry" => port == 8080,
                _ => port == 5432,
            };
            assert!(open, "{}: {host}:{port}", process.name);
        }
    }
    let mut there: BTreeSet<String> = fs::read_dir(project().join("deploy/docker/config"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.retain(|name| !name.starts_with("owner-"));
    assert_eq!(used, there);
}

#[test]
fn the_parts_of_the_demo_are_the_parts_of_the_trial() {
    let dispatcher = read("deploy/docker/config/dispatcher.toml");
    let secrets = read("deploy/docker/secrets.sh");
    for agreement in AGREEMENTS {
        assert!(dispatcher.contains(&format!("[sectors.{agreement}]")), "{agreement}");
        assert!(secrets.contains(agreement), "{agreement}");
        assert!(project().join(format!("deploy/sectors/{agreement}.toml")).is_file());
    }
    let instances: BTreeSet<String> = ["reconciler-1", "reconciler-2"]
        .iter()
        .map(|name| read(format!("deploy/docker/config/{name}.toml")))
        .map(|text| between(&text, "instance = \"", "\"").to_owned())
        .collect();
    assert_eq!(instances.len(), 2, "in containers every process has the same number");
}

/// The console speaks plain HTTP only behind something that ends TLS.
#[test]
fn the_console_is_reached_over_tls_only() {
    let file = Project::load();
    let console = read("deploy/docker/config/steward-console.toml");
    let url = quoted(&console).find(|value| value.starts_with("https://")).unwrap();
    let listen: std::net::SocketAddr = between(&console, "listen = \"", "\"").parse().unwrap();
    let pages = read("deploy/docker/pages.Caddyfile");
    assert!(pages.contains(&format!("\n{url} {{")), "{pages}");
    assert!(pages.contains(&format!("reverse_proxy steward-console:{}\n", listen.port())), "{pages}");
    let port = url.rsplit_once(':').unwrap().1;
    assert_eq!(file.services["pages"].ports, [format!("127.0.0.1:{port}:{port}")]);
    assert!(file.services["steward-console"].ports.is_empty());
}
