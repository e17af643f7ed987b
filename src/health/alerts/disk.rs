//! What is on the disk, looked at now and then.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::DiskUse;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(10);

/// Looks at state folder and log file until it is dropped.
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
                    state: folder_size(&state_dir),
                    log: log_file.and_then(|file| fs::metadata(file).ok()).map_or(0, |file| file.len()),
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

/// Bytes of all files in a folder. It has no folders of its own.
fn folder_size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
