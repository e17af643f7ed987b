//! What a new environment takes the place of.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::report::Report;
use super::{InstallError, swap};
use crate::bundle::installed;

/// Where an environment is kept that somebody else made.
const OLD: &str = ".venv.old";

/// What lies where the environment is to be.
#[derive(Debug)]
pub(super) enum Predecessor {
    /// Nothing, or an environment that was made here, with what it holds beside what was installed then.
    Own { added: Vec<installed::Package> },
    /// Somebody else's, which is to be kept at this path.
    Foreign { kept: PathBuf },
}

/// What has become of the environment that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It is gone, with these packages (`NAME VERSION`) that were added to it and that the new one does not have.
    Own {
        /// None, when all of it was ours.
        dropped: Vec<String>,
    },
    /// It was not made here, and is kept in this folder.
    Kept(PathBuf),
}

impl Predecessor {
    /// What is in `folder`, which is to be the environment.
    ///
    /// # Errors
    /// [`InstallError::Occupied`]: something is in the way that is not ours to remove.
    pub fn of(folder: &Path) -> Result<Self, InstallError> {
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        if !is_there(folder) {
            return Ok(Self::Own { added: Vec::new() });
        }
        // A link that leads nowhere is a broken environment.
        if folder.exists() && !folder.is_dir() {
            return Err(InstallError::Occupied(folder.to_owned()));
        }
        let Some(report) = Report::of(folder) else {
            let kept = folder.with_file_name(OLD);
            return if is_there(&kept) {
                Err(InstallError::Occupied(kept))
            } else {
                Ok(Self::Foreign { kept })
            };
        };
        let known: HashSet<_> = report.packages.iter().map(|package| package.name.as_str()).collect();
        let mut added = installed::packages(&folder.join("bin/python"), &report.python.version);
        added.retain(|package| !known.contains(package.name.as_str()));
        Ok(Self::Own { added })
    }

    /// Puts the environment in `new` in its place. What was ours is at `new` afterwards.
    pub fn replace(&self, new: &Path, folder: &Path) -> io::Result<()> {
        match self {
            Self::Own { .. } => swap(new, folder),
            // The new one goes first to where the other is to be kept, so that one step puts both in their places: whenever
            // this ends, there is one at `folder`, and theirs is never at `new`, from where it would be removed.
            Self::Foreign { kept } => {
                fs::rename(new, kept)?;
                // Back, so that what was made is removed and the place is free the next time. The first error says more.
                swap(kept, folder).inspect_err(|_| drop(fs::rename(kept, new)))
            }
        }
    }

    /// What has become of it, now that there is what `report` says.
    pub fn replaced_by(self, report: &Report) -> Replaced {
        match self {
            Self::Own { added } => {
                let is_gone = |added: &installed::Package| {
                    report.packages.iter().all(|package| package.name != added.name)
                };
                let gone = added.iter().filter(|added| is_gone(added));
                let mut dropped: Vec<_> =
                    gone.map(|package| format!("{} {}", package.name, package.version)).collect();
                dropped.sort();
                dropped.dedup();
                Replaced::Own { dropped }
            }
            Self::Foreign { kept } => Replaced::Kept(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a foreign environment, and where it is to be kept.
    fn foreign() -> (tempfile::TempDir, PathBuf, Predecessor) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(".venv");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("notes"), "mine").unwrap();
        let predecessor = Predecessor::of(&folder).unwrap();
        (root, folder, predecessor)
    }

    #[test]
    fn what_somebody_else_made_is_there_until_the_new_one_is() {
        let (root, folder, predecessor) = foreign();
        let new = root.path().join(".venv.new");
        predecessor.replace(&new, &folder).unwrap_err();
        assert_eq!(fs::read_to_string(folder.join("notes")).unwrap(), "mine");
        assert!(!root.path().join(OLD).exists());
    }

    #[test]
    fn what_somebody_else_made_changes_places_with_the_new_one() {
        let (root, folder, predecessor) = foreign();
        let new = root.path().join(".venv.new");
        fs::create_dir(&new).unwrap();
        predecessor.replace(&new, &folder).unwrap();
        assert_eq!(fs::read_to_string(root.path().join(OLD).join("notes")).unwrap(), "mine");
        assert!(folder.is_dir() && !folder.join("notes").exists() && !new.exists());
    }
}
