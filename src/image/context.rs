//! The folder that an engine builds an image from.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::host::Host;
use crate::bundle::{self, Inspected, PackError};
use crate::render::{self, WriteError};

/// A build context. Gone with this, since settings of the host may hold passwords.
#[derive(Debug)]
pub struct Context(TempDir);

/// Why there is no build context.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The bundle cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The Dockerfile cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file of this machine that belongs in it cannot be copied.
    #[error("{} cannot be copied to a temporary folder", path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Context {
    /// Writes the archive of the bundle, the Dockerfile for this version of Python, such as `3.12`, this `program` and the
    /// host's files into a temporary folder.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn new(bundle: &Inspected, python: &str, program: &Path, host: &Host) -> Result<Self, ContextError> {
        let in_temporary = |source| ContextError::Copy { path: program.to_owned(), source };
        let folder = tempfile::Builder::new().prefix("bootstrap-image-").tempdir().map_err(in_temporary)?;
        let context = Self(folder);
        bundle::pack(bundle, context.path())?;
        render::dockerfile(&bundle.manifest, python).write_to(context.path())?;
        context.copy(program, "bootstrap")?;
        let binary = context.path().join("bootstrap");
        fs::set_permissions(binary, Permissions::from_mode(0o755)).map_err(in_temporary)?;
        for (from, to) in &host.files {
            context.copy(from, &format!("host{to}"))?;
        }
        Ok(context)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn copy(&self, from: &Path, to: &str) -> Result<(), ContextError> {
        let to = self.path().join(to);
        let copied = fs::create_dir_all(to.parent().unwrap_or(&to)).and_then(|()| fs::copy(from, &to));
        copied.map(|_| ()).map_err(|source| ContextError::Copy { path: from.to_owned(), source })
    }
}
