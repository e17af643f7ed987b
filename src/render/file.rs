//! A rendered file, and how it gets to the disk.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::atomic_file::{AtomicFile, Durability};

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its usual name, without a folder.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// What became of the place where a file was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was none.
    New,
    /// The same was there already.
    Unchanged,
    /// Another one was there, and is no more.
    Replaced,
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", .path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl File {
    /// Writes it into a folder, which is made when it is not there; a reader sees the old content or the new.
    ///
    /// # Errors
    /// No right to write there, or a full disk.
    pub fn write_to(&self, folder: &Path) -> Result<Written, WriteError> {
        let path = folder.join(&self.name);
        self.replace(folder, &path).map_err(|source| WriteError { path, source })
    }

    fn replace(&self, folder: &Path, path: &Path) -> io::Result<Written> {
        let written = match fs::read(path) {
            Ok(there) if there == self.text.as_bytes() => return Ok(Written::Unchanged),
            Ok(_) => Written::Replaced,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Written::New,
            Err(error) => return Err(error),
        };
        fs::create_dir_all(folder)?;
        let mut new = AtomicFile::create(path, 0o600)?;
        new.write_all(self.text.as_bytes())?;
        // Service managers of other users read it; there is no secret in it.
        new.set_permissions(Permissions::from_mode(0o644))?;
        new.commit(Durability::Flushed)?;
        Ok(written)
    }
}
