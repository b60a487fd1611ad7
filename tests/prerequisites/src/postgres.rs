//! Where the PostgreSQL server programs are: Debian and Fedora keep them out of `PATH`, one folder for each version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::part::on_path;

/// The oldest PostgreSQL the project runs on.
pub const OLDEST_POSTGRES: u32 = 15;

/// The folder with `initdb` and `postgres` of the newest server that is new enough.
pub fn postgres_bin() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> =
        candidates().into_iter().filter_map(|folder| Some((server_version(&folder)?, folder))).collect();
    found.sort();
    found.pop().filter(|(version, _)| *version >= OLDEST_POSTGRES).map(|(_, folder)| folder)
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = versioned(Path::new("/usr/lib/postgresql"), "bin");
    folders.extend(versioned(Path::new("/usr"), "bin").into_iter().filter(|folder| is_pgdg(folder)));
    folders.extend(on_path("postgres").and_then(|file| file.parent().map(Path::to_path_buf)));
    folders
}

fn versioned(parent: &Path, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path().join(below)).filter(|folder| folder.is_dir()).collect()
}

/// Red Hat's packages: `/usr/pgsql-16/bin`.
fn is_pgdg(folder: &Path) -> bool {
    folder.to_str().is_some_and(|name| name.starts_with("/usr/pgsql-"))
}

fn server_version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_server_version(&String::from_utf8_lossy(&output.stdout))
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_server_version(text: &str) -> Option<u32> {
    let version =
        text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_server_version;

    #[test]
    fn server_versions_are_read_from_what_postgres_says() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL)", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_server_version(text), expected, "{text}");
        }
    }
}
