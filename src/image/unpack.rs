//! What the first stage of a build does: the bundle of an archive, and apart from it what pip reads of it, so that a change of
//! code leaves the stage that installs as it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bundle::archive::{Archive, ArchiveError};
use crate::bundle::requirements::Requirement;
use crate::bundle::value::inner_path;
use crate::bundle::{Limits, LoadError, Manifest};

/// The file that pip is to install from. `docker/Dockerfile` names it.
const FILE: &str = "bootstrap-requirements.txt";

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not fit.
    #[error("the archive is refused")]
    Archive(#[from] ArchiveError),
    /// What it holds is wrong.
    #[error(transparent)]
    Bundle(#[from] LoadError),
    /// What pip needs cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Unpacks an archive to `into/NAME`, the name of its top folder, and what pip reads of it to the folder `requirements`,
/// which must not be there. Gives the bundle's folder.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(archive: &Path, into: &Path, requirements: &Path) -> Result<PathBuf, UnpackError> {
    let archive = Archive::open(archive, Limits::DEFAULT)?;
    let make = |folder: &Path| fs::create_dir_all(folder).map_err(unwritable(folder));
    make(into)?;
    let root = archive.unpack(into)?;
    let (manifest, _) = Manifest::read(&root)?;
    let required = manifest.requirements();
    let is_folder = |path: PathBuf| inner(&path).is_some_and(|path| manifest.root.join(path).is_dir());
    if required.lines().filter_map(Requirement::path).any(is_folder) {
        // `-e .`, `./part`: pip may build it from whatever the bundle has.
        make(requirements)?;
        let whole = archive.unpack(requirements)?;
        let aside = requirements.with_extension("whole");
        let moved = fs::rename(whole, &aside)
            .and_then(|()| fs::remove_dir(requirements))
            .and_then(|()| fs::rename(&aside, requirements));
        moved.map_err(unwritable(requirements))?;
    } else {
        // `./wheels/a.whl`, `--find-links wheels/`.
        let named = required.paths().filter_map(|path| inner(&path));
        for path in required.files.iter().cloned().chain(named) {
            copy(&manifest.root.join(&path), &requirements.join(&path))?;
        }
    }
    let list = requirements.join(FILE);
    let lines = manifest.environment.requirement_lines(|path| manifest.relative(path));
    fs::write(&list, lines).map_err(unwritable(&list))?;
    Ok(root)
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> UnpackError {
    let path = path.to_owned();
    move |source| UnpackError::Unwritable { path, source }
}

/// A path that pip is given, when it is one of the bundle.
fn inner(path: &Path) -> Option<PathBuf> {
    inner_path(&path.to_string_lossy()).ok()
}

/// Copies a file, or the files of a folder without those of the folders in it, where pip does not look.
fn copy(from: &Path, to: &Path) -> Result<(), UnpackError> {
    if from.is_dir() {
        let files = fs::read_dir(from).map_err(unwritable(from))?.flatten();
        return files
            .filter(|file| file.path().is_file())
            .try_for_each(|file| copy(&file.path(), &to.join(file.file_name())));
    }
    // One that another file names and that is not there is for pip to complain of.
    if !from.is_file() {
        return Ok(());
    }
    let copied = fs::create_dir_all(to.parent().unwrap_or(to)).and_then(|()| fs::copy(from, to));
    copied.map(|_| ()).map_err(unwritable(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle;

    /// What the two folders hold for a bundle with this requirements file.
    fn unpacked(requirements: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for inner in ["bundle/src", "bundle/more", "bundle/wheels", "packed"] {
            fs::create_dir_all(at(inner)).unwrap();
        }
        let yaml = "schema_version: '0.1'\nname: a\nversion: '1'\npython: {version: '3.11'}\nentrypoint: {kind: python_function, \
                    module: src.m, function: f}\nenvironment: {pip_requirements: requirements.txt, constraints: more/it's.txt, \
                    extra_index_urls: ['https://index/simple']}\n";
        for (name, text) in [
            ("model.yaml", yaml),
            ("src/m.py", "def f(): return 1\n"),
            ("requirements.txt", requirements),
            ("more/b.txt", "b==1\n"),
            ("more/it's.txt", "c==1\n"),
            ("wheels/d-1-py3-none-any.whl", ""),
        ] {
            fs::write(at("bundle").join(name), text).unwrap();
        }
        let inspected = bundle::inspect(&at("bundle"), Limits::DEFAULT).unwrap();
        let packed = bundle::pack(&inspected, &at("packed")).unwrap();
        let requirements = at("requirements");
        let root = unpack(&packed.archive, &at("workspace"), &requirements).unwrap();
        (folder, root, requirements)
    }

    #[test]
    fn what_pip_reads_is_apart_from_the_code() {
        let (folder, root, requirements) = unpacked("a==1\n-r more/b.txt\n");
        assert_eq!(root, folder.path().join("workspace/a"));
        assert!(root.join("src/m.py").is_file());
        assert!(requirements.join("requirements.txt").is_file() && requirements.join("more/b.txt").is_file());
        assert!(!requirements.join("src").exists() && !requirements.join("model.yaml").exists());
        let list = fs::read_to_string(requirements.join(FILE)).unwrap();
        assert_eq!(
            list,
            "--extra-index-url 'https://index/simple'\n--constraint 'more/it'\"'\"'s.txt'\n--requirement 'requirements.txt'\n"
        );
        let dockerfile = include_str!("../../docker/Dockerfile");
        assert!(dockerfile.contains(&format!("--requirement {FILE}")));
    }

    #[test]
    fn what_is_installed_from_the_bundle_comes_along() {
        let wheel = "wheels/d-1-py3-none-any.whl";
        for (line, needs_all) in [
            (&*format!("./{wheel}"), false),
            ("--find-links=wheels/", false),
            (&format!("d @ file:./{wheel}"), false),
            ("-e .[x]", true),
            ("./src", true),
        ] {
            let (_folder, _, requirements) = unpacked(&format!("a==1\n{line}\n"));
            assert_eq!(requirements.join("src/m.py").exists(), needs_all, "{line}");
            assert!(requirements.join(FILE).is_file() && requirements.join(wheel).is_file(), "{line}");
        }
        let (_folder, _, requirements) = unpacked("src\nmore==1 # ./src\n-r ./more/b.txt\n");
        assert!(!requirements.join("src").exists());
    }
}
