//! What an interpreter has installed, as its folders show without starting it.

use std::fs;
use std::path::{Path, PathBuf};

use super::requirements::project;

/// Where an interpreter looks for packages: in its virtual environment, or, without one, where its builds and
/// distributions put them.
fn folders(executable: &Path, version: &str) -> Vec<PathBuf> {
    let python = format!("python{}", version.rsplit_once('.').map_or(version, |(minor, _)| minor));
    let own = |prefix: &Path| {
        let places = [
            format!("lib/{python}/site-packages"),
            format!("lib64/{python}/site-packages"),
            format!("lib/{python}/dist-packages"),
            format!("local/lib/{python}/dist-packages"),
            "lib/python3/dist-packages".to_owned(),
        ];
        places.map(|place| prefix.join(place))
    };
    let prefix = |executable: &Path| executable.ancestors().nth(2).unwrap_or(executable).to_owned();
    let venv = prefix(executable);
    let config = fs::read_to_string(venv.join("pyvenv.cfg"));
    let is_alone = config.as_ref().is_ok_and(|text| {
        !text.lines().any(|line| line.replace(' ', "") == "include-system-site-packages=true")
    });
    let mut folders = own(&venv).to_vec();
    if !is_alone {
        let base = executable.canonicalize().unwrap_or_else(|_| executable.to_owned());
        folders.extend(own(&prefix(&base)));
        let home = std::env::var_os("HOME").map(PathBuf::from);
        folders.extend(home.map(|home| home.join(format!(".local/lib/{python}/site-packages"))));
    }
    folders
}

/// A package that is installed.
#[derive(Debug)]
pub struct Package {
    /// As indexes compare it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its `.dist-info`.
    pub folder: PathBuf,
}

/// What the interpreter `executable`, a Python of this version, has installed.
pub fn packages(executable: &Path, version: &str) -> Vec<Package> {
    in_folders(folders(executable, version).into_iter()).collect()
}

/// Packages by the names of their folders: `NAME-VERSION.dist-info`, and what was before that.
fn in_folders(folders: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = Package> {
    let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let stem = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
        let (name, rest) = stem.split_once('-')?;
        let version = rest.split("-py").next().unwrap_or(rest).to_owned();
        Some(Package { name: project(name), version, folder: entry.path() })
    })
}
