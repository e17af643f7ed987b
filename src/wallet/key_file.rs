//! A key in a file, such as a container platform mounts.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::settings::{SecretFile, SecretFileError};

/// Largest key that is read, in bytes: more than any mnemonic has.
const MAX_SIZE: usize = 4096;
/// What errors and notices call it.
const KIND: &str = "key file";

/// What a key file held.
pub struct KeyFile {
    /// The text, without blanks and newlines around it.
    pub secret: Zeroizing<String>,
    /// What to say where others than the owner can read it.
    pub notice: Option<String>,
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read, or is no small text.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// Nothing but blanks.
    #[error("the key file {path} is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFile {
    /// Reads a file that holds one secret.
    ///
    /// # Errors
    /// [`KeyFileError`], which never quotes what the file holds.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let file = SecretFile::read(KIND, path, MAX_SIZE)?;
        let text = file.text.trim();
        if text.is_empty() {
            return Err(KeyFileError::Empty { path: path.to_owned() });
        }
        Ok(Self { secret: Zeroizing::new(text.to_owned()), notice: file.exposure.notice(KIND, path) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn blanks_around_the_secret_do_not_matter_and_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "\n the secret \r\n\n").unwrap();
        assert_eq!(KeyFile::read(&path).unwrap().secret.as_str(), "the secret");
        fs::write(&path, " \n").unwrap();
        assert!(matches!(KeyFile::read(&path), Err(KeyFileError::Empty { .. })));
    }
}
