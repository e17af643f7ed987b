//! Why a model gave no answer.

use std::fmt;

use bootstrap_frames::{Fault, cut};

use super::printable::printable_lines;

/// Longest message and longest traceback of a failure, in bytes. Our module sends less; the model, which has
/// the same connection, can send what it likes.
const MAX_MESSAGE: usize = 8 * 1024;
const MAX_TRACEBACK: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default())]
pub struct Failure {
    /// What kind of end it was.
    pub kind: FailureKind,
    /// One line or a few, for people.
    pub message: String,
    /// What to do about it, where that depends on more than the kind.
    pub advice: Option<String>,
    /// Python's, when there was an exception; the last lines it printed, when it crashed.
    pub traceback: Option<String>,
}

/// The ways in which a model fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The function raised.
    Exception,
    /// It did not answer in time, and was killed.
    Timeout,
    /// The process ended by itself or broke the protocol.
    Crash,
    /// It returned something that is no prediction.
    BadValue,
    /// The module could not be imported.
    Import,
    /// It took more memory than it may, and was killed.
    Memory,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Exception, Self::Timeout, Self::Crash, Self::BadValue, Self::Import, Self::Memory];

    /// The word for it, in logs, journal and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::BadValue => "bad_value",
            Self::Import => "import",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure without a traceback. Of a long message the beginning.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: shown(&message.into()), advice: None, traceback: None }
    }

    fn with_advice(self, advice: &str) -> Self {
        Self { advice: Some(shown(advice)), ..self }
    }

    fn with_traceback(self, traceback: Option<String>) -> Self {
        Self { traceback: traceback.map(|text| cut(printable_lines(&text), MAX_TRACEBACK)), ..self }
    }
}

/// What a model said, for logs, terminals and the journal.
pub(super) fn shown(text: &str) -> String {
    cut(printable_lines(text), MAX_MESSAGE)
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Import { message, traceback } => {
                Self::new(FailureKind::Import, message).with_traceback(traceback)
            }
            Fault::Exception { class, message, traceback } => {
                let message = if message.is_empty() { class } else { format!("{class}: {message}") };
                Self::new(FailureKind::Exception, message).with_traceback(traceback)
            }
            Fault::BadValue(bad) => Self::new(FailureKind::BadValue, bad.finding()).with_advice(&bad.fix),
        }
    }
}
