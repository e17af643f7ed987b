//! Small files that other programs read while they are replaced.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

/// How long a write may take before the disk is taken for hung. The files are small; 50 µs is usual.
const LIMIT: Duration = Duration::from_secs(5);

/// Replaces a file: a reader sees the old content or the new. Anyone may read it. What lies at the path is
/// replaced, never written through, so that a link which another user has put into `/tmp` leads nowhere.
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
    in_time(move || beside(&path).map(drop)).await
}

async fn in_time(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panicked)) => Err(io::Error::other(panicked)),
        Err(elapsed) => Err(elapsed.into()),
    }
}

/// An empty file in the same folder, which may take the place of `path`.
///
/// # Errors
/// The folder cannot be written, or a folder is at `path`.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    tempfile::Builder::new().prefix(".bootstrap-").tempfile_in(folder)
}

fn replace_now(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = beside(path)?;
    new.write_all(content)?;
    // Set on the open file: the mode given at creation would be cut by the umask.
    new.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // No flush to the disk: after a power cut it would be of another boot, and not believed.
    new.persist(path)?;
    Ok(())
}
