//! Checksums of bundles and files, by which changed ones are known.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::entry::Kind;
use super::limits::Limits;
use super::tree::Tree;

/// SHA-256, in hexadecimal, over what the archive of the bundle in the folder `root` holds: path, kind and content of
/// each entry. Times and owners do not matter.
///
/// # Errors
/// A file that cannot be read, with its path.
pub fn checksum(root: &Path) -> Result<String, (PathBuf, io::Error)> {
    let mut hash = Sha256::new();
    for entry in Tree::read(root, Limits::DEFAULT).entries {
        // No two lists of entries give the same bytes: a path has no zero, and what follows says its own length.
        hash.update(entry.path.as_bytes());
        hash.update([0]);
        match &entry.kind {
            Kind::Folder => hash.update(b"folder"),
            Kind::Link { target } => hash.update(format!("link {} {target}", target.len())),
            Kind::File { bytes, executable } => {
                hash.update(format!("file {bytes} {executable} "));
                let path = root.join(&entry.path);
                let read = File::open(&path).and_then(|file| {
                    // One that grows meanwhile is a changed one either way.
                    io::copy(&mut io::Read::take(file, *bytes), &mut hash)
                });
                read.map_err(|error| (path, error))?;
            }
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// SHA-256 of a file's content, in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn content_names_and_modes_matter_and_what_is_left_out_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let sum = || checksum(root).unwrap();
        fs::write(root.join("a"), "1").unwrap();
        let first = sum();
        assert_eq!(first, sum());
        fs::write(root.join("module.pyc"), "compiled").unwrap();
        assert_eq!(first, sum());
        fs::write(root.join("a"), "2").unwrap();
        let second = sum();
        fs::rename(root.join("a"), root.join("b")).unwrap();
        let third = sum();
        assert!(first != second && second != third && first != third);
    }
}
