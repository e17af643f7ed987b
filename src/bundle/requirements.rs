//! What a bundle needs installed, as its requirements file says it.
//!
//! | file | noun |
//! |---|---|
//! | `line` | the lines of a requirements file |
//! | `requirement` | one that names what is to be installed |

mod line;
mod requirement;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use line::{Line, lines};
use requirement::path;
pub use requirement::{Requirement, Wheel, file_name, is_repository, project};

use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::value::{inner_path, quoted};

/// Most files that are read: those that name each other with `-r`.
const MAX_FILES: usize = 32;
/// Longest of them, in bytes. One with the hashes of every wheel of some hundred projects has a few hundred kilobytes.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A requirements file and what it includes, with its constraints.
#[derive(Debug, Default)]
pub struct Requirements {
    /// The requirements that name a project, in order.
    pub listed: Vec<Requirement>,
    /// The URLs, files and folders that are to be installed, whichever projects they hold, in order.
    pub references: Vec<Requirement>,
    /// The further files that `-r` and `-c` name.
    pub included: Vec<Included>,
    /// The files that were read, below the root, sorted.
    pub files: Vec<PathBuf>,
    /// The one that is longer than [`MAX_BYTES`] and was not read.
    pub too_long: Option<PathBuf>,
    /// Whether nothing stands in them but comments. What cannot be read is for the installer to judge.
    pub is_empty: bool,
    /// Exact versions of the constraints, by project.
    constrained: HashMap<String, String>,
    /// Folders of archives to choose from, as [`Requirement::path`].
    links: Vec<PathBuf>,
}

/// A file that another one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Relative to the bundle's root, out of which it may lead, or absolute.
    pub path: PathBuf,
    /// Where it is named.
    pub place: Place,
}

/// What a file and those that it includes say.
#[derive(Default)]
struct Said {
    included: Vec<Included>,
    listed: Vec<Requirement>,
    references: Vec<Requirement>,
    /// The lines of constraints.
    limits: Vec<Requirement>,
    links: Vec<PathBuf>,
    too_long: Option<PathBuf>,
    /// Is there more than comments?
    asks: bool,
}

impl Requirements {
    /// Reads the two files, paths below `root`. What cannot be read has no lines.
    pub fn read(root: &Path, requirements: &Path, constraints: Option<&Path>) -> Self {
        let mut seen = HashSet::new();
        let mut said = collect(root, requirements, &mut seen);
        if let Some(constraints) = constraints {
            said.constrain(collect(root, constraints, &mut seen));
        }
        let pinned = said.limits.iter().filter_map(|line| Some((line.project(), line.pin()?.to_owned())));
        let mut files: Vec<PathBuf> = seen.into_iter().collect();
        files.sort();
        Self {
            constrained: pinned.collect(),
            listed: said.listed,
            references: said.references,
            included: said.included,
            files,
            too_long: said.too_long,
            is_empty: !said.asks,
            links: said.links,
        }
    }

    /// Every line that names what is to be installed.
    pub fn lines(&self) -> impl Iterator<Item = &Requirement> {
        self.listed.iter().chain(&self.references)
    }

    /// What an interpreter can be asked for: projects, and those of wheels, by their file names.
    pub fn projects(&self) -> Vec<String> {
        let wheels = self.references.iter().filter_map(|reference| {
            let Wheel { project, version } = reference.wheel()?;
            let marker = reference.marker().map(|marker| format!("; {marker}"));
            Some(format!("{project}=={version}{}", marker.unwrap_or_default()))
        });
        self.listed.iter().map(|requirement| requirement.text().to_owned()).chain(wheels).collect()
    }

    /// The files and folders that are installed from: relative to the bundle's root, or absolute.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.lines().filter_map(Requirement::path).chain(self.links.iter().cloned())
    }

    /// The one version of a requirement that will do, by its own line or by the constraints.
    pub fn version_of<'r>(&'r self, requirement: &'r Requirement) -> Option<&'r str> {
        requirement.pin().or_else(|| self.constrained.get(&requirement.project()).map(String::as_str))
    }
}

/// Notes every requirement that neither its own line nor the constraints pin, and those that are no files of the bundle and
/// should be. Gives all of them.
pub fn look(root: &Path, reader: &mut Reader<'_>) -> Requirements {
    let path = |reader: &Reader<'_>, key| inner_path(reader.text(key)?.0).ok();
    let Some(file) = path(reader, "environment.pip_requirements") else { return Requirements::default() };
    let constraints = path(reader, "environment.constraints");
    let requirements = Requirements::read(root, &file, constraints.as_deref());
    if let Some(file) = &requirements.too_long {
        let message = format!("it has more than {} MiB", MAX_BYTES >> 20);
        let place = Place::file(file.to_string_lossy());
        let fix = "keep in it what the model needs installed";
        reader.problems.push(Problem::error(Code::TooLarge, place, message, fix));
    }
    // Where its marker does not hold, pip does not look for a path.
    let unmarked = |line: &Requirement| line.path().filter(|_| line.marker().is_none());
    let lines = requirements.lines().filter_map(|line| {
        loose(&requirements, line).or_else(|| absent(root, &unmarked(line)?, &line.place))
    });
    let included = requirements.included.iter().filter_map(|file| absent(root, &file.path, &file.place));
    reader.problems.extend(lines.chain(included));
    requirements
}

/// A requirement that is not pinned.
fn loose(requirements: &Requirements, line: &Requirement) -> Option<Problem> {
    let (what, fix) = match line.url() {
        Some(_) if line.is_fixed() || !line.hashes.is_empty() => return None,
        Some(url) if is_repository(url) => {
            (line.public(), "write `@` and the 40 digits of the commit behind it".into())
        }
        Some(_) => (line.public(), "write `#sha256=` and the hash of the file behind it".into()),
        None if requirements.version_of(line).is_some() => return None,
        None => {
            let fix = format!("write `{}==` and the version that the model was made with", line.name());
            (Some(line.text.clone()), fix)
        }
    };
    let what = quoted(what.as_deref().unwrap_or("a URL"));
    let message = format!("the version of {what} is not pinned");
    Some(Problem::warning(Code::Unpinned, line.place.clone(), message, fix))
}

/// A file or folder that pip is to read and no other machine will have.
fn absent(root: &Path, path: &Path, place: &Place) -> Option<Problem> {
    let shown = quoted(&path.to_string_lossy());
    let (code, message, fix) = match inner_path(&path.to_string_lossy()) {
        Ok(inner) if root.join(&inner).exists() => return None,
        Ok(_) => (
            Code::MissingFile,
            format!("{shown} is not there"),
            "correct the path; it is relative to the bundle's root",
        ),
        Err(_) => {
            let message =
                format!("{shown} is outside of the bundle, where an archive or image of it has nothing");
            (Code::OutsideBundle, message, "copy it into the bundle, and name it there")
        }
    };
    Some(Problem::error(code, place.clone(), message, fix))
}

impl Said {
    fn include(&mut self, mut other: Self) {
        self.listed.append(&mut other.listed);
        self.references.append(&mut other.references);
        self.limits.append(&mut other.limits);
        self.included.append(&mut other.included);
        self.links.append(&mut other.links);
        self.too_long = self.too_long.take().or(other.too_long);
        self.asks |= other.asks;
    }

    /// Takes the other's lines for constraints.
    fn constrain(&mut self, mut other: Self) {
        other.limits.append(&mut other.listed);
        other.references.clear();
        self.include(other);
    }
}

/// The lines of a file and of those that it names.
fn collect(root: &Path, file: &Path, seen: &mut HashSet<PathBuf>) -> Said {
    let mut said = Said::default();
    if seen.len() >= MAX_FILES || !seen.insert(file.to_owned()) {
        return said;
    }
    let whole = root.join(file);
    if whole.metadata().is_ok_and(|kind| kind.len() > MAX_BYTES) {
        said.too_long = Some(file.to_owned());
        return said;
    }
    let Some(text) = text_file::read(&whole, MAX_BYTES) else {
        said.asks = true;
        return said;
    };
    said.asks = text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines(file, &text) {
        match line {
            Line::Project(requirement) => said.listed.push(requirement),
            Line::Reference(requirement) => said.references.push(requirement),
            Line::Include { path: text, is_constraint, place } => {
                let Some(named) = path(text) else { continue };
                let below = file.parent().unwrap_or(Path::new("")).join(named);
                said.included.push(Included { path: below.clone(), place });
                let Ok(inner) = inner_path(&below.to_string_lossy()) else { continue };
                let other = collect(root, &inner, seen);
                if is_constraint { said.constrain(other) } else { said.include(other) }
            }
            Line::FindLinks(text) => said.links.extend(path(text)),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects(text: &str) -> Vec<Requirement> {
        let lines = lines(Path::new("requirements.txt"), text).into_iter();
        lines
            .filter_map(|line| if let Line::Project(requirement) = line { Some(requirement) } else { None })
            .collect()
    }

    #[test]
    fn exact_versions_and_urls_are_pins() {
        let text = "numpy==1.26.4
scikit_learn[all]===1.4 ; python_version < '3.13'  # why
pkg @ https://example.com/pkg-1.0-py3-none-any.whl
torch==2.2.0 \\
    --hash=sha256:abc \\
    --hash=sha256:def
-r more.txt
--index-url https://example.com/simple
./local
# a comment
https://example.com/a.whl

  Pandas>=2  # loose
requests
scipy==1.*
a==1,<2
";
        let projects = projects(text);
        let loose: Vec<_> =
            projects.iter().filter(|line| line.pin().is_none() && line.url().is_none()).collect();
        assert_eq!(
            loose.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
            ["Pandas>=2", "requests", "scipy==1.*", "a==1,<2"]
        );
        let place = &loose[0].place;
        assert_eq!((place.line, place.column, loose[0].name()), (Some(13), Some(3), "Pandas"));
        assert_eq!(projects[1].pin(), Some("1.4"));
        assert_eq!(projects[1].marker(), Some("python_version < '3.13'"));
        assert_eq!(projects[3].hashes, ["sha256:abc", "sha256:def"]);
    }

    #[test]
    fn what_has_no_project_is_listed_apart_and_pinned_by_what_it_names() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for (line, is_project, is_pinned) in [
            ("./wheels/parcel-1.0-py3-none-any.whl", false, true),
            ("parcel-1.0-py3-none-any.whl ; python_version > '3'", false, true),
            ("wheels/parcel.zip", false, true),
            ("-e .", false, true),
            ("--editable=./part[x]", false, true),
            ("https://example.com/a-1.tar.gz", false, true),
            ("https://example.com/download?id=1", false, false),
            ("https://example.com/download#sha256=ab", false, true),
            ("git+https://example.com/a", false, false),
            ("-e git+https://example.com/a@main#egg=a", false, false),
            (&format!("git+https://example.com/a@{commit}#egg=a"), false, true),
            ("a @ git+https://example.com/a@main", true, false),
            (&format!("a[x] @ git+https://example.com/a@{commit}"), true, true),
            ("a@https://example.com/a.whl", true, false),
            ("a@https://example.com/a-1-py3-none-any.whl", true, true),
            ("a@file:///srv/a.zip", true, true),
            ("https://example.com/a/archive/refs/heads/main.zip", false, false),
            ("https://example.com/a/archive/refs/heads/release-2.zip", false, false),
            ("https://example.com/a/archive/refs/tags/v1.tar.gz", false, false),
            ("https://example.com/a/archive/refs/heads/main.zip#sha256=ab", false, true),
            (&format!("https://example.com/a/archive/{commit}.zip"), false, true),
        ] {
            let mut read = lines(Path::new("requirements.txt"), line);
            let (named, requirement) = match read.pop() {
                Some(Line::Project(requirement)) => (true, requirement),
                Some(Line::Reference(requirement)) => (false, requirement),
                _ => panic!("{line}"),
            };
            assert_eq!((named, requirement.is_fixed()), (is_project, is_pinned), "{line}");
        }
        let hidden = lines(Path::new("r.txt"), "git+https://me:hidden@example.com/a@main").pop();
        let Some(Line::Reference(hidden)) = hidden else { panic!() };
        assert_eq!(hidden.public().unwrap(), "git+https://example.com/a@main");
    }

    #[test]
    fn a_long_file_is_read_and_a_monstrous_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(folder.path().join("r.txt"), text).unwrap();
            Requirements::read(folder.path(), Path::new("r.txt"), None)
        };
        let hash = format!(" \\\n    --hash=sha256:{}", "ab".repeat(32));
        let locked = read(&format!("a==1{}\nb==2\n", hash.repeat(8_000)));
        assert_eq!((locked.listed.len(), locked.is_empty, locked.too_long), (2, false, None));
        assert!(read("# nothing\n\n  # at all\n").is_empty);
        assert!(!read("./a.whl\n").is_empty);
        let length = usize::try_from(MAX_BYTES).unwrap() + 1;
        assert_eq!(read(&"#".repeat(length)).too_long, Some("r.txt".into()));
    }

    #[test]
    fn files_that_name_each_other_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("more")).unwrap();
        write("requirements.txt", "a==1\n-r more/b.txt\n-c limits.txt\n-r ../outside.txt\n");
        write("more/b.txt", "b\n--requirement=../requirements.txt\nc>=2\n");
        write("limits.txt", "B==3\n");
        let read = Requirements::read(folder.path(), Path::new("requirements.txt"), None);
        let found: Vec<_> = read
            .listed
            .iter()
            .map(|line| (line.project(), read.version_of(line).map(str::to_owned)))
            .collect();
        let expected = [("a", Some("1")), ("b", Some("3")), ("c", None)];
        assert_eq!(found, expected.map(|(name, version)| (name.to_owned(), version.map(str::to_owned))));
    }

    #[test]
    fn names_are_compared_as_indexes_do() {
        assert_eq!(project("Scikit_Learn"), project("scikit.-learn"));
    }
}
