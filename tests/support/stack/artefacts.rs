//! Kafka and Apicurio as pinned Maven artefacts, fetched once into a cache outside the tree.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use prerequisites::{Unavailable, say};
use sha2::{Digest, Sha256};

use super::secret::hex;

const KAFKA_POM: &str = include_str!("../../../deploy/local/kafka/pom.xml");
const APICURIO_POM: &str = include_str!("../../../deploy/local/apicurio/pom.xml");

/// How often a long download says that it is still at work.
const STILL_AT_WORK: Duration = Duration::from_secs(10);

/// The folders of what has been fetched; complete whenever this value exists.
#[derive(Debug, Clone)]
pub struct Artefacts {
    /// Kafka's jars.
    pub kafka: PathBuf,
    /// Apicurio's runner and its libraries.
    pub apicurio: PathBuf,
}

impl Artefacts {
    /// Fetches what the cache lacks; two runs at once are safe, a broken-off one leaves nothing half-made.
    ///
    /// # Errors
    /// [`Unavailable`] when Maven cannot fetch them.
    pub async fn fetch() -> anyhow::Result<Self> {
        let cache = cache_folder()?;
        fs::create_dir_all(&cache)
            .with_context(|| format!("the cache {} could not be made", cache.display()))?;
        let _turn = wait_for_turn(cache.join("lock")).await?;
        let kafka = fetch(&cache, "kafka-4.3.1", KAFKA_POM).await?;
        let apicurio = fetch(&cache, "apicurio-2.6.13", APICURIO_POM).await?;
        Ok(Self { kafka, apicurio })
    }
}

/// The project's folder for what is fetched or installed once: under `XDG_CACHE_HOME`, else `~/.cache`.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(folder.context("neither XDG_CACHE_HOME nor HOME names a folder for the cache")?.join("dansync"))
}

/// Holds the cache's lock until dropped.
async fn wait_for_turn(file: PathBuf) -> anyhow::Result<File> {
    tokio::task::spawn_blocking(move || {
        let lock = File::create(&file).with_context(|| format!("{} could not be made", file.display()))?;
        lock.lock().with_context(|| format!("{} could not be locked", file.display()))?;
        Ok(lock)
    })
    .await?
}

/// The folder named after the artefact and its pom's content: another pom is another folder.
async fn fetch(cache: &Path, name: &str, pom: &str) -> anyhow::Result<PathBuf> {
    let mut digest = hex(&Sha256::digest(pom));
    digest.truncate(12);
    let folder = cache.join(format!("{name}-{digest}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = tempfile::Builder::new()
        .prefix("fetching-")
        .tempdir_in(cache)
        .context("the cache is not writable")?;
    fs::write(partial.path().join("pom.xml"), pom).context("the pom could not be written")?;
    run_maven(name, partial.path()).await?;
    // Only a complete folder gets the name that is looked for.
    fs::rename(partial.path().join("artefacts"), &folder)
        .context("what Maven fetched could not be put in place")?;
    Ok(folder)
}

async fn run_maven(name: &str, folder: &Path) -> anyhow::Result<()> {
    let target = format!("-DartefactDirectory={}", folder.join("artefacts").display());
    say(format_args!(
        "fetching {name} with Maven (once; kept in {})",
        folder.parent().unwrap_or(folder).display()
    ));
    let mut command = tokio::process::Command::new("mvn");
    command.args(["--batch-mode", "--quiet", "--strict-checksums", &target, "package"]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let began = Instant::now();
    let child =
        command.spawn().map_err(|error| Unavailable(format!("Maven (mvn) could not be started: {error}")))?;
    let mut output = std::pin::pin!(child.wait_with_output());
    let output = loop {
        match tokio::time::timeout(STILL_AT_WORK, &mut output).await {
            Ok(output) => break output.context("Maven could not be waited for")?,
            Err(_still_running) => say(format_args!("fetching {name}: {} s", began.elapsed().as_secs())),
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Err(Unavailable(format!("Maven could not fetch {name}; it needs its central repository:\n{said}")).into())
}
