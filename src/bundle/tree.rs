//! What belongs to a bundle: the files, folders and links that its archive holds.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ignore::{DirEntry, WalkBuilder};

use super::entry::{Entry, Kind, Misfit, Paths};
use super::limits::{Exceeded, Limits};
use super::problem::{Code, Place, Problem};
use super::value::quoted;

/// Deepest folder that is entered.
const MAX_DEPTH: usize = 64;
/// What a bundle leaves out beside that, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".bundleignore";

/// Names that are no part of a bundle, at any depth. A `*` stands first or last.
const LEFT_OUT: [&str; 17] = [
    ".git",
    ".gitignore",
    "__pycache__",
    ".ipynb_checkpoints",
    "*.pyc",
    "*.pyo",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".venv",
    // What `install` has beside it.
    ".venv.*",
    // What was to replace a file when it was killed.
    ".bootstrap-*",
    "venv",
    ".env*",
    "dist",
    ".DS_Store",
];

/// The entries of a bundle, sorted by path, and what keeps them from being packed.
#[derive(Debug, Default)]
pub struct Tree {
    /// Those that can be packed.
    pub entries: Vec<Entry>,
    /// What is wrong with others, or with all of them together.
    pub problems: Vec<Problem>,
    /// Was it left at a limit, so that nothing is known of the rest?
    pub is_cut: bool,
}

impl Tree {
    /// Walks the bundle in the folder `root`. Links are not followed.
    pub fn read(root: &Path, limits: Limits) -> Self {
        let mut tree = Self::default();
        let mut paths = Paths::default();
        let mut bytes = 0_u64;
        let walk = WalkBuilder::new(root)
            .standard_filters(false)
            .parents(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            .filter_entry(|entry| entry.depth() == 0 || !is_left_out(entry.file_name()))
            .max_depth(Some(MAX_DEPTH))
            .sort_by_file_name(OsStr::cmp)
            .build();
        for found in walk {
            match found.map_err(|error| unreadable(root, &error)).and_then(|found| entry(root, &found)) {
                Ok(Some(entry)) => {
                    if let Err(misfit) = paths.take(&entry) {
                        tree.problems.push(unfit(&entry.path, &misfit));
                    }
                    if let Kind::File { bytes: more, .. } = entry.kind {
                        bytes = bytes.saturating_add(more);
                    }
                    tree.entries.push(entry);
                }
                Ok(None) => {}
                Err(problem) => tree.problems.push(problem),
            }
            // With its top folder.
            if let Err(exceeded) = limits.allow(tree.entries.len() + 1, bytes) {
                tree.problems.push(too_large(&exceeded, &tree.entries));
                tree.is_cut = true;
                break;
            }
        }
        tree
    }

    /// Is there an entry with this path, below the root?
    pub fn holds(&self, path: &Path) -> bool {
        self.entries.iter().any(|entry| Path::new(&entry.path) == path)
    }

    /// Its plain files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. });
        self.entries.iter().filter(is_file).map(|entry| entry.path.as_str())
    }
}

/// What was found, when it is not the root itself.
fn entry(root: &Path, found: &DirEntry) -> Result<Option<Entry>, Problem> {
    let Ok(below) = found.path().strip_prefix(root) else { return Ok(None) };
    let shown = below.to_string_lossy();
    if let Some(error) = found.error() {
        let place = Place::file(below.join(IGNORE_FILE).to_string_lossy());
        let message = format!("not all of it is understood: {error}");
        return Err(Problem::error(Code::BadValue, place, message, "write patterns as in a .gitignore"));
    }
    if shown.is_empty() {
        return Ok(None);
    }
    let problem =
        |code, message: &str, fix: &str| Problem::error(code, Place::file(shown.clone()), message, fix);
    let Some(path) = below.to_str() else {
        return Err(problem(
            Code::UnfitEntry,
            "the name is not UTF-8, and other systems would read another one",
            "rename it",
        ));
    };
    let metadata = found.metadata().map_err(|error| unreadable(root, &error))?;
    let kind = kind(found.path(), &metadata).ok_or_else(|| {
        problem(Code::UnfitEntry, "it is neither file, folder nor link", "move it out of the bundle")
    })?;
    Ok(Some(Entry { path: path.to_owned(), kind }))
}

fn kind(path: &Path, metadata: &Metadata) -> Option<Kind> {
    if metadata.is_dir() {
        Some(Kind::Folder)
    } else if metadata.is_symlink() {
        // One that cannot be read, or is no text, leads nowhere that an archive could name.
        let target = path.read_link().unwrap_or_default().into_os_string().into_string().unwrap_or_default();
        Some(Kind::Link { target })
    } else {
        let file = Kind::File { bytes: metadata.len(), executable: metadata.mode() & 0o111 != 0 };
        metadata.is_file().then_some(file)
    }
}

fn unfit(path: &str, misfit: &Misfit) -> Problem {
    let (code, fix) = match misfit {
        Misfit::LeadsOut => {
            (Code::OutsideBundle, "copy what it names into the bundle, or link to it by a relative path")
        }
        Misfit::TooLong => (Code::UnfitEntry, "use shorter names, or list it in .bundleignore"),
        _ => (Code::UnfitEntry, "rename one of the two"),
    };
    Problem::error(code, Place::file(path), misfit.to_string(), fix)
}

fn unreadable(root: &Path, error: &ignore::Error) -> Problem {
    Problem::error(
        Code::Unreadable,
        Place::file("."),
        format!(
            "not all of it can be read: {}",
            error.to_string().replace(&format!("{}/", root.display()), "")
        ),
        "let this user read it, or list it in .bundleignore",
    )
}

/// The problem, with the largest of the files seen so far.
fn too_large(exceeded: &Exceeded, entries: &[Entry]) -> Problem {
    let size = |entry: &Entry| match entry.kind {
        Kind::File { bytes, .. } => bytes,
        Kind::Folder | Kind::Link { .. } => 0,
    };
    let fix = match (exceeded, entries.iter().max_by_key(|entry| size(entry))) {
        (Exceeded::Bytes(_), Some(largest)) => {
            format!(
                "list what the model does not need in {IGNORE_FILE}; the largest file is {}",
                quoted(&largest.path)
            )
        }
        _ => format!("list what the model does not need in {IGNORE_FILE}"),
    };
    Problem::error(Code::TooLarge, Place::file("."), format!("the bundle is too large: {exceeded}"), fix)
}

fn is_left_out(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    LEFT_OUT.iter().any(|pattern| matches(pattern, &name))
}

/// Is `name` what `pattern` says? A `*` stands first or last.
pub fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}
