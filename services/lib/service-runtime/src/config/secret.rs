//! Secrets: always a file of its own, readable by its owner and group at most.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

/// Owner: read, write; group: read. Anything beyond is refused.
const FORBIDDEN_MODE_BITS: u32 = 0o137;

/// Larger files hold no password or key of ours.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret by the path of its file. Read and checked when the configuration is loaded, so that a wrong path or mode
/// is one more fault beside the others.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
    secret: SecretString,
}

/// Why a secret cannot be used. Names the file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error(
        "the secret file {path} has mode {mode:04o}, which opens it to others; run chmod 0640 {path} or stricter"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing in it, or too much.
    #[error("the secret file {path} must hold between 1 byte and 64 KiB of text")]
    Size {
        /// The file.
        path: PathBuf,
    },
}

impl SecretFile {
    /// Reads the file; one line break at its end is not part of the secret.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, SecretError> {
        let path = path.into();
        let unreadable = |source| SecretError::Unreadable { path: path.clone(), source };
        let metadata = fs::metadata(&path).map_err(unreadable)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & FORBIDDEN_MODE_BITS != 0 {
            return Err(SecretError::Open { path, mode });
        }
        if metadata.len() > MAX_SECRET_BYTES {
            return Err(SecretError::Size { path });
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Size { path });
        }
        Ok(Self { secret: SecretString::from(text), path })
    }

    /// Where it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret itself.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl<'de> Deserialize<'de> for SecretFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(PathBuf::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn file_with(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn the_line_break_at_the_end_is_no_part_of_it() {
        let (_folder, path) = file_with("s3cret words\n", 0o640);
        let secret = SecretFile::read(&path).unwrap();
        assert_eq!(secret.secret().expose_secret(), "s3cret words");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o644, 0o660, 0o604, 0o700] {
            let (_folder, path) = file_with("s3cret", mode);
            let error = SecretFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("{mode:04o}")) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_empty_file_and_no_file_are_refused() {
        let (folder, path) = file_with("\n", 0o600);
        assert!(matches!(SecretFile::read(path), Err(SecretError::Size { .. })));
        assert!(matches!(SecretFile::read(folder.path().join("none")), Err(SecretError::Unreadable { .. })));
    }
}
