//! Brings what is missing: `apt-get` as root or with a password-less sudo, else the exact line for a person to type.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::part::{Part, on_path};

/// Waits for another apt-get on the machine instead of failing at its lock, seconds.
const APT_LOCK_WAIT: &str = "DPkg::Lock::Timeout=300";

/// Something outside the project is missing and could not be brought here; the text says what to type.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// One line to standard error: standard output belongs to what a command was asked for.
pub fn say(line: impl fmt::Display) {
    // A closed standard error must not end the work.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Installs those of `parts` that are missing, printing what it does.
///
/// # Errors
/// [`Unavailable`] with the line to type, where this user may not install or the packages do not bring the part.
pub fn ensure(parts: &[Part]) -> Result<(), Unavailable> {
    let missing = missing(parts);
    if missing.is_empty() {
        return Ok(());
    }
    say(format_args!("missing on this machine: {}", names(&missing)));
    let prefix = apt_prefix().map_err(|why| Unavailable(format!("{why}; {}", advice(&missing))))?;
    run(&prefix, &["update"])
        .and_then(|()| {
            let packages = packages_of(&missing);
            let mut arguments = vec!["install", "-y", "--no-install-recommends"];
            arguments.extend(packages.iter().copied());
            run(&prefix, &arguments)
        })
        .map_err(|why| Unavailable(format!("{why}; {}", advice(&missing))))?;
    let still = self::missing(&missing);
    if still.is_empty() {
        return Ok(());
    }
    Err(Unavailable(format!(
        "the packages of this Debian or Ubuntu release do not bring {}: install it from its maker and try again",
        names(&still)
    )))
}

fn missing(parts: &[Part]) -> Vec<Part> {
    parts.iter().copied().filter(|part| !part.is_present()).collect()
}

fn names(parts: &[Part]) -> String {
    parts.iter().map(Part::to_string).collect::<Vec<_>>().join(", ")
}

fn advice(parts: &[Part]) -> String {
    let packages = packages_of(parts).join(" ");
    format!(
        "type this and try again:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"
    )
}

fn packages_of(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().flat_map(|part| choose(part.packages())).copied().collect()
}

/// The first list that this release has; the last one where apt knows none of them (or is not there).
fn choose(lists: &'static [&'static [&'static str]]) -> &'static [&'static str] {
    let known = lists.iter().find(|list| lists.len() == 1 || list.iter().all(|package| apt_has(package)));
    known.or(lists.last()).copied().unwrap_or_default()
}

fn apt_has(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command.args(["show", "--quiet=2", package]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What stands before `apt-get`'s arguments: nothing for root, `sudo -n` where that works without a password.
fn apt_prefix() -> Result<Vec<&'static str>, String> {
    if on_path("apt-get").is_none() {
        return Err("there is no apt-get here".to_owned());
    }
    // A package's own questions would wait for a person who is not there.
    let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", APT_LOCK_WAIT];
    if is_root() {
        return Ok(quiet.to_vec());
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    if sudo.is_ok_and(|status| status.success()) {
        return Ok(["sudo", "-n"].into_iter().chain(quiet).collect());
    }
    Err("installing needs root, and sudo asks for a password".to_owned())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn run(prefix: &[&str], arguments: &[&str]) -> Result<(), String> {
    let line = prefix.iter().chain(arguments).copied().collect::<Vec<_>>();
    say(format_args!("running: {}", line.join(" ")));
    let Some((program, rest)) = line.split_first() else {
        return Ok(());
    };
    // What apt-get says goes where our own words go; standard output stays the command's.
    let status = Command::new(program).args(rest).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", line.join(" "))),
        Err(error) => Err(format!("`{}` could not be started: {error}", line.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::{advice, ensure};
    use crate::part::Part;

    #[test]
    fn the_advice_is_a_line_to_paste() {
        let advice = advice(&[Part::OpensslHeaders, Part::Maven]);
        assert!(advice.ends_with("install -y --no-install-recommends libssl-dev maven"), "{advice}");
    }

    #[test]
    fn nothing_asked_is_nothing_missing() {
        ensure(&[]).unwrap();
    }
}
