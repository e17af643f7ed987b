//! Environment files: lines of `NAME=value`, as shells, containers and dotenv libraries take them.
//!
//! Where these differ, what most of them do holds. A `$` means nothing: `docker run` and systemd take it as it is,
//! and a password may hold one. The crates for such files show values in their errors, or expand.

mod parser;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::parser::{Fault, Variable, parse};
use super::problem::{Problem, Problems};
use super::secret_file::{Exposure, SecretFile};
use super::table::{TABLE, Visibility};

/// Largest file that is read, in bytes.
const MAX_SIZE: usize = 256 * 1024;
/// What errors and notices call it.
const KIND: &str = "environment file";

/// The variables of a file. Their values are shown nowhere.
pub struct EnvFile {
    path: PathBuf,
    exposure: Exposure,
    variables: BTreeMap<String, Variable>,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every line that cannot be read, by its number and without what it holds.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let file = SecretFile::read(KIND, path, MAX_SIZE).map_err(|error| {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let fix = "name a file of lines such as `ALLORA_TOPIC_ID=1` with --env-file";
            Problem { message: format!("{error}{cause}"), fix: fix.into() }
        })?;
        let (variables, faults) = parse(&file.text);
        if faults.is_empty() {
            return Ok(Self { path: path.to_owned(), exposure: file.exposure, variables });
        }
        let problem = |(line, fault): (usize, Fault)| Problem {
            message: format!("{}: {}", place(path, line), fault.message()),
            fix: fault.fix().into(),
        };
        Err(Problems(faults.into_iter().map(problem).collect()))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    /// The names of its variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// File and line of a variable.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|variable| place(&self.path, variable.line))
    }

    /// Whether something in it must be kept from the model: a secret setting, or an address with credentials.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        let has_credentials = |value: &str| value.contains("://") && value.contains(['@', '?']);
        self.variables.iter().any(|(name, Variable { value, .. })| {
            !value.is_empty() && (is_secret(name) || has_credentials(value))
        })
    }

    /// What its user should know, each a sentence.
    pub fn notices(&self) -> impl Iterator<Item = String> {
        let settings =
            self.variables.iter().filter(|(name, _)| TABLE.iter().any(|row| row.env == name.as_str()));
        let expandable = settings.filter(|(_, variable)| variable.value.contains("${"));
        let literal = |(name, variable): (&String, &Variable)| {
            format!("{}: the `$` in {name} stands for itself", place(&self.path, variable.line))
        };
        self.exposure.notice(KIND, &self.path).into_iter().chain(expandable.map(literal))
    }
}

/// Whether a variable of this name is a secret of the worker.
pub fn is_secret(name: &str) -> bool {
    let mut secrets = TABLE.iter().filter(|row| row.visibility == Visibility::Secret);
    secrets.any(|row| row.env == name || row.older_env == Some(name))
}

fn place(path: &Path, line: usize) -> String {
    format!("{}, line {line}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_whether_it_holds_a_secret() {
        for (text, expected) in [
            ("ALLORA_TOPIC_ID=1", false),
            ("ALLORA_MNEMONIC=", false),
            ("ALLORA_MNEMONIC=words", true),
            ("MNEMONIC=words", true),
            ("ALLORA_API_KEY=key", true),
            ("ALLORA_NETWORK=https://rpc.example.com", false),
            ("ALLORA_NETWORK=https://user:password@rpc.example.com", true),
            ("ALLORA_NETWORK=https://rpc.example.com?key=1", true),
        ] {
            let variables = parse(text).0;
            let file = EnvFile { path: "f".into(), exposure: Exposure::Private, variables };
            assert_eq!(file.holds_secret(), expected, "{text}");
        }
    }
}
