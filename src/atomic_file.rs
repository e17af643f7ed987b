//! A file that takes the place of another as a whole: who reads it sees the old content or the new, never a part.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What a power cut leaves of a file that has just been replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The old file or the new one, whole: the content is on the disk before the name is.
    Flushed,
    /// Perhaps an empty one. For what is written every few seconds and not believed after a boot.
    Cached,
}

/// A new file in the folder of the one that it is to replace. It is gone when it is not committed.
///
/// What lies at the path is replaced, never written through, so that a link which another user has put there leads
/// nowhere.
#[derive(Debug)]
pub struct AtomicFile {
    new: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// An empty file with this mode, as far as the umask lets.
    ///
    /// # Errors
    /// The folder cannot be written, or a folder is at `path`.
    pub fn create(path: &Path, mode: u32) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        if fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut new = tempfile::Builder::new();
        let new = new.prefix(".bootstrap-").permissions(Permissions::from_mode(mode)).tempfile_in(&folder)?;
        Ok(Self { new, path: path.to_owned() })
    }

    /// Gives it these permissions whatever the umask.
    ///
    /// # Errors
    /// The file system has none.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.new.as_file().set_permissions(permissions)
    }

    /// Lets it take its place.
    ///
    /// # Errors
    /// A full disk, or a file of another user in a folder that keeps those. The old file is as it was.
    pub fn commit(self, durability: Durability) -> io::Result<()> {
        if durability == Durability::Flushed {
            self.new.as_file().sync_all()?;
        }
        self.new.persist(&self.path)?;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.new.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.new.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_committed_and_nothing_stays_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        for durability in [Durability::Flushed, Durability::Cached] {
            let mut given_up = AtomicFile::create(&path, 0o644).unwrap();
            given_up.write_all(b"half").unwrap();
            drop(given_up);
            assert_eq!(fs::read_to_string(&path).unwrap(), "old");
            let mut new = AtomicFile::create(&path, 0o644).unwrap();
            new.write_all(b"old").unwrap();
            new.commit(durability).unwrap();
            assert_eq!(names(folder.path()), ["file"]);
        }
    }

    #[test]
    fn a_link_is_replaced_and_a_folder_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("file"), folder.path().join("elsewhere"));
        fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let mut new = AtomicFile::create(&path, 0o600).unwrap();
        new.write_all(b"new").unwrap();
        new.set_permissions(Permissions::from_mode(0o644)).unwrap();
        new.commit(Durability::Cached).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        let refused = AtomicFile::create(folder.path(), 0o644).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::IsADirectory);
    }
}
