//! Journals of chains that are gone.

use std::fs;
use std::path::Path;

use super::reader;
use super::store;

/// Removes the journals of chains of which `is_gone` says that they will never come back. One that a process
/// holds stays. What cannot be removed is left for the next time.
pub fn discard(state_dir: &Path, is_gone: impl Fn(&str) -> bool) {
    for path in reader::files(state_dir).unwrap_or_default() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let chain_id = name.split('.').next().unwrap_or_default();
        if !is_gone(chain_id) {
            continue;
        }
        let Ok(lock) = store::lock(&path) else { continue };
        for file in [reader::log_of(&path), reader::index_of(&path), path.clone()] {
            match fs::remove_file(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::debug!(%error, "{} stays", file.display()),
            }
        }
        drop(lock);
    }
}
