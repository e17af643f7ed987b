//! The files that a manifest names.

use std::fs;
use std::io;
use std::path::Path;

use super::manifest::FILE_NAME;
use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::value::{inner_path, quoted};

/// What a path must lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    File,
    Folder,
}

const REQUIRED: [(&str, Target); 3] = [
    ("entrypoint.workdir", Target::Folder),
    ("environment.pip_requirements", Target::File),
    ("environment.constraints", Target::File),
];

/// Notes every named file and folder that is not there or is outside. `root` has no links in it.
pub fn look(root: &Path, reader: &mut Reader<'_>) {
    for (key, target) in REQUIRED {
        // A value that is no inner path has been noted already.
        let Some((text, place)) = reader.text(key) else { continue };
        let Ok(path) = inner_path(text) else { continue };
        reader.problems.extend(problem(root, key, &path, target, place));
    }
}

fn problem(root: &Path, key: &str, path: &Path, target: Target, place: Place) -> Option<Problem> {
    let shown = quoted(&path.to_string_lossy());
    let missing = |what: String, fix: &str| {
        Some(Problem::error(Code::MissingFile, place.clone(), format!("`{key}`: {what}"), fix))
    };
    let real = match root.join(path).canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let fix = "make it, or correct the path; it is relative to the bundle's root";
            return missing(format!("{shown} is not there"), fix);
        }
        Err(error) => return missing(format!("{shown} cannot be read: {error}"), "let this user read it"),
    };
    if !real.starts_with(root) {
        let message = format!("`{key}`: {shown} is a link that leaves the bundle");
        let fix = "copy what it names into the bundle";
        return Some(Problem::error(Code::OutsideBundle, place, message, fix));
    }
    match target {
        Target::File if !real.is_file() => missing(format!("{shown} is not a file"), "name a file"),
        Target::Folder if !real.is_dir() => missing(format!("{shown} is not a folder"), "name a folder"),
        Target::File | Target::Folder => None,
    }
}

/// Some folders in `root` that hold a manifest, by name.
pub fn bundles_below(root: &Path) -> Vec<String> {
    /// Most that are named.
    const NAMED: usize = 4;
    /// Most entries that are looked at: the folder may be any.
    const SEEN: usize = 1000;
    let entries = fs::read_dir(root).into_iter().flatten().flatten().take(SEEN);
    let bundles = entries.filter(|entry| entry.path().join(FILE_NAME).is_file());
    let mut names: Vec<_> = bundles.map(|entry| quoted(&entry.file_name().to_string_lossy())).collect();
    names.sort();
    names.truncate(NAMED);
    names
}
