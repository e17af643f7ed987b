//! The model of a bundle, kept from what the settings name.

use tokio_util::sync::CancellationToken;

use super::{Exit, Report};
use crate::bundle::{Manifest, Unmet};
use crate::model::{Interpreter, InterpreterError, ModelSpec, StartError};
use crate::settings::Settings;

/// What to run. Requirements that are not installed are warned of. Ends soon, with an error, when `stopping` is
/// cancelled.
pub fn spec(
    manifest: &Manifest,
    settings: &Settings,
    stopping: &CancellationToken,
) -> Result<ModelSpec, Report> {
    let python = interpreter(manifest, settings, stopping)??;
    let unmet = unmet(manifest, &python);
    if !unmet.is_empty() {
        let list = unmet.iter().map(Unmet::to_string).collect::<Vec<_>>().join(", ");
        tracing::warn!("not installed: {list}; {}", install_hint(manifest, settings));
    }
    Ok(spec_with(manifest, settings, python))
}

/// The interpreter that fits. Ends soon when `stopping` is cancelled.
pub fn interpreter(
    manifest: &Manifest,
    settings: &Settings,
    stopping: &CancellationToken,
) -> Result<Result<Interpreter, InterpreterError>, Report> {
    let named = settings.python.as_deref();
    let found = Interpreter::of_bundle(manifest, named, &settings.private_paths(), stopping);
    found.map_err(|error| Report::new(Exit::Internal, error))
}

/// What to run in this interpreter.
pub fn spec_with(manifest: &Manifest, settings: &Settings, python: Interpreter) -> ModelSpec {
    let mut spec = ModelSpec::of_bundle(manifest, python, settings.topic_id, settings.network.to_string());
    spec.protected = settings.private_paths();
    spec.read_only = settings.read_only_paths();
    spec
}

/// What the bundle requires and the interpreter does not have.
pub fn unmet(manifest: &Manifest, python: &Interpreter) -> Vec<Unmet> {
    let paths = std::env::var_os("PYTHONPATH").unwrap_or_default();
    manifest.unmet(&python.executable, &python.version, &std::env::split_paths(&paths).collect::<Vec<_>>())
}

/// The command that installs what a bundle requires.
pub fn install_hint(manifest: &Manifest, settings: &Settings) -> String {
    match &settings.python {
        Some(python) => {
            let file = manifest.environment.pip_requirements.display();
            format!("run `{} -m pip install -r {file}`", python.display())
        }
        None => format!("run `bootstrap install {}`", manifest.root.display()),
    }
}

impl From<InterpreterError> for Report {
    fn from(error: InterpreterError) -> Self {
        let exit = match &error {
            InterpreterError::NamedMissing(_) => Exit::Config,
            InterpreterError::Unfit { .. } | InterpreterError::NotFound { .. } => Exit::BadBundle,
        };
        let hint = error.hint();
        Self::new(exit, error).hint(hint)
    }
}

impl From<StartError> for Report {
    fn from(error: StartError) -> Self {
        let hint = error.hint();
        let report = Self::new(Exit::Config, error);
        match hint {
            Some(hint) => report.hint(hint),
            None => report,
        }
    }
}
