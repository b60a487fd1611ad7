//! A state directory for a test run that nobody keeps: removed by the next run once its owner has ended.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

const PREFIX: &str = "dansync-test-";
const LOCK: &str = "lock";

/// A folder under the system's temporary one. It outlives the program, whose servers are still ending when it ends.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Held while the program lives, however it ends.
    _lock: File,
}

impl Scratch {
    /// Makes a folder, after removing those of programs that have ended.
    pub fn create() -> anyhow::Result<Self> {
        Self::sweep();
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .context("no temporary folder could be made")?
            .keep();
        // PostgreSQL runs as another user than root and must pass through.
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755))
            .context("the folder could not be opened to pass")?;
        let lock = File::create(folder.join(LOCK)).context("the folder's lock could not be made")?;
        lock.lock().context("the folder could not be locked")?;
        Ok(Self { path: folder, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folders of programs that have ended. One that cannot be removed is left for the next time.
    pub fn sweep() {
        let Ok(entries) = std::env::temp_dir().read_dir() else {
            return;
        };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
            if ours && is_abandoned(&entry.path()) {
                drop(clear(&entry.path()));
            }
        }
    }
}

/// The lock goes last: a folder that could be emptied only in part is found again.
fn clear(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()?.flatten().filter(|entry| entry.file_name() != LOCK) {
        let path = entry.path();
        if entry.file_type()?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    fs::remove_dir_all(folder)
}

/// Nobody holds its lock. A folder without one was made this moment or is nobody's.
fn is_abandoned(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}
