//! What an environment holds, and what it was made from.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Base, Installer};
use crate::atomic_file::{AtomicFile, Durability};
use crate::bundle::checksum::{checksum, of_file};
use crate::bundle::installed;
use crate::bundle::manifest::Manifest;
use crate::bundle::requirements::Requirements;

/// Its file in the environment itself.
const FILE: &str = "bootstrap.lock.json";

/// The lock report of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The interpreter that it was made from.
    pub python: Python,
    /// `uv` or `pip`.
    pub installer: String,
    /// What is installed, by name.
    pub packages: Vec<Package>,
    /// Of all that decides what is to be installed.
    pub stamp: String,
}

/// The interpreter that an environment was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// `3.11.7`.
    pub version: String,
    /// Its path.
    pub executable: PathBuf,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// As indexes compare it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Over the lines of its `RECORD`, which hold path, SHA-256 and size of each file; of one whose line has no hash it is the
    /// file's own. The same for the same package, whoever installed it and where. Nothing, where the installer left no `RECORD`.
    pub sha256: Option<String>,
}

impl Report {
    /// What is in the environment in `folder`.
    pub fn new(stamp: &str, base: Base<'_>, installer: &Installer, folder: &Path) -> Self {
        let python = Python { version: base.version.to_owned(), executable: base.executable.to_owned() };
        let mut packages: Vec<Package> = installed::packages(&folder.join("bin/python"), base.version)
            .into_iter()
            .map(|found| Package { sha256: digest(&found.folder), name: found.name, version: found.version })
            .collect();
        packages.sort();
        packages.dedup();
        Self { python, installer: installer.name().to_owned(), packages, stamp: stamp.to_owned() }
    }

    /// The report that an environment was finished with.
    pub fn of(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(folder)).ok()?).ok()
    }

    /// Where it is in an environment.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Writes it, whole or not at all, when it is not there already.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        if fs::read(path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let mut file = AtomicFile::create(path, 0o644)?;
        file.write_all(&text)?;
        file.commit(Durability::Flushed)
    }
}

/// A hash over the `RECORD` of a package, but for the lines that depend on where and by whom it was installed:
/// scripts, compiled files, and what the installer writes itself.
fn digest(dist_info: &Path) -> Option<String> {
    let record = fs::read_to_string(dist_info.join("RECORD")).ok()?;
    let folder = dist_info.parent()?;
    let own = ["INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"];
    let mut lines: Vec<String> = record
        .lines()
        .filter_map(|line| {
            // A path may have commas; then it is quoted.
            let mut fields = line.rsplitn(3, ',');
            let (_size, hash, path) = (fields.next()?, fields.next()?, fields.next()?.trim_matches('"'));
            let name = path.rsplit('/').next().unwrap_or(path);
            if path.starts_with("..") || path.ends_with(".pyc") || own.contains(&name) {
                return None;
            }
            let content = if hash.is_empty() { of_file(&folder.join(path)).ok() } else { None };
            Some(format!("{line}{}", content.unwrap_or_default()))
        })
        .collect();
    lines.sort_unstable();
    Some(hex::encode(Sha256::digest(lines.join("\n"))))
}

/// Over everything that decides what is to be installed.
pub fn stamp(manifest: &Manifest, requirements: &Requirements, named: Option<&Path>) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        // With their lengths, so that no two lists of texts are one.
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    add(manifest.python.to_string().as_bytes());
    add(named.unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
    for url in &manifest.environment.extra_index_urls {
        add(url.as_bytes());
    }
    for file in &requirements.files {
        add(file.as_os_str().as_encoded_bytes());
        add(&fs::read(manifest.root.join(file)).unwrap_or_default());
    }
    // A wheel or a folder may be another one under the same name.
    for path in requirements.paths() {
        let whole = manifest.root.join(&path);
        let content = if whole.is_dir() { checksum(&whole).ok() } else { of_file(&whole).ok() };
        add(path.as_os_str().as_encoded_bytes());
        add(content.unwrap_or_default().as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_package_is_that_of_its_files_with_or_without_their_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let info = folder.path().join("tool-1.0.dist-info");
        fs::create_dir(&info).unwrap();
        let sum = |record: &str, module: &str| {
            fs::write(info.join("RECORD"), record).unwrap();
            fs::write(folder.path().join("to,ol.py"), module).unwrap();
            digest(&info).unwrap()
        };
        let bare = "\"to,ol.py\",,\ntool-1.0.dist-info/RECORD,,\n../../bin/tool,,\n";
        assert_ne!(sum(bare, "1"), sum(bare, "2"));
        assert_eq!(sum(bare, "1"), sum(&bare.replace("bin/tool", "Scripts/tool"), "1"));
        let hashed = bare.replace(",,\ntool", ",sha256=abc,1\ntool");
        assert_ne!(sum(bare, "1"), sum(&hashed, "1"));
        assert_ne!(sum(&hashed, "1"), sum(&hashed.replace("abc", "abd"), "1"));
    }
}
