//! `bootstrap wallet`.

use super::{Exit, Outcome};

/// Keys and addresses
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
