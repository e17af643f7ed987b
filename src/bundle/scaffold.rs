//! New bundles, made from templates that are bundles themselves.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::value::{self, BadValue};

/// The name that templates have, as a bundle and as a Python package.
const NAME: &str = "my-model";
const PACKAGE: &str = "my_model";

/// What a new bundle begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    /// A function in pure Python
    Plain,
    /// A trained scikit-learn model
    Sklearn,
    /// An async function that asks several services at once
    Async,
    /// A number for each of several labels
    Labels,
}

/// Why no bundle was made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is something in the folder already, or it is no folder.
    #[error("{} is not an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// A name that no bundle can have.
    #[error("a bundle cannot have this name: {0}")]
    Name(BadValue),
    /// It cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal, $($path:literal),*) => {
        &[$(($path, include_str!(concat!("scaffold/", $folder, "/", $path)))),*]
    };
}

/// What every bundle has.
const COMMON: &[File] = &[
    (".bundleignore", include_str!("scaffold/common/bundleignore")),
    (".gitignore", include_str!("scaffold/common/gitignore")),
    ("pytest.ini", include_str!("scaffold/common/pytest.ini")),
    ("requirements-dev.txt", include_str!("scaffold/common/requirements-dev.txt")),
    ("src/__init__.py", ""),
    ("src/my_model/__init__.py", ""),
    ("tests/test_contract.py", include_str!("scaffold/common/tests/test_contract.py")),
];

impl Template {
    const fn files(self) -> &'static [File] {
        match self {
            Self::Plain => files!(
                "plain",
                "model.yaml",
                "requirements.txt",
                "artifacts/weights.json",
                "src/my_model/runner.py",
                "tests/test_runner.py"
            ),
            Self::Sklearn => files!(
                "sklearn",
                "model.yaml",
                "requirements.txt",
                "train.py",
                "artifacts/ridge.json",
                "src/my_model/features.py",
                "src/my_model/runner.py",
                "tests/test_runner.py"
            ),
            Self::Async => files!(
                "async",
                "model.yaml",
                "requirements.txt",
                "artifacts/README",
                "src/my_model/runner.py",
                "src/my_model/sources.py",
                "tests/test_runner.py"
            ),
            Self::Labels => files!(
                "labels",
                "model.yaml",
                "requirements.txt",
                "artifacts/scores.json",
                "src/my_model/runner.py",
                "tests/test_runner.py"
            ),
        }
    }
}

/// Makes a bundle in `folder`, which must be empty or not there. Without a name it has that of the folder.
///
/// # Errors
/// [`ScaffoldError`]; then nothing of it is left.
pub fn scaffold(folder: &Path, name: Option<&str>, template: Template) -> Result<(), ScaffoldError> {
    let unwritable = |path: &Path, source| ScaffoldError::Unwritable { path: path.to_owned(), source };
    if folder.symlink_metadata().is_ok() {
        let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            return Err(ScaffoldError::NotEmpty(folder.to_owned()));
        }
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => name_of(folder).map_err(|source| unwritable(folder, source))?,
    };
    value::file_name(&name).map_err(ScaffoldError::Name)?;
    let package = package(&name);
    let was_there = folder.is_dir();
    let made = COMMON.iter().chain(template.files()).try_for_each(|(path, text)| {
        let path = folder.join(path.replace(PACKAGE, &package));
        let text = text.replace(PACKAGE, &package).replace(NAME, &name);
        write(&path, &text).map_err(|source| unwritable(&path, source))
    });
    if made.is_err() {
        // It was empty, so all that is in it is ours.
        let _ = fs::remove_dir_all(folder);
        if was_there {
            let _ = fs::create_dir(folder);
        }
    }
    made
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// The name of the folder, also when the path is `.`.
fn name_of(folder: &Path) -> io::Result<String> {
    let absolute = if folder.is_dir() { folder.canonicalize()? } else { std::path::absolute(folder)? };
    Ok(absolute.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// A name of a bundle as that of a Python package.
fn package(name: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let package: String = name.chars().map(good).collect();
    let is_keyword = KEYWORDS.contains(&package.as_str());
    if package.starts_with(|c: char| c.is_ascii_digit()) || is_keyword {
        format!("_{package}")
    } else {
        package
    }
}

/// Python's words in lower case that are no names.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_can_be_imported_whatever_the_bundle_is_called() {
        for (name, expected) in
            [("My-Model.2", "my_model_2"), ("2nd", "_2nd"), ("class", "_class"), ("_x", "_x")]
        {
            assert_eq!(package(name), expected);
        }
    }
}
