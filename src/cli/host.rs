//! `bootstrap host`.

use super::{Exit, Outcome};

/// The model process; started by the worker
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
