//! The model of a bundle, kept from what the settings name.

use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::model::{Interpreter, ModelSpec, Sandbox};
use crate::settings::Settings;

/// What to run. The interpreter that is asked about itself may be the bundle's own, so it is confined as
/// the model is.
pub fn spec(manifest: &Manifest, settings: &Settings) -> Result<ModelSpec, Report> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find = || Interpreter::find(settings.python.as_deref(), &manifest.root, manifest.python, &path);
    let sandbox = Sandbox::default().protecting(&settings.private_paths());
    let python = sandbox.run(find).map_err(|error| Report::new(Exit::Internal, error))??;
    let mut spec = ModelSpec::of_bundle(manifest, python, settings.topic_id, settings.network.to_string());
    spec.protected = settings.private_paths();
    spec.read_only = settings.read_only_paths();
    Ok(spec)
}
