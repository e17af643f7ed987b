//! `bootstrap devnet`.

use super::{Exit, Outcome};

/// A local chain with funded accounts
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
