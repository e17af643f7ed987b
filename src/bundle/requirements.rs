//! What a bundle needs installed, as its requirements file says it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use url::Url;

use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::value::{inner_path, quoted};

/// Most files that are read: those that name each other with `-r`.
const MAX_FILES: usize = 32;
/// Longest of them, in bytes. One with the hashes of every wheel of some hundred projects has a few hundred kilobytes.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What pip takes for a path if it ends so.
const ARCHIVES: [&str; 3] = [".whl", ".tar.gz", ".zip"];
/// Where a URL of a repository begins. What it names changes with the branch, unless it names a commit.
const REPOSITORIES: [&str; 4] = ["git+", "hg+", "svn+", "bzr+"];

/// A requirements file and what it includes, with its constraints.
#[derive(Debug, Default)]
pub struct Requirements {
    /// The requirements that name a project, in order.
    pub listed: Vec<Requirement>,
    /// The URLs, files and folders that are to be installed, whichever projects they hold, in order.
    pub references: Vec<Requirement>,
    /// The files that were read, below the root, sorted.
    pub files: Vec<PathBuf>,
    /// The one that is longer than [`MAX_BYTES`] and was not read.
    pub too_long: Option<PathBuf>,
    /// Whether nothing stands in them but comments. What cannot be read is for the installer to judge.
    pub is_empty: bool,
    /// Exact versions of the constraints, by project.
    constrained: HashMap<String, String>,
}

/// A line that names what is to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The file that it stands in, below the bundle's root.
    file: PathBuf,
    line: usize,
    column: usize,
    /// Without comment, options and blanks around it.
    text: String,
    /// `sha256:...`: what its file may be.
    pub hashes: Vec<String>,
}

/// What a file and those that it includes say.
#[derive(Default)]
struct Said {
    listed: Vec<Requirement>,
    references: Vec<Requirement>,
    /// The lines of constraints.
    limits: Vec<Requirement>,
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
            files,
            too_long: said.too_long,
            is_empty: !said.asks,
        }
    }

    /// The one version of a requirement that will do, by its own line or by the constraints.
    pub fn version_of<'r>(&'r self, requirement: &'r Requirement) -> Option<&'r str> {
        requirement.pin().or_else(|| self.constrained.get(&requirement.project()).map(String::as_str))
    }
}

/// Notes every requirement that neither its own line nor the constraints pin.
pub fn look(root: &Path, reader: &mut Reader<'_>) {
    let path = |reader: &Reader<'_>, key| inner_path(reader.text(key)?.0).ok();
    let Some(file) = path(reader, "environment.pip_requirements") else { return };
    let constraints = path(reader, "environment.constraints");
    let requirements = Requirements::read(root, &file, constraints.as_deref());
    if let Some(file) = &requirements.too_long {
        let message = format!("it has more than {} MiB", MAX_BYTES >> 20);
        let problem = Problem::error(Code::TooLarge, Place::file(file.to_string_lossy()), message);
        reader.problems.push(problem.fix("keep in it what the model needs installed"));
    }
    for line in requirements.listed.iter().chain(&requirements.references) {
        let (what, fix) = match line.url() {
            Some(url) if is_fixed(url) || !line.hashes.is_empty() => continue,
            Some(url) if is_repository(url) => {
                (line.public(), "write `@` and the 40 digits of the commit behind it".into())
            }
            Some(_) => (line.public(), "write `#sha256=` and the hash of the file behind it".into()),
            None if requirements.version_of(line).is_some() => continue,
            None => {
                let fix = format!("write `{}==` and the version that the model was made with", line.name());
                (Some(line.text.clone()), fix)
            }
        };
        let place = Place {
            file: line.file.to_string_lossy().into_owned(),
            line: Some(line.line),
            column: Some(line.column),
            width: line.text.chars().count(),
        };
        let what = quoted(what.as_deref().unwrap_or("a URL"));
        let message = format!("the version of {what} is not pinned");
        reader.problems.push(Problem::warning(Code::Unpinned, place, message).fix(fix));
    }
}

impl Said {
    fn include(&mut self, mut other: Self) {
        self.listed.append(&mut other.listed);
        self.references.append(&mut other.references);
        self.limits.append(&mut other.limits);
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
    let path = root.join(file);
    if path.metadata().is_ok_and(|kind| kind.len() > MAX_BYTES) {
        said.too_long = Some(file.to_owned());
        return said;
    }
    let Some(text) = text_file::read(&path, MAX_BYTES) else {
        said.asks = true;
        return said;
    };
    said.asks = text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines(file, &text) {
        match line {
            Line::Project(requirement) => said.listed.push(requirement),
            Line::Reference(requirement) => said.references.push(requirement),
            Line::Include { path, is_constraint } => {
                let below = file.parent().unwrap_or(Path::new("")).join(path);
                let Ok(path) = inner_path(&below.to_string_lossy()) else { continue };
                let other = collect(root, &path, seen);
                if is_constraint { said.constrain(other) } else { said.include(other) }
            }
        }
    }
    said
}

/// What a line of a requirements file says.
enum Line<'t> {
    Project(Requirement),
    /// A URL, file or folder alone.
    Reference(Requirement),
    Include {
        path: &'t str,
        is_constraint: bool,
    },
}

/// The lines that count. Pip's other options install nothing.
fn lines<'t>(file: &Path, text: &'t str) -> Vec<Line<'t>> {
    let mut found: Vec<Line<'t>> = Vec::new();
    let mut continues = false;
    for (index, whole) in text.lines().enumerate() {
        let code = whole.split(" #").next().unwrap_or(whole);
        let was_continued = std::mem::replace(&mut continues, code.trim_end().ends_with('\\'));
        let code = code.trim_end().trim_end_matches('\\').trim();
        let hashes =
            code.split_whitespace().filter_map(|word| word.strip_prefix("--hash=")).map(str::to_owned);
        if was_continued {
            if let Some(Line::Project(last) | Line::Reference(last)) = found.last_mut() {
                last.hashes.extend(hashes);
            }
            continue;
        }
        let option = ["-r", "--requirement", "-c", "--constraint"].into_iter().find_map(|option| {
            let path = code.strip_prefix(option)?.trim_start_matches('=');
            (option.len() == 2 || !path.starts_with('s')).then_some((option, path.trim()))
        });
        if let Some((option, path)) = option {
            found.push(Line::Include { path, is_constraint: option.contains("-c") });
            continue;
        }
        let editable = ["--editable", "-e"].into_iter().find_map(|option| code.strip_prefix(option));
        let text = editable.map_or(code, |path| path.trim_start_matches(['=', ' ']));
        let text = text.split(" --").next().unwrap_or(text).trim();
        if text.is_empty() || text.starts_with(['#', '-']) {
            continue;
        }
        let column = whole.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let (file, text, hashes) = (file.to_owned(), text.to_owned(), hashes.collect());
        let requirement = Requirement { file, line: index + 1, column, text, hashes };
        let is_project = editable.is_none() && requirement.names_project();
        found.push(if is_project { Line::Project(requirement) } else { Line::Reference(requirement) });
    }
    found
}

impl Requirement {
    /// As it is written, without options and comment.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The only version that it takes.
    pub fn pin(&self) -> Option<&str> {
        let (_, version) = self.unconditional().split_once("==")?;
        let version = version.trim_start_matches('=').trim();
        (!version.contains(['*', ','])).then_some(version)
    }

    /// Where it comes from, when it says so: the URL of `name @ URL`, or a URL or path alone.
    pub fn url(&self) -> Option<&str> {
        if !self.names_project() {
            return Some(self.unconditional().trim());
        }
        self.unconditional().split_once('@').map(|(_, url)| url.trim())
    }

    /// Where it comes from, without user and password; nothing when that cannot be told apart.
    pub fn public(&self) -> Option<String> {
        let text = self.url()?;
        if !text.contains("://") {
            return Some(text.to_owned());
        }
        let mut url = Url::parse(text).ok()?;
        // A URL that cannot have them has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Some(url.into())
    }

    /// Does it begin with a project's name? A URL or path may begin with a word as well.
    fn names_project(&self) -> bool {
        let (text, name) = (self.unconditional().trim(), self.name());
        let is_archive = ARCHIVES.iter().any(|end| text.ends_with(end)) && !text.contains('@');
        let is_word = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        is_word && !is_archive && !text[name.len()..].starts_with(['/', ':', '+'])
    }

    /// Without the marker that says where it holds.
    fn unconditional(&self) -> &str {
        self.text.split(';').next().unwrap_or(&self.text)
    }

    /// When it holds.
    pub fn marker(&self) -> Option<&str> {
        self.text.split_once(';').map(|(_, marker)| marker.trim())
    }

    /// The project as it is written.
    #[must_use]
    pub fn name(&self) -> &str {
        let end = self.text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// The project in the form that indexes compare.
    pub fn project(&self) -> String {
        project(self.name())
    }
}

/// Whether it is the URL of a repository.
pub fn is_repository(url: &str) -> bool {
    REPOSITORIES.iter().any(|start| url.starts_with(start))
}

/// Does it name the same thing for ever: a commit, a file, or something of the bundle itself?
fn is_fixed(url: &str) -> bool {
    let (address, fragment) = url.split_once('#').unwrap_or((url, ""));
    if is_repository(url) {
        let commit = address.rsplit_once('@').map(|(_, commit)| commit).unwrap_or_default();
        return commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let path = address.split('?').next().unwrap_or(address);
    !url.contains("://") || fragment.contains("sha256=") || ARCHIVES.iter().any(|end| path.ends_with(end))
}

/// The form of a project's name that indexes compare: lower case, each run of `-`, `_`, `.` one `-`.
pub fn project(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
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
        assert_eq!((loose[0].line, loose[0].column, loose[0].name()), (13, 3, "Pandas"));
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
            ("a@https://example.com/a.whl", true, true),
        ] {
            let mut read = lines(Path::new("requirements.txt"), line);
            let (named, requirement) = match read.pop() {
                Some(Line::Project(requirement)) => (true, requirement),
                Some(Line::Reference(requirement)) => (false, requirement),
                _ => panic!("{line}"),
            };
            assert_eq!((named, is_fixed(requirement.url().unwrap())), (is_project, is_pinned), "{line}");
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
