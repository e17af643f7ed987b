//! What a command prints.
//!
//! `println!` panics when nobody reads any more, as after `| head -1`. That is no failure: a command says no more
//! and ends with the code that it would have ended with.

use std::fmt::Display;
use std::io::{self, Write as _};

use super::{Exit, Report};

/// Prints the result of a command.
///
/// # Errors
/// Stdout cannot be written, as on a full disk.
pub fn print(text: impl Display) -> Result<(), Report> {
    let mut out = io::stdout().lock();
    written(write!(out, "{text}").and_then(|()| out.flush()))
}

/// The same, as a line.
///
/// # Errors
/// As for [`print`].
pub fn line(text: impl Display) -> Result<(), Report> {
    print(format_args!("{text}\n"))
}

/// What came of writing the result: a reader who has seen enough is no failure.
///
/// # Errors
/// As for [`print`].
pub fn written(result: io::Result<()>) -> Result<(), Report> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Report::new(Exit::Internal, anyhow::Error::new(error).context("stdout cannot be written")))
        }
        _ => Ok(()),
    }
}

/// Says something beside the result, on stderr; where it cannot be written, nobody has to read it.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
