//! `bootstrap status`.

use super::{Exit, Outcome};

/// What the worker does and why
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
