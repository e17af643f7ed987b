//! The model of a bundle, kept from what the settings name.

use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::model::{Interpreter, ModelSpec};
use crate::settings::Settings;

/// What to run.
pub fn spec(manifest: &Manifest, settings: &Settings) -> Result<ModelSpec, Report> {
    let python = Interpreter::of_bundle(manifest, settings.python.as_deref(), &settings.private_paths());
    let python = python.map_err(|error| Report::new(Exit::Internal, error))??;
    let mut spec = ModelSpec::of_bundle(manifest, python, settings.topic_id, settings.network.to_string());
    spec.protected = settings.private_paths();
    spec.read_only = settings.read_only_paths();
    Ok(spec)
}
