//! Requirements without an exact version: another day installs another model.

use std::collections::HashSet;
use std::path::Path;

use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::value::{inner_path, quoted};

/// Notes every requirement that neither its own line nor the constraints file pins.
pub fn look(root: &Path, reader: &mut Reader<'_>) {
    let file = |reader: &Reader<'_>, key| {
        let path = inner_path(reader.text(key)?.0).ok()?;
        Some((path.to_string_lossy().into_owned(), text_file::read(&root.join(&path))?))
    };
    let Some((name, text)) = file(reader, "environment.pip_requirements") else { return };
    let constraints = file(reader, "environment.constraints").map(|(_, text)| text).unwrap_or_default();
    let constrained: HashSet<String> =
        lines(&constraints).filter(|line| line.is_pinned()).map(|line| line.project()).collect();
    for line in lines(&text).filter(|line| !line.is_pinned() && !constrained.contains(&line.project())) {
        let place = Place {
            file: name.clone(),
            line: Some(line.number),
            column: Some(line.column),
            width: line.text.chars().count(),
        };
        let message = format!("the version of {} is not pinned", quoted(line.text));
        let problem = Problem::warning(Code::Unpinned, place, message);
        reader.problems.push(
            problem.fix(format!("write `{}==` and the version that the model was made with", line.name())),
        );
    }
}

/// The requirements of a file that name projects, as pip reads them: options, paths and URLs of files are left
/// out. None when it cannot be read.
#[must_use]
pub fn named_in(path: &Path) -> Vec<String> {
    let text = text_file::read(path).unwrap_or_default();
    lines(&text).map(|line| line.text.to_owned()).collect()
}

/// A line that names a project.
struct Line<'t> {
    number: usize,
    column: usize,
    /// Without comment, options and blanks around it.
    text: &'t str,
}

/// Lines that name projects; pip's own options, paths and URLs are not judged.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(index, whole)| {
        let code = whole.split(" #").next().unwrap_or(whole).split(" --").next().unwrap_or(whole);
        let text = code.trim_end_matches('\\').trim();
        let column = whole.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let names_project = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_path = text.contains("://") && !text.contains('@')
            || text.starts_with(['.', '/'])
            || text.ends_with(".whl");
        (names_project && !is_path).then_some(Line { number: index + 1, column, text })
    })
}

impl<'t> Line<'t> {
    fn is_pinned(&self) -> bool {
        let requirement = self.text.split(';').next().unwrap_or(self.text);
        // `name @ URL` names one file or commit.
        requirement.contains('@')
            || requirement.split_once("==").is_some_and(|(_, version)| !version.contains(['*', ',']))
    }

    /// The project as it is written.
    fn name(&self) -> &'t str {
        let end = self.text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// The project in the form that indexes compare: lower case, each run of `-`, `_`, `.` one `-`.
    fn project(&self) -> String {
        let words = self.name().split(['-', '_', '.']).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_versions_and_urls_are_pins() {
        let text = "numpy==1.26.4
scikit_learn[all]===1.4 ; python_version < '3.13'  # why
pkg @ https://example.com/pkg-1.0-py3-none-any.whl
torch==2.2.0 \\
    --hash=sha256:abc
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
        let loose: Vec<_> = lines(text).filter(|line| !line.is_pinned()).collect();
        assert_eq!(
            loose.iter().map(|line| line.text).collect::<Vec<_>>(),
            ["Pandas>=2", "requests", "scipy==1.*", "a==1,<2"]
        );
        assert_eq!((loose[0].number, loose[0].column, loose[0].name()), (12, 3, "Pandas"));
    }

    #[test]
    fn names_are_compared_as_indexes_do() {
        let project = |text| Line { number: 1, column: 1, text }.project();
        assert_eq!(project("Scikit_Learn>1"), project("scikit.-learn[extra]"));
    }
}
