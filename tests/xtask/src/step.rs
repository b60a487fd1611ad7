//! One command of a longer run: printed, run, timed, its tests counted.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use prerequisites::{outer_package_variables, say};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A command line with what is special in its environment.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) line: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// What became of a step.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) passed: bool,
    pub(crate) took: Duration,
    pub(crate) tests: TestCount,
}

/// Tests counted from the closing lines of cargo's test programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TestCount {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl TestCount {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// From `test result: ok. 4 passed; 0 failed; 1 ignored; …`.
    fn from_closing_line(line: &str) -> Option<Self> {
        let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let of = |what: &str| -> Option<u64> {
            numbers.split("; ").find_map(|part| part.strip_suffix(what))?.trim().parse().ok()
        };
        Some(Self { passed: of("passed")?, failed: of("failed")?, ignored: of("ignored")? })
    }
}

impl Step {
    /// A step that is `cargo` with these arguments.
    pub(crate) fn cargo(name: &'static str, arguments: &str) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Self { name, line: line(&cargo, arguments), environment: Vec::new() }
    }

    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Runs it with its output passing through.
    pub(crate) async fn run(&self) -> anyhow::Result<Outcome> {
        let variables = self.environment.iter().map(|(name, value)| format!("{name}=\"{value}\" "));
        say(format_args!("\n== {}: {}{}", self.name, variables.collect::<String>(), self.line.join(" ")));
        let began = Instant::now();
        let (program, arguments) = self.line.split_first().context("a step without a command")?;
        let mut command = Command::new(program);
        for name in outer_package_variables() {
            command.env_remove(name);
        }
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{program} could not be started"))?;
        let tests = match child.stdout.take() {
            Some(output) => pass_through(output).await.context("the output could not be passed on")?,
            None => TestCount::default(),
        };
        let passed =
            child.wait().await.with_context(|| format!("{program} could not be waited for"))?.success();
        let took = began.elapsed();
        say(format_args!("== {}: {} in {} s", self.name, word(passed), took.as_secs()));
        Ok(Outcome { name: self.name, passed, took, tests })
    }
}

/// The words of a command line; no argument here holds a blank.
pub(crate) fn line(program: &str, arguments: &str) -> Vec<String> {
    std::iter::once(program).chain(arguments.split_whitespace()).map(str::to_owned).collect()
}

pub(crate) fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

async fn pass_through(output: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<TestCount> {
    let mut output = BufReader::new(output);
    let mut count = TestCount::default();
    let mut line = Vec::new();
    // Bytes, not text: a test may print anything.
    while output.read_until(b'\n', &mut line).await? > 0 {
        let mut ours = std::io::stdout().lock();
        ours.write_all(&line)?;
        ours.flush()?;
        let text = String::from_utf8_lossy(&line);
        count.add(TestCount::from_closing_line(text.trim_end()).unwrap_or_default());
        line.clear();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::TestCount;

    #[test]
    fn closing_lines_are_counted_and_others_are_not() {
        let count = |passed, failed, ignored| Some(TestCount { passed, failed, ignored });
        let cases = [
            (
                "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
                count(4, 0, 1),
            ),
            (
                "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 49.19s",
                count(3, 1, 0),
            ),
            ("test stack::a_role ... ok", None),
            ("test result: something else", None),
        ];
        for (line, expected) in cases {
            assert_eq!(TestCount::from_closing_line(line), expected, "{line}");
        }
    }
}
