//! Folders for workers.

use std::fs;

use anyhow::Result;
use tempfile::TempDir;

/// Cargo's own place for the files of benches.
const PARENT: &str = env!("CARGO_TARGET_TMPDIR");

/// A new folder that is not among those that everybody else has left in `/tmp`: a model is granted each file and folder
/// beside those that it may not read, so that a crowd of them would be measured.
pub fn new() -> Result<TempDir> {
    fs::create_dir_all(PARENT)?;
    Ok(TempDir::new_in(PARENT)?)
}
