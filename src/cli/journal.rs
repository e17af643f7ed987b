//! `bootstrap journal`.

use super::{Exit, Outcome};

/// What happened, round by round
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
