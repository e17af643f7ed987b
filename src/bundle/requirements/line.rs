//! The lines of a requirements file, as pip reads them.

use std::path::Path;

use super::Requirement;
use crate::bundle::problem::Place;

/// What a line of a requirements file says.
#[derive(Debug)]
pub enum Line<'t> {
    /// A project, by its name.
    Project(Requirement),
    /// A URL, file or folder alone.
    Reference(Requirement),
    /// Another file.
    Include {
        /// Its path, relative to this one.
        path: &'t str,
        /// Does it only limit versions?
        is_constraint: bool,
        /// Where it stands.
        place: Place,
    },
    /// A folder or page of archives to choose from.
    FindLinks(&'t str),
}

/// The lines that count. Pip's other options install nothing.
pub fn lines<'t>(file: &Path, text: &'t str) -> Vec<Line<'t>> {
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
        let value = |options: [&str; 2]| {
            let (option, value) =
                options.into_iter().find_map(|option| Some((option, code.strip_prefix(option)?)))?;
            // Behind a letter it may stand at once; behind a word it must not, or it is another word.
            let is_value = option.len() == 2 || value.starts_with(['=', ' ', '\t']);
            is_value.then(|| value.trim_start_matches('=').trim().trim_matches(['"', '\'']))
        };
        let place = |width| Place {
            file: file.to_string_lossy().into_owned(),
            line: Some(index + 1),
            column: Some(whole.chars().take_while(|c| c.is_whitespace()).count() + 1),
            width,
        };
        let include =
            |path, is_constraint| Line::Include { path, is_constraint, place: place(code.chars().count()) };
        let option = value(["-r", "--requirement"])
            .map(|path| include(path, false))
            .or_else(|| value(["-c", "--constraint"]).map(|path| include(path, true)))
            .or_else(|| value(["-f", "--find-links"]).map(Line::FindLinks));
        if let Some(option) = option {
            found.push(option);
            continue;
        }
        let editable = ["--editable", "-e"].into_iter().find_map(|option| code.strip_prefix(option));
        let text = editable.map_or(code, |path| path.trim_start_matches(['=', ' ']));
        let text = text.split(" --").next().unwrap_or(text).trim();
        if text.is_empty() || text.starts_with(['#', '-']) {
            continue;
        }
        let place = place(text.chars().count());
        let requirement = Requirement { place, text: text.to_owned(), hashes: hashes.collect() };
        let is_project = editable.is_none() && requirement.names_project();
        found.push(if is_project { Line::Project(requirement) } else { Line::Reference(requirement) });
    }
    found
}
