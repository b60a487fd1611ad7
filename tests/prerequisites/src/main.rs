//! `cargo xtask …`: makes sure that the workspace can be compiled here, then compiles and runs the command itself.
//!
//! A program apart, because the command links librdkafka: on a machine without OpenSSL's headers it could not even be
//! built to say so.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use prerequisites::{EXIT_UNAVAILABLE, TO_BUILD, ensure, outer_package_variables, say};

fn main() -> ExitCode {
    if let Err(missing) = ensure(TO_BUILD) {
        say(missing);
        return ExitCode::from(EXIT_UNAVAILABLE);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--package", "xtask", "--"]).args(std::env::args_os().skip(1));
    for name in outer_package_variables() {
        command.env_remove(name);
    }
    // Returns only where cargo could not be started; its exit code is ours.
    let error = command.exec();
    say(format_args!("cargo could not be started: {error}"));
    ExitCode::from(EXIT_UNAVAILABLE)
}
