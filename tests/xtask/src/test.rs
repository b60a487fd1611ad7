//! `cargo xtask test`: every check and every test, each told before it runs, all of them even when one fails.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use acceptance::stack::{Artefacts, Scratch};
use clap::{Args, ValueEnum};
use prerequisites::{TO_START, TO_TEST, say};

use crate::deny;
use crate::step::{Outcome, Step, TestCount, word};

/// Tests at once, at most: they share one Kafka with a small heap.
const MOST_AT_ONCE: usize = 4;
/// More than there are cores: tests mostly wait, for a session to end, a lease, a service to start.
const WAITING: usize = 1;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these, in this order; all of them when none is named
    #[arg(value_enum)]
    only: Vec<Check>,
}

/// The checks, in the order of what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// Formatting
    Fmt,
    /// Lints, where each warning is an error
    Clippy,
    /// Documentation, where each warning is an error
    Doc,
    /// Licences, sources, who may use which crate, and known vulnerabilities
    Deny,
    /// All tests, those on real Kafka, Apicurio and PostgreSQL among them
    Test,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let checks = if options.only.is_empty() { Check::value_variants().to_vec() } else { options.only };
    if checks.contains(&Check::Test) {
        say("looking for what the tests need: PostgreSQL, Java, Maven, Kafka, Apicurio, promtool");
        prerequisites::ensure(TO_START)?;
        prerequisites::ensure(TO_TEST)?;
        Artefacts::fetch().await?;
    }
    let mut outcomes = Vec::new();
    for check in checks {
        for step in steps(check).await? {
            outcomes.push(step.run().await?);
        }
    }
    Scratch::sweep();
    Ok(summary(&outcomes, began.elapsed()))
}

async fn steps(check: Check) -> anyhow::Result<Vec<Step>> {
    Ok(match check {
        Check::Fmt => vec![Step::cargo("fmt", "fmt --all --check")],
        Check::Clippy => vec![Step::cargo("clippy", "clippy --workspace --all-targets -- -D warnings")],
        Check::Doc => {
            vec![Step::cargo("doc", "doc --no-deps --workspace").with("RUSTDOCFLAGS", "-D warnings")]
        }
        Check::Deny => deny::steps().await?,
        // The tests start the services as processes: their binary is built first. The whole workspace, because a package
        // alone asks its dependencies for other features, and each of them would be compiled once more.
        Check::Test => vec![
            Step::cargo("build", "build --workspace"),
            at_once(Step::cargo("test", "test --workspace --no-fail-fast")),
        ],
    })
}

/// Caps the parallel tests, unless the caller has chosen a number.
fn at_once(step: Step) -> Step {
    const VARIABLE: &str = "RUST_TEST_THREADS";
    if std::env::var_os(VARIABLE).is_some() {
        return step;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    step.with(VARIABLE, (cores + WAITING).min(MOST_AT_ONCE).to_string())
}

fn summary(outcomes: &[Outcome], took: Duration) -> ExitCode {
    let mut tests = TestCount::default();
    say("");
    for outcome in outcomes {
        tests.add(outcome.tests);
        say(format_args!("{:<12} {} {:>5} s", outcome.name, word(outcome.passed), outcome.took.as_secs()));
    }
    say(format_args!("{:<12}        {:>5} s", "all", took.as_secs()));
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.passed).map(|outcome| outcome.name).collect();
    if !failed.is_empty() {
        say(format_args!("failed: {}", failed.join(", ")));
    }
    if outcomes.iter().any(|outcome| outcome.name == "test") {
        say(format_args!("{} passed, {} failed, {} skipped", tests.passed, tests.failed, tests.ignored));
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
