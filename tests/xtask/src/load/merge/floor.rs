//! An independent floor of the merge: a script that writes rows of its own making into the same cluster.

use super::super::Options;
use super::super::report::Metric;
use super::super::world::World;
use acceptance::pipeline::project;
use anyhow::{Context, ensure};
use prerequisites::say;
use std::path::PathBuf;
use tokio::process::Command;

/// Where the script usually is: beside the working tree.
const USUAL: &str = "../shared/bench/merge-floor";
/// The database that it may fill.
const DATABASE: &str = "merge_floor";

/// What the script prints, where there is one.
pub(super) async fn measure(world: &World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    let Some(script) = script(options) else {
        say("no independent floor: --floor names none, and there is none beside the working tree");
        return Ok(Vec::new());
    };
    let cluster = &world.stack.registry;
    cluster.drop_database(DATABASE).await?;
    cluster.create_database(DATABASE).await?;
    // The password goes through a variable: a list of processes shows arguments.
    let mut command = Command::new("bash");
    command.arg(&script).arg(format!(
        "host={} port={} user={} dbname={DATABASE}",
        cluster.host(),
        cluster.port(),
        cluster.administrator()
    ));
    command.env("PGPASSWORD", std::fs::read_to_string(cluster.administrator_password_file())?.trim());
    let output = command.output().await.with_context(|| format!("{} does not start", script.display()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    cluster.drop_database(DATABASE).await?;
    let mut metrics = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        say(format_args!("  merge-floor: {line}"));
        metrics.extend(figure(line));
    }
    Ok(metrics)
}

fn script(options: &Options) -> Option<PathBuf> {
    let usual = || Some(project().join(USUAL)).filter(|file| file.is_file());
    options.floor.clone().or_else(usual)
}

/// `name: N records/s …`
fn figure(line: &str) -> Option<Metric> {
    let (name, rest) = line.split_once(": ")?;
    let (value, _) = rest.split_once(" records/s")?;
    let name = format!("merge.independent_floor.{}", name.replace(", ", "_").replace(' ', "_"));
    Some(Metric::new(name, "records/s", value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Metric, figure};

    #[test]
    fn a_line_of_the_script_becomes_a_figure() {
        let name = "merge.independent_floor.half_new_half_known";
        let line = "half new, half known: 17321 records/s (5.8 s)";
        assert_eq!(figure(line), Some(Metric::new(name, "records/s", 17_321.0)));
        assert_eq!(figure("done"), None);
    }
}
