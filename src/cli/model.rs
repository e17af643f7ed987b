//! The model of a bundle, kept from what the settings name.

use tokio_util::sync::CancellationToken;

use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::model::{Interpreter, InterpreterError, ModelSpec, Private, StartError, Unmet};
use crate::settings::Settings;

/// What to run. Requirements that are not installed are warned of. Ends soon, with an error, when `stopping` is
/// cancelled.
pub fn spec(
    manifest: &Manifest,
    settings: &Settings,
    private: &Private,
    stopping: &CancellationToken,
) -> Result<ModelSpec, Report> {
    let python = interpreter(manifest, settings, private, stopping)??;
    let unmet = unmet(manifest, &python, private, stopping);
    if !unmet.is_empty() {
        let list = Unmet::list(&unmet);
        tracing::warn!("not installed: {list}; {}", manifest.install_hint(settings.python.as_deref()));
    }
    Ok(spec_with(manifest, settings, private, python))
}

/// The interpreter that fits. Ends soon when `stopping` is cancelled.
pub fn interpreter(
    manifest: &Manifest,
    settings: &Settings,
    private: &Private,
    stopping: &CancellationToken,
) -> Result<Result<Interpreter, InterpreterError>, Report> {
    let named = settings.python.as_deref();
    let found = Interpreter::of_bundle(manifest, named, private, stopping);
    found.map_err(|error| Report::new(Exit::Internal, error))
}

/// What to run in this interpreter.
pub fn spec_with(
    manifest: &Manifest,
    settings: &Settings,
    private: &Private,
    python: Interpreter,
) -> ModelSpec {
    let network = settings.network.to_string();
    let mut spec = ModelSpec::of_bundle(manifest, python, private.clone(), settings.topic_id, network);
    spec.read_only = settings.read_only_paths();
    spec
}

/// What the bundle requires and the interpreter does not have. Nothing, where it does not say.
pub fn unmet(
    manifest: &Manifest,
    python: &Interpreter,
    private: &Private,
    stopping: &CancellationToken,
) -> Vec<Unmet> {
    let unmet = python.unmet(manifest, private, stopping);
    unmet
        .inspect_err(|error| tracing::debug!(%error, "it is not known what is installed"))
        .unwrap_or_default()
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
        Self::new(Exit::Config, error).maybe_hint(hint)
    }
}
