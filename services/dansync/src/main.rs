//! `dansync`: the one program. It runs each service as a process of its own, and asks and steers them.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 what was compared differs, 65 bad data, 69 a dependency is unavailable, 70 a
//! fault in dansync itself, 75 try again, 77 not permitted, 78 configuration, 130 or 143 ended by a second signal.

mod classed;
mod commands;
mod executor;
mod failure;
mod output;
mod settings;
mod table;
mod value_text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use service_runtime::{ExitClass, panics};

use commands::Command;

/// Records are many small values that come and go in batches: with the system's allocator they cost a third of a reconciler's
/// processor time (`cargo xtask load merge`, by profile), and memory given back at once is faulted in again with the next batch.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Keeps Vietnam's National Population Database consistent with its sources and hands each subscriber what it may have.
#[derive(Debug, Parser)]
#[command(name = "dansync", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    panics::install_hook();
    let command = Arguments::parse().command;
    match catch_unwind(AssertUnwindSafe(|| command.execute())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failure::report(&error),
        // The hook has said where.
        Err(_) => ExitCode::from(ExitClass::Bug.code()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// The examples are what a newcomer pastes, so they must be understood.
    #[test]
    fn every_command_has_an_example_that_is_understood() {
        let mut leaves = Vec::new();
        collect_leaves(&Arguments::command(), &mut leaves);
        assert!(leaves.len() > 20, "{}", leaves.len());
        for leaf in leaves {
            let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
            let help = help.replace("\\\n", " ");
            let mut examples =
                help.lines().map(str::trim).filter(|line| line.starts_with("dansync ")).peekable();
            assert!(examples.peek().is_some(), "{} has no example", leaf.get_name());
            for example in examples {
                let parsed = Arguments::try_parse_from(words(example));
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }

    fn collect_leaves(command: &clap::Command, leaves: &mut Vec<clap::Command>) {
        let mut subcommands = command.get_subcommands().peekable();
        if subcommands.peek().is_none() {
            leaves.push(command.clone());
        }
        for subcommand in subcommands {
            collect_leaves(subcommand, leaves);
        }
    }

    /// As a shell splits them: single quotes keep words together.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate().flat_map(|(n, part)| {
            let quoted = n % 2 == 1;
            if quoted { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
        });
        parts.collect()
    }

    #[test]
    fn each_service_is_a_word() {
        for service in ["source-adapter", "reconciler", "dispatcher", "steward-console"] {
            assert!(
                Arguments::try_parse_from(["dansync", "run", service, "--config", "service.toml"]).is_ok(),
                "{service}"
            );
        }
        assert!(Arguments::try_parse_from(["dansync", "run", "reconciler"]).is_err(), "--config is required");
    }
}
