//! The developers' commands, as `cargo xtask …`: one file each.

mod demo;
mod deny;
mod life;
mod load;
mod step;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use prerequisites::{EXIT_UNAVAILABLE, Unavailable, say};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The developers' commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts everything on this machine and lets synthetic citizens flow through
    Demo(demo::Options),
    /// Lets something happen in one life on a running demo, and follows it to the sectors
    Life(life::Options),
    /// Measures what the pipeline carries, each figure beside its baseline
    Load(load::Options),
    /// Runs every check and every test, installing what they need.
    Test(test::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(options) => Box::pin(demo::run(options)).await,
        Command::Life(options) => Box::pin(life::run(options)).await,
        Command::Load(options) => Box::pin(load::run(options)).await,
        Command::Test(options) => test::run(options).await,
    };
    done.unwrap_or_else(|error| {
        say(format_args!("{error:#}"));
        if error.is::<Unavailable>() { ExitCode::from(EXIT_UNAVAILABLE) } else { ExitCode::FAILURE }
    })
}
