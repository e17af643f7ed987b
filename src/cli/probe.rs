//! `bootstrap probe`.

use std::path::Path;

use super::{Exit, Outcome, environment, output};
use crate::health::{Probe, Verdict};
use crate::settings::{self, Flags};

/// Asks the heartbeat of a worker: exit code 0 for yes, 1 for no, and one line why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is asked
    #[arg(value_enum)]
    probe: Probe,
    #[command(flatten)]
    flags: Flags<settings::Heartbeat>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let path = settings::heartbeat_file(&self.flags, environment())?;
        answer(self.probe, &path)
    }
}

/// Asks the heartbeat at `path` and prints the answer.
pub fn answer(probe: Probe, path: &Path) -> Outcome {
    match probe.ask(path) {
        Verdict::Yes => {
            output::line("yes")?;
            Ok(Exit::Done)
        }
        Verdict::No(why) => {
            output::line(format_args!("no: {why}"))?;
            Ok(Exit::No)
        }
    }
}
