//! Journals of chains that are gone.

use std::fs;
use std::path::Path;

use super::reader;
use super::store;

/// Removes the journals of chains of which `is_gone` says that they will never come back. One that a process
/// holds stays. What cannot be removed is left for the next time. Gives how many were removed.
pub fn discard(state_dir: &Path, is_gone: impl Fn(&str) -> bool) -> usize {
    let mut removed = 0;
    for path in reader::files(state_dir).unwrap_or_default() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let chain_id = name.split('.').next().unwrap_or_default();
        if !is_gone(chain_id) {
            continue;
        }
        let Ok(lock) = store::lock(&path) else { continue };
        for file in [reader::log_of(&path), reader::index_of(&path), path.clone()] {
            match fs::remove_file(&file) {
                Ok(()) => removed += usize::from(file == path),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::debug!(%error, "{} stays", file.display()),
            }
        }
        drop(lock);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;

    #[test]
    fn journals_of_chains_that_are_gone_are_removed_unless_they_are_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let open = |chain_id| Journal::open(folder.path(), chain_id, "allo1wallet").unwrap();
        let [gone, kept] = ["localnet-1", "localnet"].map(|chain_id| open(chain_id).path().to_owned());
        let used = open("localnet-2");
        assert_eq!(discard(folder.path(), |chain_id| chain_id.starts_with("localnet-")), 1);
        assert!(!gone.exists() && kept.exists() && used.path().exists());
    }
}
