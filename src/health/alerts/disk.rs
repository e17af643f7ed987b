//! What is on the disk, looked at now and then.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::DiskUse;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(10);

/// Looks at state folder and log files until it is dropped.
#[derive(Debug)]
pub struct DiskWatch {
    seen: watch::Receiver<Option<DiskUse>>,
    _task: AbortOnDropHandle<()>,
}

impl DiskWatch {
    /// Looks from now on.
    pub fn start(state_dir: PathBuf, log_file: Option<PathBuf>) -> Self {
        let (tell, seen) = watch::channel(None);
        let task = tokio::spawn(async move {
            loop {
                let (state_dir, log_file) = (state_dir.clone(), log_file.clone());
                // A disk that hangs holds one thread, and nobody else.
                let look = move || DiskUse {
                    state: tree_size(&state_dir),
                    log: log_file.map_or(0, |file| log_size(&file)),
                };
                let Ok(used) = tokio::task::spawn_blocking(look).await else { return };
                if tell.send(Some(used)).is_err() {
                    return;
                }
                tokio::time::sleep(PERIOD).await;
            }
        });
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// The last look.
    pub fn last(&self) -> Option<DiskUse> {
        *self.seen.borrow()
    }
}

/// Bytes of all files in a folder and in those below it. Links are not followed.
fn tree_size(folder: &Path) -> u64 {
    let (mut folders, mut bytes) = (vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for (path, metadata) in entries(&folder) {
            if metadata.is_dir() {
                folders.push(path);
            } else {
                bytes += metadata.len();
            }
        }
    }
    bytes
}

/// Bytes of a log file and of those that were rotated: they lie beside it, and their names begin with its name. The
/// worker's own rotation goes on with `.`, that of logrotate with `-`.
fn log_size(file: &Path) -> u64 {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return 0 };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let is_ours = |path: &Path| {
        let rest = path.file_name().and_then(|other| other.as_bytes().strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.is_empty() || matches!(rest.first(), Some(b'.' | b'-')))
    };
    let ours = entries(folder).filter(|(path, metadata)| metadata.is_file() && is_ours(path));
    ours.map(|(_, metadata)| metadata.len()).sum()
}

/// What is in a folder, as far as it can be read.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_below_and_rotated_logs_count_and_what_lies_beside_them_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("state/a/b")).unwrap();
        for (name, bytes) in [("state/1", 1), ("state/a/2", 10), ("state/a/b/3", 100)] {
            fs::write(at(name), vec![0; bytes]).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("state/a/b/circle")).unwrap();
        let link = fs::symlink_metadata(at("state/a/b/circle")).unwrap().len();
        assert_eq!(tree_size(&at("state")), 111 + link);
        fs::create_dir(at("logs")).unwrap();
        for (name, bytes) in [
            ("w.log", 1),
            ("w.log.20300131_235959", 10),
            ("w.log.20300131_235958_001.gz", 100),
            ("w.log-20300131-1927583999.gz", 1_000),
            ("w.logs", 10_000),
        ] {
            fs::write(at("logs").join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!((log_size(&at("logs/w.log")), log_size(&at("none/w.log"))), (1_111, 0));
    }
}
