//! `bootstrap install`.

use tokio_util::sync::CancellationToken;

use super::{Exit, Outcome, Report, environment, model, output};
use crate::bundle::Manifest;
use crate::bundle::venv::{Base, InstallError, Installer, Plan, Replaced};
use crate::model::{Interpreter, Private, Unmet};
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
            output::note(format_args!("warning: {warning}"));
        }
        let settings = Settings::resolve(Some(&manifest), &self.flags, environment())?;
        let named = settings.python.as_deref();
        let plan =
            Plan::new(&manifest, named, || output::note("waiting for another `bootstrap install` to end"))?;
        let folder = root.join(".venv");
        let private = Private::of_settings(&settings);
        if plan.is_done()? && still_fits(&manifest, &private)? {
            output::note("nothing to do");
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let stopping = CancellationToken::new();
            let python = Interpreter::base(named, manifest.python, &path, &private, &stopping)?;
            let installer = Installer::find(&path);
            let (count, name) = (plan.len(), installer.name());
            output::note(format_args!("{count} requirements, by {name}, for Python {}", python.version));
            let base = Base { executable: &python.executable, version: &python.version };
            match plan.install(base, &installer)? {
                Replaced::Own { dropped } if dropped.is_empty() => {}
                Replaced::Own { dropped } => {
                    let list = dropped.join(", ");
                    output::note(format_args!("dropped, since the requirements do not name it: {list}"));
                }
                Replaced::Kept(old) => output::note(format_args!(
                    "the environment that was there is not of `bootstrap install`: it is kept as {}",
                    old.display()
                )),
            }
        }
        output::line(folder.display())?;
        Ok(Exit::Done)
    }
}

/// Whether the environment has what the bundle requires, as `check` judges it: packages may have been removed since
/// it was made. Says what it lacks. Starts no Python where nothing is required.
fn still_fits(manifest: &Manifest, private: &Private) -> Result<bool, Report> {
    if manifest.requirements().projects().is_empty() {
        return Ok(true);
    }
    let stopping = CancellationToken::new();
    let own = Interpreter::of_bundle(manifest, None, private, &stopping);
    let Ok(python) = own.map_err(|error| Report::new(Exit::Internal, error))? else { return Ok(false) };
    let unmet = model::unmet(manifest, &python, private, &stopping);
    if !unmet.is_empty() {
        output::note(format_args!("no longer installed: {}", Unmet::list(&unmet)));
    }
    Ok(unmet.is_empty())
}

impl From<InstallError> for Report {
    fn from(error: InstallError) -> Self {
        match &error {
            InstallError::Failed { .. } => Self::new(Exit::No, error).hint(
                "what it said stands above; where a package has nothing for this Python, name another one with --python; an \
                 environment that was there before is as it was",
            ),
            InstallError::Unwritable { .. } | InstallError::TooLong(_) => Self::new(Exit::No, error),
            InstallError::Occupied(_) => {
                Self::new(Exit::No, error).hint("move it away; nothing was installed")
            }
        }
    }
}
