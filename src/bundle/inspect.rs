//! Everything that is wrong with a bundle, also what does not keep it from starting.

use std::path::{Path, PathBuf};

use super::limits::Limits;
use super::manifest::{FILE_NAME, LoadError, Manifest};
use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::requirements::{self, Requirements};
use super::tree::Tree;
use super::value::{inner_path, quoted};
use super::{entrypoint, files, secrets};

/// A bundle without errors, as far as that shows without Python.
#[derive(Debug)]
pub struct Inspected {
    /// What it says about itself.
    pub manifest: Manifest,
    /// What does not keep it from running, sorted by place.
    pub warnings: Vec<Problem>,
    pub(super) tree: Tree,
}

/// Reads the bundle in the folder `root` and looks at what its manifest names and at every file that an
/// archive of it would hold.
///
/// # Errors
/// [`LoadError::Missing`] when there is no such folder, otherwise every problem at once, sorted by place.
pub fn inspect(root: &Path, limits: Limits) -> Result<Inspected, LoadError> {
    let mut tree = Tree::default();
    let (manifest, warnings) = Manifest::load(root, |root, reader| {
        files::look(root, reader);
        let module = entrypoint::look(root, reader);
        let requirements = requirements::look(root, reader);
        tree = Tree::read(root, limits);
        reader.problems.append(&mut tree.problems);
        secrets::look(root, &tree, &requirements, reader);
        look_for_left_out(root, &tree, module, &requirements, reader);
    })?;
    Ok(Inspected { manifest, warnings, tree })
}

/// Every problem of the bundle in the folder `root`, sorted by place.
///
/// # Errors
/// [`LoadError::Missing`] when there is no such folder.
pub fn check(root: &Path) -> Result<Vec<Problem>, LoadError> {
    match inspect(root, Limits::DEFAULT) {
        Ok(bundle) => Ok(bundle.warnings),
        Err(LoadError::Wrong { source, .. }) => Ok(source.into()),
        Err(missing @ LoadError::Missing { .. }) => Err(missing),
    }
}

/// Notes the files that a bundle cannot be without and that its archive would not hold.
fn look_for_left_out(
    root: &Path,
    tree: &Tree,
    module: Option<PathBuf>,
    requirements: &Requirements,
    reader: &mut Reader<'_>,
) {
    if tree.is_cut {
        return;
    }
    // What is not there was noted already.
    let real = |path: &Path| Some(root.join(path).canonicalize().ok()?.strip_prefix(root).ok()?.to_owned());
    let keys = [
        "environment.pip_requirements",
        "environment.constraints",
        "entrypoint.workdir",
        "entrypoint.artifacts_dir",
    ];
    let named = keys.into_iter().filter_map(|key| {
        let (text, place) = reader.text(key)?;
        Some((inner_path(text).ok()?, place))
    });
    let module = module.map(|file| (file, reader.place("entrypoint.module")));
    let included = requirements.included.iter().filter_map(|include| {
        Some((inner_path(&include.path.to_string_lossy()).ok()?, include.place.clone()))
    });
    let manifest = (FILE_NAME.into(), Place::file(FILE_NAME));
    let installed = requirements
        .lines()
        .filter_map(|line| Some((inner_path(&line.path()?.to_string_lossy()).ok()?, line.place.clone())));
    let missing: Vec<Problem> = std::iter::once(manifest)
        .chain(named)
        .chain(module)
        .chain(included)
        .chain(installed)
        // The root itself is no entry of the archive.
        .filter(|(path, _)| real(path).is_some_and(|real| real != Path::new("") && !tree.holds(&real)))
        .map(|(path, place)| {
            let shown = quoted(&path.to_string_lossy());
            let message = format!("{shown} is left out of archives of the bundle");
            Problem::error(Code::MissingFile, place, message, "change .bundleignore, or rename it")
        })
        .collect();
    reader.problems.extend(missing);
}
