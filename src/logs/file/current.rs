//! The file that lines are appended to, until it is rotated.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::SystemTime;

/// For its owner, and for a group that collects logs: nothing secret is in them.
pub const FILE_MODE: u32 = 0o640;

/// The file that lines are appended to.
#[derive(Debug)]
pub struct Current {
    file: File,
    /// Device and inode.
    id: (u64, u64),
    /// Bytes in it.
    pub size: u64,
    /// When its first line was written, as far as the file system knows.
    pub since: SystemTime,
}

impl Current {
    /// Opens it at its end, and makes it where it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
        let metadata = file.metadata()?;
        let since = metadata.created().or_else(|_| metadata.modified())?;
        Ok(Self { file, id: id(&metadata), size: metadata.len(), since })
    }

    /// Whether this is what the metadata are of.
    pub fn is(&self, metadata: &Metadata) -> bool {
        self.id == id(metadata)
    }

    /// Appends a line as a whole or not at all.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written @ 1..) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                refused => {
                    self.cut((line.len() - rest.len()) as u64);
                    return Err(refused.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into()));
                }
            }
        }
        self.size += line.len() as u64;
        Ok(())
    }

    /// Takes the last `bytes` back: half a line would spoil the next one.
    fn cut(&self, bytes: u64) {
        if bytes > 0
            && let Ok(metadata) = self.file.metadata()
        {
            // A file that cannot be cut keeps half a line, which is all that is lost.
            let _ = self.file.set_len(metadata.len().saturating_sub(bytes));
        }
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_no_half_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        let mut current = Current::open(&path).unwrap();
        current.append(b"whole\n").unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let own = std::mem::replace(&mut current.file, full);
        assert_eq!(current.append(b"lost\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        current.file = own;
        // As much of a line as there was room for.
        current.file.write_all(b"ha").unwrap();
        current.cut(2);
        current.append(b"whole again\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nwhole again\n");
    }
}
