//! `bootstrap host PLAN`: the model process. The worker starts it; it is no command for people.
//! `bootstrap host --module` writes the module that the process gives to Python, for tests of bundles.

use std::io::Write;

use super::{Exit, Outcome, Report, output};
use crate::model::host;

/// Becomes the bundle's interpreter, or writes the module for it to stdout.
pub fn run(argument: &str) -> Outcome {
    if argument == "--module" {
        let written = std::io::stdout().write_all(host::CDYLIB);
        output::written(written)?;
        return Ok(Exit::Done);
    }
    match host::run(argument).map_err(|error| Report::new(Exit::Internal, error))? {
        0 => Ok(Exit::Done),
        _ => Ok(Exit::No),
    }
}
