//! `bootstrap install`.

use tokio_util::sync::CancellationToken;

use super::{Exit, Outcome, Report, environment};
use crate::bundle::Manifest;
use crate::bundle::venv::{Base, InstallError, Installer, Plan};
use crate::model::Interpreter;
use crate::settings::{self, Flags, Settings};

/// The virtual environment of a bundle, with what it requires
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Check>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let root = settings::bundle_root(&self.flags, environment())?;
        let (manifest, warnings) = Manifest::read(&root)?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        let settings = Settings::resolve(Some(&manifest), &self.flags, environment())?;
        let named = settings.python.as_deref();
        let plan =
            Plan::new(&manifest, named, || eprintln!("waiting for another `bootstrap install` to end"))?;
        let folder = root.join(".venv");
        if plan.is_done()? {
            eprintln!("nothing to do");
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let python = Interpreter::base(named, manifest.python, &path, &CancellationToken::new())?;
            let installer = Installer::find(&path);
            let (count, name) = (plan.len(), installer.name());
            eprintln!("{count} requirements, by {name}, for Python {}", python.version);
            let base = Base { executable: &python.executable, version: &python.version };
            plan.install(base, &installer)?;
        }
        println!("{}", folder.display());
        Ok(Exit::Done)
    }
}

impl From<InstallError> for Report {
    fn from(error: InstallError) -> Self {
        match &error {
            InstallError::Failed { .. } => Self::new(Exit::No, error)
                .hint("what it said stands above; an environment that was there before is as it was"),
            InstallError::Unwritable { .. } => Self::new(Exit::No, error),
        }
    }
}
