//! The one folder that a model may write to, and the leftovers of workers that were killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use tempfile::TempDir;

const PREFIX: &str = "bootstrap-scratch-";

/// How often a folder is made anew when another worker's sweep takes it before it is locked.
const ATTEMPTS: usize = 8;

/// Our module's names for the processes that a model starts. The module itself exists in the memory
/// of the model process only, and forks share it; a spawned child imports the bundle afresh, which
/// needs the names but not what speaks with the worker. They are those of the package that tests import.
const MODULE: &str = include_str!("../../python/bootstrap_host/__init__.py");

/// A scratch folder, removed when this is dropped. A lock on the folder itself says that it is in
/// use: the kernel takes it off with the worker, however that ends.
#[derive(Debug)]
pub struct Scratch {
    // The folder goes before its lock.
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one in the folder for temporary files, and removes what killed workers of the same user
    /// left there, in a thread of its own: it may be much.
    pub fn new() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        let scratch = Self::within(&parent)?;
        // Leftovers that stay are no reason not to start.
        let _ = std::thread::Builder::new().name("scratch-sweep".into()).spawn(move || sweep(&parent));
        Ok(scratch)
    }

    fn within(parent: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            if let Some(lock) = lock(folder.path())? {
                let scratch = Self { folder, _lock: lock };
                fs::create_dir(scratch.path())?;
                fs::create_dir(scratch.python_path())?;
                fs::write(scratch.python_path().join("bootstrap_host.py"), MODULE)?;
                return Ok(scratch);
            }
        }
        Err(io::Error::other("another process takes each one away"))
    }

    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Where the processes that the model starts find our module: beside the folder, for a model that clears
    /// its scratch folder.
    pub fn python_path(&self) -> PathBuf {
        self.folder.path().join("python")
    }
}

/// Locks a folder of ours. `None`: it is in use, gone, no folder, or another owner's.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let opened = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(folder) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let ours = opened.metadata()?;
    if ours.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(None);
    }
    match opened.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // It may have been removed between the opening and the locking.
    let named = fs::symlink_metadata(folder).ok();
    let same = named.is_some_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
    Ok(same.then_some(opened))
}

/// Removes the scratch folders that nobody holds any more.
fn sweep(parent: &Path) {
    let Ok(entries) = parent.read_dir() else { return };
    for entry in entries.filter_map(Result::ok) {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let Ok(Some(_lock)) = lock(&path) else { continue };
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::debug!(folder = %path.display(), "removed what a killed worker left"),
            Err(error) => tracing::debug!(folder = %path.display(), %error, "a leftover stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_what_is_left_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        let live = Scratch::within(parent.path()).unwrap();
        let left = Scratch::within(parent.path()).unwrap();
        fs::write(left.path().join("cache"), "x").unwrap();
        // As a kill leaves it: the folder is there and its lock is not.
        drop(left._lock);
        let left = left.folder.keep();
        fs::create_dir(at("bootstrap-other")).unwrap();
        fs::write(at("bootstrap-scratch-file"), "x").unwrap();
        std::os::unix::fs::symlink(at("bootstrap-other"), at("bootstrap-scratch-link")).unwrap();

        sweep(parent.path());

        assert!(!left.exists());
        assert!(live.python_path().join("bootstrap_host.py").is_file());
        for kept in ["bootstrap-other", "bootstrap-scratch-file", "bootstrap-scratch-link"] {
            assert!(at(kept).exists(), "{kept}");
        }
        let folder = live.folder.path().to_owned();
        drop(live);
        assert!(!folder.exists());
    }
}
