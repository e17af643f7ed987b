//! `bootstrap render`.

use std::io::Write as _;
use std::path::PathBuf;

use super::{Exit, Outcome, Report, environment};
use crate::bundle::Manifest;
use crate::render::{Deployment, Kind, RenderError, WriteError, Written};
use crate::settings::{self, Flags, Settings};

/// Deployment files of a bundle, with the settings of the environment
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What for
    #[arg(value_enum)]
    kind: Kind,
    #[command(flatten)]
    flags: Flags<settings::Bundle>,
    /// Write them into this folder instead of printing them
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl From<RenderError> for Report {
    fn from(error: RenderError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Config, error).hint(hint)
    }
}

impl From<WriteError> for Report {
    fn from(error: WriteError) -> Self {
        Self::new(Exit::Config, error)
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let files = self.kind.render(|| deployment(&self.flags))?;
        let alone = files.len() == 1;
        for file in files {
            let Some(folder) = &self.output else {
                // The names of several stand where each of these formats takes a comment.
                let name = if alone { String::new() } else { format!("# {}\n", file.name) };
                let text = format!("{name}{}", file.text);
                // Nobody has to read it.
                let _ = std::io::stdout().write_all(text.as_bytes());
                continue;
            };
            let written = file.write_to(folder)?;
            let path = folder.join(&file.name);
            match written {
                Written::New => eprintln!("written: {}", path.display()),
                Written::Unchanged => eprintln!("unchanged: {}", path.display()),
                Written::Replaced => eprintln!("replaced, another one was there: {}", path.display()),
            }
        }
        Ok(Exit::Done)
    }
}

/// The worker of the bundle that the arguments name, with the settings of the environment.
pub fn deployment(flags: &Flags<settings::Bundle>) -> Result<Deployment, Report> {
    let (manifest, _) = Manifest::read(&settings::bundle_root(flags, environment())?)?;
    let settings = Settings::resolve(Some(&manifest), flags, environment())?;
    let program = std::env::current_exe().map_err(|error| Report::new(Exit::Internal, error))?;
    Ok(Deployment::of(&manifest, &settings, environment(), &program)?)
}
