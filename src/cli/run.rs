//! `bootstrap run`.

use super::{Exit, Outcome};

/// The worker: answers every window until it is stopped
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
