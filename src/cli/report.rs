//! What a failed command tells its user: a headline, the causes, one hint.

use std::fmt;

use super::Exit;

/// An error on its way to the terminal.
///
/// ```text
/// error: the bundle cannot be read
///   caused by: examples/none: No such file or directory
/// hint: give the folder that holds model.yaml
/// ```
#[derive(Debug)]
pub struct Report {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Report {
    /// An error that ends the process with `exit`.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    /// The same with the one thing that the user should do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, where there is such a thing.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The code that the process ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        // A cause whose text its parent already quotes would be said twice.
        let mut said = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if !said.contains(&cause) {
                write!(f, "\n  caused by: {cause}")?;
            }
            said = cause;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Anything that was not foreseen is a fault of this program until somebody gives it a code.
impl From<anyhow::Error> for Report {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Internal, error)
    }
}
