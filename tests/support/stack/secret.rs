//! Random passwords in files that only their owner reads.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use rand::RngExt;

/// Enough that nobody guesses it; hexadecimal, so that it needs no quoting anywhere.
const PASSWORD_BYTES: usize = 16;

/// Bytes of a key of the services: 256 bits.
const KEY_BYTES: usize = 32;

/// The password kept in `file`, made on first use.
pub fn password(file: &Path) -> anyhow::Result<String> {
    kept_or_made::<PASSWORD_BYTES>(file)
}

/// The key kept in `file` in hexadecimal, made on first use.
pub fn key(file: &Path) -> anyhow::Result<String> {
    kept_or_made::<KEY_BYTES>(file)
}

fn kept_or_made<const BYTES: usize>(file: &Path) -> anyhow::Result<String> {
    if let Ok(kept) = fs::read_to_string(file) {
        return Ok(kept.trim().to_owned());
    }
    let bytes: [u8; BYTES] = rand::rng().random();
    let made = hex(&bytes);
    write_private(file, &made)?;
    Ok(made)
}

/// Replaces `file` by one that only its owner reads; never half-written.
pub fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let partial = file.with_extension("partial");
    let written = write_new(&partial, text).and_then(|()| fs::rename(&partial, file));
    written.with_context(|| format!("{} could not be written", file.display()))
}

fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut opened = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(text.as_bytes())
}

/// Two lower-case digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
