//! cargo-deny: installed at a pinned version where it is missing, then asked in two steps, since one of them needs more of
//! the network than a package registry.

use std::path::PathBuf;
use std::process::Stdio;

use acceptance::stack::cache_folder;
use anyhow::bail;
use prerequisites::say;
use tokio::process::Command;

use crate::step::{Step, line};

const VERSION: &str = "0.20.2";

/// The checks as steps. Known vulnerabilities are judged only where their database can be fetched, which is said aloud.
pub(crate) async fn steps() -> anyhow::Result<Vec<Step>> {
    let program = install().await?;
    let step = |name, arguments| Step { name, line: line(&program, arguments), environment: Vec::new() };
    let mut steps = vec![step("deny", "check bans licenses sources")];
    if fetched(&program).await {
        steps.push(step("advisories", "check --disable-fetch advisories"));
    } else {
        say(
            "advisories: NOT JUDGED, the database of known vulnerabilities cannot be reached from this machine",
        );
    }
    Ok(steps)
}

/// The program's path: in a folder of our own beside the artefacts, so that nobody's own cargo-deny is replaced.
async fn install() -> anyhow::Result<String> {
    let root: PathBuf = cache_folder()?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        // Not optimised: it is compiled once and runs for seconds.
        let arguments =
            format!("install --locked --debug --version {VERSION} --root {} cargo-deny", root.display());
        let outcome = Step::cargo("install cargo-deny", &arguments).run().await?;
        if !outcome.passed {
            bail!("cargo-deny {VERSION} could not be installed");
        }
    }
    Ok(program.display().to_string())
}

async fn fetched(program: &str) -> bool {
    let mut command = Command::new(program);
    command.args(["fetch", "db"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}
