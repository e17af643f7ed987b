//! A program of a manager, run to its end.

use std::io::{self, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::subprocess;

/// Why a program did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error("{program} cannot be run")]
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It says no.
    #[error("`{command}` failed")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// Its own words.
        source: Said,
    },
    /// It does not end.
    #[error("`{command}` has not ended after {} s", .limit.as_secs())]
    Late {
        /// The program with its arguments.
        command: String,
        /// How long it had.
        limit: Duration,
    },
}

impl ProgramError {
    /// What the user should do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Failed { source, .. } if source.0.contains("connect to bus") => {
                "this user has no service manager while nobody is logged in: `loginctl enable-linger` keeps one"
            }
            Self::Start { .. } => "put it on PATH",
            Self::Failed { .. } | Self::Late { .. } => "`bootstrap service logs` shows what the worker said",
        }
    }
}

/// What a program said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(pub String);

/// Runs a program. Gives what it printed.
///
/// # Errors
/// See [`ProgramError`]; one that does not end within `limit` is killed.
pub fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<String, ProgramError> {
    let command = || format!("{program} {}", arguments.join(" "));
    let start = |source| ProgramError::Start { program: program.to_owned(), source };
    let mut process = Command::new(program);
    process.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().map_err(start)?;
    // What these programs print is far less than a pipe holds.
    let status = subprocess::wait(&mut child, limit).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => ProgramError::Late { command: command(), limit },
        _ => start(error),
    })?;
    let (printed, complained) = said(&mut child);
    if status.success() {
        return Ok(printed);
    }
    let words = if complained.is_empty() { printed } else { complained };
    Err(ProgramError::Failed { command: command(), source: Said(words) })
}

/// Its two outputs, on a line each.
fn said(child: &mut Child) -> (String, String) {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut printed, mut complained) = (Vec::new(), Vec::new());
    // What cannot be read was not said.
    let _ = child.stdout.take().map(|mut out| out.read_to_end(&mut printed));
    let _ = child.stderr.take().map(|mut err| err.read_to_end(&mut complained));
    (line(&String::from_utf8_lossy(&printed)), line(&String::from_utf8_lossy(&complained)))
}
