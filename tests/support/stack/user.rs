//! The user PostgreSQL runs as: it refuses root, so root hands it to `postgres` or `nobody`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use nix::unistd::{Uid, User, chown};
use sha2::{Digest, Sha256};

use super::secret::hex;

/// Who owns a cluster's files and runs its server.
#[derive(Debug, Clone)]
pub(super) struct ServerUser {
    /// Set only when we are root and must become somebody else.
    other: Option<User>,
}

impl ServerUser {
    /// Ourselves, unless we are root.
    pub(super) fn find() -> anyhow::Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { other: None });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).context("the user list could not be read")? {
                return Ok(Self { other: Some(user) });
            }
        }
        anyhow::bail!(
            "PostgreSQL does not run as root and there is no user postgres or nobody: start this as a plain user"
        )
    }

    /// Makes `command` run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Some(user) = &self.other {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }

    /// Makes the folder, if need be, for this user alone.
    pub(super) fn own_folder(&self, folder: &Path) -> anyhow::Result<()> {
        if let Ok(metadata) = folder.symlink_metadata() {
            let owners = [Some(Uid::effective()), self.other.as_ref().map(|user| user.uid)];
            let ours = metadata.is_dir() && owners.contains(&Some(Uid::from_raw(metadata.uid())));
            anyhow::ensure!(
                ours,
                "{} is there and is not a folder of ours: remove it or name another",
                folder.display()
            );
        }
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)))
            .with_context(|| format!("{} could not be made", folder.display()))?;
        self.own(folder)
    }

    /// Hands a file or folder over.
    pub(super) fn own(&self, path: &Path) -> anyhow::Result<()> {
        let Some(user) = &self.other else { return Ok(()) };
        chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("{} could not be handed to the user {}", path.display(), user.name))
    }

    /// Where this user can keep `folder`: there, or, when a folder above is closed to it (a home directory of root),
    /// in a place of its own under `/var/tmp` that is always the same for that folder.
    pub(super) fn reachable(&self, folder: &Path) -> PathBuf {
        let Some(user) = &self.other else {
            return folder.to_path_buf();
        };
        if folder.ancestors().skip(1).all(|above| may_pass(above, user)) {
            return folder.to_path_buf();
        }
        let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        let mut name = hex(&digest);
        name.truncate(16);
        Path::new("/var/tmp").join(format!("dansync-{name}"))
    }
}

/// Whether `user` may pass through the folder; one that is not there yet will be made by us, open to pass.
fn may_pass(folder: &Path, user: &User) -> bool {
    let Ok(metadata) = folder.metadata() else {
        return true;
    };
    let needed = match (metadata.uid() == user.uid.as_raw(), metadata.gid() == user.gid.as_raw()) {
        (true, _) => 0o100,
        (false, true) => 0o010,
        (false, false) => 0o001,
    };
    metadata.mode() & needed != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use nix::unistd::{Uid, User};

    use super::ServerUser;

    #[test]
    fn a_folder_behind_a_closed_one_is_kept_elsewhere_and_always_there() {
        let root = User::from_uid(Uid::from_raw(0)).unwrap().unwrap();
        let stranger = User { uid: Uid::from_raw(65_000), gid: 65_000.into(), ..root };
        let user = ServerUser { other: Some(stranger) };
        let open = tempfile::tempdir().unwrap();
        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(user.reachable(&open.path().join("a/b")), open.path().join("a/b"));

        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let elsewhere = user.reachable(&open.path().join("a/b"));
        assert!(elsewhere.starts_with(Path::new("/var/tmp")), "{}", elsewhere.display());
        assert_eq!(user.reachable(&open.path().join("a/b")), elsewhere);
        assert_ne!(user.reachable(&open.path().join("a/c")), elsewhere);
    }
}
