//! The parts by name: how each is recognised and which Debian packages bring it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::postgres::{OLDEST_POSTGRES, postgres_bin};

/// Kafka 4 brokers need Java 17.
const OLDEST_JAVA: u32 = 17;

/// Something that has to be on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// gcc, make and pkg-config: librdkafka is compiled from source.
    CToolchain,
    /// OpenSSL's headers: librdkafka's TLS.
    OpensslHeaders,
    /// The PostgreSQL server programs, version 15 or later.
    PostgresServer,
    /// A Java runtime, version 17 or later: Kafka and Apicurio.
    Jre,
    /// Maven: fetches Kafka and Apicurio.
    Maven,
    /// kcat: a look at raw topics.
    Kcat,
    /// promtool: checks of the alert rules.
    Promtool,
    /// Chromium: the console's pages as a person sees them.
    Chromium,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CToolchain => f.write_str("C toolchain (gcc, make, pkg-config)"),
            Self::OpensslHeaders => f.write_str("OpenSSL headers"),
            Self::PostgresServer => write!(f, "PostgreSQL {OLDEST_POSTGRES}+ server"),
            Self::Jre => write!(f, "Java {OLDEST_JAVA}+ runtime"),
            Self::Maven => f.write_str("Maven"),
            Self::Kcat => f.write_str("kcat"),
            Self::Promtool => f.write_str("promtool"),
            Self::Chromium => f.write_str("Chromium"),
        }
    }
}

impl Part {
    /// Whether the machine has it.
    pub fn is_present(self) -> bool {
        match self {
            Self::CToolchain => ["gcc", "make", "pkg-config"].iter().all(|name| on_path(name).is_some()),
            Self::OpensslHeaders => has_openssl_headers(),
            Self::PostgresServer => postgres_bin().is_some(),
            Self::Jre => java_version().is_some_and(|version| version >= OLDEST_JAVA),
            Self::Maven => on_path("mvn").is_some(),
            Self::Kcat => on_path("kcat").is_some(),
            Self::Promtool => on_path("promtool").is_some(),
            Self::Chromium => on_path("chromium").is_some(),
        }
    }

    /// Debian's packages for it; several lists mean: the first whose packages this release has.
    pub fn packages(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::CToolchain => &[&["gcc", "libc6-dev", "make", "pkg-config"]],
            Self::OpensslHeaders => &[&["libssl-dev"]],
            Self::PostgresServer => &[&["postgresql"]],
            Self::Jre => {
                &[&["openjdk-17-jre-headless"], &["openjdk-21-jre-headless"], &["default-jre-headless"]]
            }
            Self::Maven => &[&["maven"]],
            Self::Kcat => &[&["kcat"]],
            Self::Promtool => &[&["prometheus"]],
            Self::Chromium => &[&["chromium"]],
        }
    }
}

/// The program `name` in `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn has_openssl_headers() -> bool {
    let by_pkg_config = quiet(Command::new("pkg-config").args(["--exists", "openssl"]))
        .status()
        .is_ok_and(|status| status.success());
    by_pkg_config || Path::new("/usr/include/openssl/ssl.h").is_file()
}

/// The major version that `java -version` tells (on standard error: `openjdk version "17.0.15" …`).
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").stdin(Stdio::null()).output().ok()?;
    parse_java_version(&String::from_utf8_lossy(&output.stderr))
}

fn parse_java_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

#[cfg(test)]
mod tests {
    use super::parse_java_version;

    #[test]
    fn java_versions_are_read_from_what_java_says() {
        let cases = [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", Some(17)),
            ("java version \"1.8.0_392\"", Some(1)),
            ("openjdk version \"25-ea\" 2025-09-16", Some(25)),
            ("openjdk version \"21\" 2023-09-19", Some(21)),
            ("command not found", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_java_version(text), expected, "{text}");
        }
    }
}
