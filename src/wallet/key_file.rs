//! A secret in a file, such as a container platform mounts.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Largest secret that is read, in bytes: more than any mnemonic has.
const MAX_SIZE: u64 = 4096;

/// What a key file held, and who can read it.
pub struct KeyFile {
    /// The text, without blanks and newlines around it.
    pub secret: Zeroizing<String>,
    /// Whether others than the owner can read the file.
    pub exposure: Exposure,
}

/// Who can read a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Its owner only.
    Private,
    /// Others too: its group or everybody, by these mode bits.
    Shared {
        /// The file's permission bits, `0o644`.
        mode: u32,
    },
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be opened or read.
    #[error("the key file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device or a pipe.
    #[error("the key file {path} is not a regular file")]
    NotAFile {
        /// What is not a file.
        path: PathBuf,
    },
    /// Too large to be a key.
    #[error("the key file {path} has more than {MAX_SIZE} bytes, too many for a mnemonic or a private key")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Nothing but blanks.
    #[error("the key file {path} is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Not a text.
    #[error("the key file {path} holds no text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFile {
    /// Reads a file that holds one secret. Links are followed, as mounted secrets are links.
    ///
    /// # Errors
    /// [`KeyFileError`], which never quotes what the file holds.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let path = || path.to_owned();
        let read = |source| KeyFileError::Read { path: path(), source };
        // A pipe would keep us waiting in `open`.
        if !std::fs::metadata(path()).map_err(read)?.is_file() {
            return Err(KeyFileError::NotAFile { path: path() });
        }
        let file = File::open(path()).map_err(read)?;
        let mode = file.metadata().map_err(read)?.mode() & 0o7777;
        // Room for all of it at once: a buffer that grows leaves pieces of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE as usize + 1));
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(KeyFileError::TooLarge { path: path() });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| KeyFileError::NotText { path: path() })?.trim();
        if text.is_empty() {
            return Err(KeyFileError::Empty { path: path() });
        }
        let exposure = if mode & 0o077 == 0 { Exposure::Private } else { Exposure::Shared { mode } };
        Ok(Self { secret: Zeroizing::new(text.to_owned()), exposure })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    fn error(path: &Path) -> KeyFileError {
        KeyFile::read(path).err().unwrap()
    }

    #[test]
    fn newlines_around_the_secret_do_not_matter() {
        let (_folder, path) = file(b"\n the secret \r\n\n", 0o600);
        let key = KeyFile::read(&path).unwrap();
        assert_eq!(key.secret.as_str(), "the secret");
        assert_eq!(key.exposure, Exposure::Private);
    }

    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_folder, path) = file(b"x", mode);
            assert_eq!(KeyFile::read(&path).unwrap().exposure, Exposure::Shared { mode });
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused_and_named() {
        let (folder, path) = file(&[b'x'; MAX_SIZE as usize + 1], 0o600);
        assert!(matches!(error(&path), KeyFileError::TooLarge { .. }));
        assert!(error(&path).to_string().contains(path.to_str().unwrap()));
        assert!(matches!(error(folder.path()), KeyFileError::NotAFile { .. }));
        assert!(matches!(error(&folder.path().join("none")), KeyFileError::Read { .. }));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(error(&path), KeyFileError::Empty { .. }));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(error(&path), KeyFileError::NotText { .. }));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(error(&pipe), KeyFileError::NotAFile { .. }));
    }
}
