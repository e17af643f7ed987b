//! What of a bundle's requirements an interpreter has installed, as its folders show without starting it.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::requirements::{Requirement, project};

/// A requirement that is not installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// `numpy==1.26.4`.
    pub requirement: String,
    /// The version that is there instead.
    pub found: Option<String>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.requirement)?;
        self.found.iter().try_for_each(|found| write!(f, " (but {found})"))
    }
}

impl Manifest {
    /// The requirements that the interpreter `executable`, a Python of this version such as `3.11.7`, does not
    /// have. `paths` are searched beside its own folders. What cannot be told counts as installed.
    #[must_use]
    pub fn unmet(&self, executable: &Path, version: &str, paths: &[PathBuf]) -> Vec<Unmet> {
        let requirements = self.requirements();
        if requirements.listed.is_empty() {
            return Vec::new();
        }
        let installed = in_folders(folders(executable, version).into_iter().chain(paths.iter().cloned()));
        let installed = installed.map(|package| (package.name, package.version)).collect();
        requirements.listed.iter().filter_map(|requirement| unmet(requirement, &installed)).collect()
    }
}

/// What has a marker may not be meant for this interpreter, and of versions only exact ones are compared: the
/// rest is for pip to judge.
fn unmet(requirement: &Requirement, installed: &HashMap<String, String>) -> Option<Unmet> {
    if requirement.marker().is_some() {
        return None;
    }
    let found = installed.get(&requirement.project());
    let fits = found.is_some_and(|found| {
        let pin = requirement.pin().filter(|_| requirement.url().is_none());
        pin.is_none_or(|pin| release(pin) == release(found))
    });
    (!fits).then(|| Unmet { requirement: requirement.text().to_owned(), found: found.cloned() })
}

/// A version as two that are the same have it: 1.0 is 1.0.0, and 1.0+cpu is a build of it (PEP 440).
fn release(version: &str) -> &str {
    let mut public = version.split('+').next().unwrap_or(version).trim();
    while let Some(shorter) = public.strip_suffix(".0") {
        public = shorter;
    }
    public
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_exact_versions_decide_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let packages = root.join(".venv/lib/python3.11/site-packages");
        for name in ["numpy-1.26.4", "scikit_learn-1.4.0", "Local-1.0", "torch-2.2+cpu"] {
            fs::create_dir_all(packages.join(format!("{name}.dist-info"))).unwrap();
        }
        fs::write(root.join(".venv/pyvenv.cfg"), "include-system-site-packages = false\n").unwrap();
        let requirements = "numpy==1.26.4\nscikit-learn==1.5\nlocal @ file:///x\ntorch==2.2.0\nscikit_learn>=9\nabsent\nabsent==1 ; \
                            python_version >= '3.12'\nnot a requirement!\n";
        fs::write(root.join("requirements.txt"), requirements).unwrap();
        let yaml = "schema_version: '0.1'\nname: a\nversion: '1'\npython: {version: '3.11'}\nentrypoint: {kind: python_function, \
                    module: m, function: f}\nenvironment: {pip_requirements: requirements.txt}\n";
        let (manifest, _) = Manifest::from_text(root, yaml.as_bytes());
        let unmet = manifest.unwrap().unmet(&root.join(".venv/bin/python"), "3.11.7", &[]);
        let unmet: Vec<String> = unmet.iter().map(Unmet::to_string).collect();
        assert_eq!(unmet, ["scikit-learn==1.5 (but 1.4.0)", "absent", "not a requirement!"]);
    }
}
