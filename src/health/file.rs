//! Small files that other programs read while they are replaced.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::atomic_file::{AtomicFile, Durability};
use crate::failpoint::{self, Moment, Step};

/// For everybody to read: there is no secret in these files.
pub(super) const MODE: u32 = 0o644;

/// How long a write may take before the disk is taken for hung. The files are small; 50 µs is usual.
const LIMIT: Duration = Duration::from_secs(5);

/// Replaces a file: a reader sees the old content or the new. Anyone may read it, whatever the umask.
///
/// # Errors
/// The folder cannot be written, a file of another user lies there, or the disk is full or hangs.
pub async fn replace(path: PathBuf, content: Vec<u8>) -> io::Result<()> {
    in_time(move || replace_now(&path, &content)).await
}

/// Whether a file could be replaced, found out without doing it.
///
/// # Errors
/// As [`replace`].
pub async fn check(path: PathBuf) -> io::Result<()> {
    in_time(move || check_now(&path)).await
}

/// The same, on a thread that may wait for a disk.
///
/// # Errors
/// As [`replace`].
pub fn check_now(path: &Path) -> io::Result<()> {
    AtomicFile::create(path, MODE).map(drop)
}

async fn in_time(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panicked)) => Err(io::Error::other(panicked)),
        Err(elapsed) => Err(elapsed.into()),
    }
}

fn replace_now(path: &Path, content: &[u8]) -> io::Result<()> {
    failpoint::reach(Step::Replace, Moment::Before);
    let mut new = AtomicFile::create(path, MODE)?;
    new.write_all(content)?;
    new.set_permissions(Permissions::from_mode(MODE))?;
    // After a power cut it would be of another boot.
    new.commit(Durability::Cached)?;
    failpoint::reach(Step::Replace, Moment::After);
    Ok(())
}
