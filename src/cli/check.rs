//! `bootstrap check`.

use super::{Exit, Outcome};

/// Every problem of a bundle at once
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
