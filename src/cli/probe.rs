//! `bootstrap probe`.

use super::{Exit, Outcome};

/// Is the worker started, live, ready
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
