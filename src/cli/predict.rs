//! `bootstrap predict`.

use super::{Exit, Outcome};

/// One local call of the model; no chain, no wallet
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        Ok(Exit::Done)
    }
}
