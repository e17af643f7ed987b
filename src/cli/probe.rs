//! `bootstrap probe`.

use super::{Exit, Outcome};
use crate::health::{self, Instant, Probe, Verdict};
use crate::settings::{self, Environment, Flags, Local};

/// Asks the heartbeat of a worker: exit code 0 for yes, 1 for no, and one line why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is asked
    #[arg(value_enum)]
    probe: Probe,
    #[command(flatten)]
    flags: Flags<Local>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        // SAFETY: no thread has been started yet.
        let environment = unsafe { Environment::take() };
        let path = settings::heartbeat_file(&self.flags, &environment)?;
        let verdict = match health::read(&path) {
            Ok(heartbeat) => self.probe.judge(&heartbeat, &Instant::now()),
            Err(unread) => Verdict::No(unread.to_string()),
        };
        match verdict {
            Verdict::Yes => {
                println!("yes");
                Ok(Exit::Done)
            }
            Verdict::No(why) => {
                println!("no: {why}");
                Ok(Exit::No)
            }
        }
    }
}
