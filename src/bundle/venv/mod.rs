//! The virtual environment of a bundle: `.venv` in its folder, with what it requires.
//!
//! | file | noun |
//! |---|---|
//! | `installer` | uv, or venv and pip |
//! | `predecessor` | what a new environment takes the place of |
//! | `report` | what was installed, and from what |
//!
//! A new environment is made beside the old one and takes its place in one step, so that there is a whole one at
//! every moment, whenever an installation ends.

mod installer;
mod predecessor;
mod report;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2};

use super::manifest::Manifest;
use super::requirements::{MAX_BYTES, Requirements};
pub use installer::Installer;
use predecessor::Predecessor;
pub use predecessor::Replaced;
use report::Report;

/// The environment, in the bundle's folder.
const FOLDER: &str = ".venv";
/// Where it is made. Only who holds the lock on the bundle's folder touches it.
const NEW: &str = ".venv.new";
/// What the environment holds, beside it.
const REPORT: &str = ".venv.lock.json";
/// Longest script of an environment that is moved, in bytes; what is longer is a program.
const MAX_SCRIPT: u64 = 1024 * 1024;

/// The interpreter that an environment is made from.
#[derive(Debug, Clone, Copy)]
pub struct Base<'b> {
    /// Its executable.
    pub executable: &'b Path,
    /// `3.11.7`.
    pub version: &'b str,
}

/// What is to be installed.
#[derive(Debug)]
pub struct Plan<'m> {
    manifest: &'m Manifest,
    requirements: Requirements,
    stamp: String,
    /// Nobody else installs into this bundle.
    _lock: Flock<File>,
}

/// Why there is no new environment. The old one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A program that installs did not do its work.
    #[error("{what} for Python {python} failed")]
    Failed {
        /// What it was to do.
        what: &'static str,
        /// The version of Python that it was for. Packages may have no wheels for one.
        python: String,
        /// How it ended.
        #[source]
        source: io::Error,
    },
    /// A file or folder of the environment cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is where the environment is to be, or the one that was there, and is not ours to remove.
    #[error("{} is in the way", .0.display())]
    Occupied(PathBuf),
    /// A requirements file that is longer than any has reason to be.
    #[error("{} has more than {} MiB", .0.display(), MAX_BYTES >> 20)]
    TooLong(PathBuf),
}

impl<'m> Plan<'m> {
    /// Waits until nobody else installs into the bundle, and looks at what it asks for. `named` is the interpreter
    /// that the settings name. `wait` is called before it waits.
    ///
    /// # Errors
    /// When the bundle's folder cannot be locked, or one of its requirements files is too long.
    pub fn new(
        manifest: &'m Manifest,
        named: Option<&Path>,
        wait: impl FnOnce(),
    ) -> Result<Self, InstallError> {
        let unwritable = |source| InstallError::Unwritable { path: manifest.root.clone(), source };
        let folder = File::open(&manifest.root).map_err(unwritable)?;
        let lock = Flock::lock(folder, FlockArg::LockExclusiveNonblock).or_else(|(folder, _)| {
            wait();
            Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, error)| unwritable(error.into()))
        })?;
        let requirements = manifest.requirements();
        if let Some(file) = &requirements.too_long {
            return Err(InstallError::TooLong(manifest.root.join(file)));
        }
        let stamp = report::stamp(manifest, &requirements, named);
        Ok(Self { manifest, requirements, stamp, _lock: lock })
    }

    /// The environment's folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.manifest.root.join(FOLDER)
    }

    /// How many requirements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requirements.lines().count()
    }

    /// Whether the bundle requires nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty
    }

    /// Is the environment that is there the one that is asked for? Starts no Python.
    ///
    /// # Errors
    /// When the report beside it is gone and cannot be written anew.
    pub fn is_done(&self) -> Result<bool, InstallError> {
        let folder = self.folder();
        let Some(report) = Report::of(&folder) else { return Ok(false) };
        if report.stamp != self.stamp || !folder.join("bin/python").exists() {
            return Ok(false);
        }
        // An installation that was killed in its last moment did not write it.
        self.write_beside(&report)?;
        Ok(true)
    }

    /// Makes the environment, and says what became of the one that was there.
    ///
    /// # Errors
    /// [`InstallError`]; the environment that was there is untouched then.
    pub fn install(&self, base: Base<'_>, installer: &Installer) -> Result<Replaced, InstallError> {
        let (folder, new) = (self.folder(), self.manifest.root.join(NEW));
        let predecessor = Predecessor::of(&folder)?;
        remove(&new)?;
        let made = self.make(&new, base, installer).and_then(|report| {
            relocate(&new, &folder)
                .map_err(|source| InstallError::Unwritable { path: new.clone(), source })?;
            predecessor
                .replace(&new, &folder)
                .map_err(|source| InstallError::Unwritable { path: folder.clone(), source })?;
            Ok(report)
        });
        // What was not made, or what it has replaced.
        let removed = remove(&new);
        let report = made?;
        self.write_beside(&report)?;
        removed.map(|()| predecessor.replaced_by(&report))
    }

    fn make(&self, new: &Path, base: Base<'_>, installer: &Installer) -> Result<Report, InstallError> {
        installer.make(base, new, &self.manifest.name)?;
        let environment = &self.manifest.environment;
        if !self.is_empty() {
            installer.install(base, new, &self.manifest.root, environment)?;
        }
        let report = Report::new(&self.stamp, base, installer, new);
        report
            .write(&Report::path(new))
            .map_err(|source| InstallError::Unwritable { path: new.to_owned(), source })?;
        Ok(report)
    }

    fn write_beside(&self, report: &Report) -> Result<(), InstallError> {
        let path = self.manifest.root.join(REPORT);
        report.write(&path).map_err(|source| InstallError::Unwritable { path, source })
    }
}

fn remove(folder: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(InstallError::Unwritable { path: folder.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Writes the path that the environment will have into the scripts and the configuration that say the one it
/// was made at.
fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    let (old, new) = (from.to_string_lossy(), to.to_string_lossy());
    let scripts = fs::read_dir(from.join("bin"))?.map(|entry| entry.map(|entry| entry.path()));
    for path in scripts.chain([Ok(from.join("pyvenv.cfg"))]) {
        let path = path?;
        let metadata = path.symlink_metadata()?;
        if !metadata.is_file() || metadata.len() > MAX_SCRIPT {
            continue;
        }
        // A program is no text and finds its way by itself.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.contains(&*old) {
            fs::write(&path, text.replace(&*old, &new))?;
        }
    }
    Ok(())
}

/// Puts `new` in the place of `folder` in one step. What was there is at `new` afterwards.
fn swap(new: &Path, folder: &Path) -> io::Result<()> {
    if folder.symlink_metadata().is_ok() {
        Ok(renameat2(AT_FDCWD, new, AT_FDCWD, folder, RenameFlags::RENAME_EXCHANGE)?)
    } else {
        fs::rename(new, folder)
    }
}
