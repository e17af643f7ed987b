//! Everything that is wrong with a bundle, also what does not keep it from starting.

use std::path::Path;

use super::manifest::{LoadError, Manifest};
use super::problem::Problem;
use super::{entrypoint, files, requirements, secrets};

/// Reads the bundle in the folder `root` and looks at what its manifest names and at every file
/// that an archive of it would hold. The problems are sorted by place.
///
/// # Errors
/// [`LoadError::Missing`] when there is no such folder.
pub fn check(root: &Path) -> Result<Vec<Problem>, LoadError> {
    let found = Manifest::load(root, |root, reader| {
        files::look(root, reader);
        entrypoint::look(root, reader);
        requirements::look(root, reader);
        secrets::look(root, reader);
    });
    match found {
        Ok((_, warnings)) => Ok(warnings),
        Err(LoadError::Wrong { source, .. }) => Ok(source.into()),
        Err(missing @ LoadError::Missing { .. }) => Err(missing),
    }
}
