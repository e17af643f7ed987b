//! The files that belong to a bundle: those that its archive holds.

use std::path::{Path, PathBuf};

/// Most entries that are walked; archives take no more.
const MAX_ENTRIES: usize = 20_000;
/// Deepest folder that is entered.
const MAX_DEPTH: usize = 64;

/// Names that are no part of a bundle, at any depth. A `*` stands first or last.
const LEFT_OUT: [&str; 14] = [
    ".git",
    ".gitignore",
    "__pycache__",
    "*.pyc",
    "*.pyo",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".venv",
    "venv",
    ".env*",
    "dist",
    ".DS_Store",
];

/// The plain files below `root`, relative to it, sorted. Links are not followed.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::new(), 0)];
    let mut entries = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            entries += 1;
            if entries > MAX_ENTRIES {
                break;
            }
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            if is_left_out(&name.to_string_lossy()) {
                continue;
            }
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((folder.join(name), depth + 1));
            } else if kind.is_file() {
                found.push(folder.join(name));
            }
        }
    }
    found.sort();
    found
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|pattern| matches(pattern, name))
}

/// Is `name` what `pattern` says? A `*` stands first or last.
pub fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}
