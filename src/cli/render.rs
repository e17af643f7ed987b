//! `bootstrap render`.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{Exit, Outcome, Report, environment, model, output};
use crate::bundle::{Manifest, Network, PythonVersion};
use crate::model::{InterpreterError, Private};
use crate::render::{self, Deployment, File, Kind, RenderError, WriteError, Written};
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
        let files = self.kind.render(|| deployment(&self.flags), || dockerfile(&self.flags))?;
        let alone = files.len() == 1;
        for file in files {
            let Some(folder) = &self.output else {
                // The names of several stand where each of these formats takes a comment.
                let name = if alone { String::new() } else { format!("# {}\n", file.name) };
                let text = format!("{name}{}", file.text);
                output::print(text)?;
                continue;
            };
            let written = file.write_to(folder)?;
            let path = folder.join(&file.name);
            match written {
                Written::New => output::note(format_args!("written: {}", path.display())),
                Written::Unchanged => output::note(format_args!("unchanged: {}", path.display())),
                Written::Replaced => {
                    output::note(format_args!("replaced, another one was there: {}", path.display()))
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// The Dockerfile of the bundle that the arguments name.
fn dockerfile(flags: &Flags<settings::Bundle>) -> Result<File, Report> {
    let (manifest, _) = Manifest::read(&settings::bundle_root(flags, environment())?)?;
    Ok(render::dockerfile(&manifest, &python_of_image(&manifest, flags)?))
}

/// The version of Python for the bundle's image, such as `3.12`: for a lower bound that of the interpreter that the
/// bundle is tried with here, and where none fits, the bound.
pub fn python_of_image<S>(manifest: &Manifest, flags: &Flags<S>) -> Result<String, Report> {
    let PythonVersion::AtLeast { minor } = manifest.python else { return Ok(manifest.python.to_string()) };
    let settings = Settings::resolve(Some(manifest), flags, environment())?;
    let private = Private::of_settings(&settings);
    let found = match model::interpreter(manifest, &settings, &private, &CancellationToken::new())? {
        Ok(python) => python.version.rsplit_once('.').map(|(minor, _)| minor.to_owned()),
        Err(named @ InterpreterError::NamedMissing(_)) => return Err(named.into()),
        Err(_) => None,
    };
    Ok(found.unwrap_or_else(|| format!("3.{minor}")))
}

/// The worker of the bundle that the arguments name, with the settings of the environment.
pub fn deployment(flags: &Flags<settings::Bundle>) -> Result<Deployment, Report> {
    let (manifest, _) = Manifest::read(&settings::bundle_root(flags, environment())?)?;
    let settings = Settings::resolve(Some(&manifest), flags, environment())?;
    if settings.network == Network::Devnet {
        output::note(format_args!(
            "warning: the network is devnet, so this worker runs a chain of its own and earns nothing: set ALLORA_NETWORK"
        ));
    }
    let program = std::env::current_exe().map_err(|error| Report::new(Exit::Internal, error))?;
    Ok(Deployment::of(&manifest, &settings, environment(), &program)?)
}
