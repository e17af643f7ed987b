//! Where the heartbeat is when nobody says.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

/// Its name in the state folder.
const NAME: &str = "heartbeat";

/// For the worker: `shared`, the default, or a file in the state folder where the other is another user's.
pub fn of_worker(shared: &Path, state_dir: &Path) -> PathBuf {
    let own = state_dir.join(NAME);
    if is_kept_from(shared, geteuid()) { own } else { shared.to_owned() }
}

/// The same for who asks. A user who has no worker of his own sees that of the other.
pub fn of_reader(shared: &Path, state_dir: &Path) -> PathBuf {
    let own = of_worker(shared, state_dir);
    if own.exists() { own } else { shared.to_owned() }
}

/// Whether there is a file that `user` cannot replace: in a sticky folder its owner does, and the folder's.
pub fn is_kept_from(path: &Path, user: Uid) -> bool {
    let folder = std::path::absolute(path).ok().and_then(|path| path.parent()?.metadata().ok());
    let is_sticky = folder.is_some_and(|folder| folder.mode() & 0o1000 != 0 && folder.uid() != user.as_raw());
    let is_foreign = path.symlink_metadata().is_ok_and(|file| file.uid() != user.as_raw());
    is_sticky && is_foreign && !user.is_root()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_of_another_user_in_a_sticky_folder_cannot_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heartbeat");
        let (us, other) = (geteuid(), Uid::from_raw(geteuid().as_raw() + 1));
        assert!(!is_kept_from(&file, other), "there is none");
        fs::write(&file, "{}").unwrap();
        assert!(!is_kept_from(&file, other), "the folder's mode says who may");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(is_kept_from(&file, other));
        assert!(!is_kept_from(&file, us) && !is_kept_from(&file, Uid::from_raw(0)));
    }
}
