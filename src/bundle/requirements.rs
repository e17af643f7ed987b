//! What a bundle needs installed, as its requirements file says it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::value::{inner_path, quoted};

/// Most files that are read: those that name each other with `-r`.
const MAX_FILES: usize = 32;

/// A requirements file and what it includes, with its constraints.
#[derive(Debug, Default)]
pub struct Requirements {
    /// The requirements, in order.
    pub listed: Vec<Requirement>,
    /// The files that were read, below the root, sorted.
    pub files: Vec<PathBuf>,
    /// Exact versions of the constraints, by project.
    constrained: HashMap<String, String>,
}

/// A line that names a project.
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

impl Requirements {
    /// Reads the two files, paths below `root`. What cannot be read has no lines.
    pub fn read(root: &Path, requirements: &Path, constraints: Option<&Path>) -> Self {
        let mut limits = Vec::new();
        let mut listed = Vec::new();
        let mut seen = HashSet::new();
        collect(root, requirements, &mut seen, &mut listed, &mut limits);
        if let Some(constraints) = constraints {
            let (mut lines, mut more) = (Vec::new(), Vec::new());
            collect(root, constraints, &mut seen, &mut lines, &mut more);
            limits.append(&mut lines);
            limits.append(&mut more);
        }
        let pinned = limits.iter().filter_map(|line| Some((line.project(), line.pin()?.to_owned())));
        let mut files: Vec<PathBuf> = seen.into_iter().collect();
        files.sort();
        Self { listed, files, constrained: pinned.collect() }
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
    for line in &requirements.listed {
        if line.url().is_some() || requirements.version_of(line).is_some() {
            continue;
        }
        let place = Place {
            file: line.file.to_string_lossy().into_owned(),
            line: Some(line.line),
            column: Some(line.column),
            width: line.text.chars().count(),
        };
        let message = format!("the version of {} is not pinned", quoted(&line.text));
        let problem = Problem::warning(Code::Unpinned, place, message);
        reader.problems.push(
            problem.fix(format!("write `{}==` and the version that the model was made with", line.name())),
        );
    }
}

/// The lines of a file and of those that it names, into `listed`; of its constraints, into `limits`.
fn collect(
    root: &Path,
    file: &Path,
    seen: &mut HashSet<PathBuf>,
    listed: &mut Vec<Requirement>,
    limits: &mut Vec<Requirement>,
) {
    if seen.len() >= MAX_FILES || !seen.insert(file.to_owned()) {
        return;
    }
    let Some(text) = text_file::read(&root.join(file)) else { return };
    for line in lines(file, &text) {
        match line {
            Line::Project(requirement) => listed.push(requirement),
            Line::Include { path, is_constraint } => {
                let below = file.parent().unwrap_or(Path::new("")).join(path);
                let Ok(path) = inner_path(&below.to_string_lossy()) else { continue };
                let (mut lines, mut more) = (Vec::new(), Vec::new());
                collect(root, &path, seen, &mut lines, &mut more);
                if is_constraint { &mut *limits } else { &mut *listed }.append(&mut lines);
                limits.append(&mut more);
            }
        }
    }
}

/// What a line of a requirements file says.
enum Line<'t> {
    Project(Requirement),
    Include { path: &'t str, is_constraint: bool },
}

/// The lines that count. Pip's other options, paths and bare URLs say nothing of a project's version.
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
            if let Some(Line::Project(last)) = found.last_mut() {
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
        let text = code.split(" --").next().unwrap_or(code).trim();
        let names_project = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_path = (text.contains("://") || text.ends_with(".whl")) && !text.contains('@');
        if names_project && !is_path {
            let column = whole.chars().take_while(|c| c.is_whitespace()).count() + 1;
            let (file, text, hashes) = (file.to_owned(), text.to_owned(), hashes.collect());
            found.push(Line::Project(Requirement { file, line: index + 1, column, text, hashes }));
        }
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

    /// `name @ URL` names one file or commit.
    pub fn url(&self) -> Option<&str> {
        self.unconditional().split_once('@').map(|(_, url)| url.trim())
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
