//! `bootstrap service`.

use std::os::unix::process::CommandExt as _;

use super::{Exit, Outcome, Report, environment, output, probe, render};
use crate::health::Probe;
use crate::render::Written;
use crate::service::{Service, ServiceError, Started};
use crate::settings::{self, Flags};

/// The worker of a bundle as a service: of systemd, or of supervisord where there is no systemd
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[arg(value_enum)]
    verb: Verb,
    #[command(flatten)]
    flags: Flags<settings::Bundle>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Verb {
    /// Write its file, with the settings of the environment, and start it with the machine from now on
    Install,
    /// Stop it and remove its file; state, key and logs stay
    Uninstall,
    /// Start it
    Start,
    /// Stop it in order
    Stop,
    /// Stop it in order and start it
    Restart,
    /// What the service manager knows of it: exit code 1 when it does not run
    Status,
    /// Follow its log
    Logs,
    /// Whether it would answer a window that opened now: exit code 1 and why when not
    Health,
}

impl From<ServiceError> for Report {
    fn from(error: ServiceError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Config, error).hint(hint)
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if let Verb::Install = self.verb {
            let (service, written) = Service::install(&render::deployment(&self.flags)?)?;
            let path = service.path().display();
            match written {
                Written::New => output::line(format_args!("installed {}: {path}", service.name()))?,
                Written::Replaced => {
                    output::line(format_args!("brought {} up to date: {path}", service.name()))?
                }
                Written::Unchanged => output::line(format_args!("{} is up to date: {path}", service.name()))?,
            }
            return Ok(Exit::Done);
        }
        let service = Service::of(&settings::bundle_root(&self.flags, environment())?)?;
        let name = service.name();
        match self.verb {
            Verb::Install => {}
            Verb::Uninstall => {
                service.uninstall()?;
                output::line(format_args!(
                    "removed {name}: {}; state, key and logs stay",
                    service.path().display()
                ))?;
            }
            Verb::Start => started(name, service.start()?)?,
            Verb::Stop => {
                service.stop()?;
                output::line(format_args!("stopped {name}"))?;
            }
            Verb::Restart => {
                service.stop()?;
                started(name, service.start()?)?;
            }
            Verb::Status => {
                let status = service.status().status().map_err(|error| Report::new(Exit::Internal, error))?;
                return Ok(if status.success() { Exit::Done } else { Exit::No });
            }
            // Returns only when it cannot be started.
            Verb::Logs => return Err(Report::new(Exit::Config, service.logs().exec())),
            Verb::Health => return probe::answer(Probe::Ready, &service.heartbeat()),
        }
        Ok(Exit::Done)
    }
}

fn started(name: &str, started: Started) -> Result<(), Report> {
    match started {
        Started::Yes => output::line(format_args!("started {name}")),
        Started::NotYet => output::line(format_args!(
            "{name} is still starting: `bootstrap service health` says what it waits for"
        )),
    }
}
