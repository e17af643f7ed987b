//! What is wrong with a bundle, and where.

use std::fmt;

use serde::Serialize;

/// Does a problem stop the bundle from running?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing runs until it is fixed.
    Error,
    /// It runs; somebody will be surprised one day.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// The kind of a problem: the word that scripts match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The folder holds no `model.yaml`, or something that is no file has that name.
    NoManifest,
    /// The text is not YAML.
    Syntax,
    /// YAML that is not read here: merge keys, foreign tags, several documents.
    Unsupported,
    /// A manifest or a bundle that is larger than any has reason to be.
    TooLarge,
    /// The same key twice in one mapping.
    DuplicateKey,
    /// A key that the schema does not know.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A section, list or single value stands where another of the three is meant.
    WrongType,
    /// A value that its key does not take.
    BadValue,
    /// A number without quotes where text is meant: other tools read another text.
    NumberAsText,
    /// A file or folder that the manifest names is not there.
    MissingFile,
    /// The entrypoint's function is not in its module.
    NoFunction,
    /// A path that leaves the bundle.
    OutsideBundle,
    /// A requirement without an exact version.
    Unpinned,
    /// A file that looks like a key, a mnemonic or a password.
    Secret,
    /// A file or folder that the system does not let us read.
    Unreadable,
    /// A file that archives do not hold, or not beside the others.
    UnfitEntry,
    /// An archive that is not whole.
    Damaged,
    /// No interpreter here fits the bundle.
    NoPython,
    /// A requirement that the interpreter does not have.
    NotInstalled,
    /// The module cannot be imported, or its function not be called.
    NotImportable,
    /// A trial call gave nothing that could be submitted.
    NoPrediction,
    /// A prediction that is submitted with a warning.
    UnusualPrediction,
    /// The model skipped the nonce of the trial call.
    Skipped,
}

impl Code {
    /// Every code with its usual severity and what it means, as the reference page has them.
    pub const ALL: [(Self, Severity, &'static str); 24] = [
        (Self::NoManifest, Severity::Error, "no `model.yaml`, or one that cannot be read"),
        (Self::Syntax, Severity::Error, "the text of `model.yaml` is not YAML"),
        (
            Self::Unsupported,
            Severity::Error,
            "YAML that is not read here: merge keys, foreign tags, several documents",
        ),
        (Self::TooLarge, Severity::Error, "a manifest or a bundle that is larger than any has reason to be"),
        (Self::DuplicateKey, Severity::Error, "the same key twice"),
        (Self::UnknownKey, Severity::Error, "a key that the schema does not know"),
        (Self::MissingKey, Severity::Error, "a key that must be there is not"),
        (
            Self::WrongType,
            Severity::Error,
            "a section, list or single value where another of the three is meant",
        ),
        (
            Self::BadValue,
            Severity::Error,
            "a value that its key does not take; a combination without effect is a warning",
        ),
        (
            Self::NumberAsText,
            Severity::Warning,
            "a number or a truth value without quotes where text is meant",
        ),
        (
            Self::MissingFile,
            Severity::Error,
            "something that the manifest or the requirements name is not there, or left out of archives; a warning for a module that an installed package may hold",
        ),
        (Self::NoFunction, Severity::Error, "the module's file does not name the function"),
        (Self::OutsideBundle, Severity::Error, "a path or a link that leaves the bundle"),
        (Self::Unpinned, Severity::Warning, "a requirement without an exact version"),
        (
            Self::Secret,
            Severity::Error,
            "a file that is or holds a key or a mnemonic; a warning for a password in a URL of the manifest or the requirements",
        ),
        (Self::Unreadable, Severity::Error, "a file or folder that the system does not let us read"),
        (
            Self::UnfitEntry,
            Severity::Error,
            "a file that no archive holds, or not beside the others: a device, a name that is not UTF-8, too long, or differs by case only; in an archive, an entry that would be written outside of it",
        ),
        (Self::Damaged, Severity::Error, "an archive that is not whole, or more than one"),
        (Self::NoPython, Severity::Warning, "no interpreter here fits the bundle, so its code was not tried"),
        (Self::NotInstalled, Severity::Warning, "a requirement that the interpreter does not have"),
        (
            Self::NotImportable,
            Severity::Error,
            "the module cannot be imported, or its function not be called with a nonce; a warning while requirements are not installed",
        ),
        (
            Self::NoPrediction,
            Severity::Error,
            "a trial call gave nothing that could be submitted, as by a limit of `validation`",
        ),
        (
            Self::UnusualPrediction,
            Severity::Warning,
            "the prediction of the trial call is beyond a limit of `validation` that warns",
        ),
        (Self::Skipped, Severity::Warning, "the model skipped the nonce of the trial call"),
    ];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Where a problem is. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Path relative to the bundle's root.
    pub file: String,
    /// Line, where the problem has one.
    pub line: Option<usize>,
    /// Column, where the problem has one.
    pub column: Option<usize>,
    /// Characters to underline from the column on.
    #[serde(skip)]
    pub width: usize,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None, width: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// An error, with what to do about it.
    pub fn error(code: Code, place: Place, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), place, fix: fix.into() }
    }

    /// A warning, with what to do about it.
    pub fn warning(code: Code, place: Place, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message, fix) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The problems of a bundle that cannot be used: at least one of them is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts what was found by place, and hands `made` out with the warnings when there is no error.
    ///
    /// # Errors
    /// When one of the problems is an error, or nothing was made.
    pub fn judge<T>(made: Option<T>, mut found: Vec<Problem>) -> Result<(T, Vec<Problem>), Self> {
        found.sort_by(|a, b| {
            (&a.place.file, a.place.line, a.place.column).cmp(&(&b.place.file, b.place.line, b.place.column))
        });
        match made {
            Some(made) if found.iter().all(|problem| problem.severity == Severity::Warning) => {
                Ok((made, found))
            }
            _ => Err(Self(found)),
        }
    }

    /// What to do where there is no manifest at all, so that nothing in it can be shown.
    #[must_use]
    pub fn want_of_manifest(&self) -> Option<&str> {
        self.0.iter().find(|problem| problem.code == Code::NoManifest).map(|problem| &*problem.fix)
    }

    /// Every problem, warnings included, by place.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problems> for Vec<Problem> {
    fn from(problems: Problems) -> Self {
        problems.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in
            self.0.iter().filter(|problem| problem.severity == Severity::Error).enumerate()
        {
            write!(f, "{}{problem} ({})", if index == 0 { "" } else { "\n    " }, problem.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
