//! What the project needs of the machine, and how it gets there: found by looking, installed with apt-get where allowed.
//!
//! Standard library only, so that it builds in seconds on a machine that cannot build the rest yet.

mod install;
mod part;
mod postgres;

pub use install::{Unavailable, ensure, say};
pub use part::Part;
pub use postgres::{OLDEST_POSTGRES, postgres_bin};

/// The variables by which a cargo describes the package it runs, to be removed before that program starts another cargo:
/// to build scripts (ring's) they look like a changed environment, and half of the tree would be compiled anew.
pub fn outer_package_variables() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|p| name.as_encoded_bytes().starts_with(p.as_bytes()))
    })
}

/// Exit code of a command that lacks something outside the project (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// What compiling the workspace needs; the linker among it is already there, or nothing would run.
pub const TO_BUILD: &[Part] = &[Part::CToolchain, Part::OpensslHeaders];

/// What starting Kafka, Apicurio and PostgreSQL here needs.
pub const TO_START: &[Part] = &[Part::PostgresServer, Part::Jre, Part::Maven];

/// What the tests use beside that: alert rules are checked by Prometheus' own program.
pub const TO_TEST: &[Part] = &[Part::Promtool];

/// What only some commands use: raw topics, pages.
pub const OPTIONAL: &[Part] = &[Part::Kcat, Part::Chromium];
