//! `bootstrap predict`.

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::trial::{self, Predicted, Unpredicted};
use super::{Exit, Outcome, Report, environment, hint, logging, model, output};
use crate::bundle::Manifest;
use crate::journal::Verdict;
use crate::model::{Failure, FailureKind, Prediction, Private};
use crate::settings::{self, Flags, Settings};

/// One local call of the model; no chain, no wallet
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Model>,
    /// The nonce that the model is asked for
    #[arg(long, default_value_t = 1, allow_hyphen_values = true, value_parser = clap::value_parser!(i64).range(0..))]
    nonce: i64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let root = settings::bundle_root(&self.flags, environment())?;
        let (manifest, warnings) = Manifest::read(&root)?;
        let settings = Settings::resolve(Some(&manifest), &self.flags, environment())?;
        logging::start(&settings, &manifest, None)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let private = Private::of_settings(&settings);
        let spec = model::spec(&manifest, &settings, &private, &CancellationToken::new())?;
        let python = spec.python.clone();
        match trial::call(spec, self.nonce, &manifest, &settings)? {
            Ok(predicted) => {
                let judgement = &predicted.judgement;
                if judgement.verdict == Verdict::Warned {
                    tracing::warn!("`run` would submit it with a warning: {judgement}");
                }
                self.show(&predicted)?;
                Ok(Exit::Done)
            }
            Err(Unpredicted::Interrupted) => Ok(Exit::Interrupted),
            Err(Unpredicted::Failed(stage, failure)) => {
                let Failure { kind, message, advice: _, traceback } = &failure;
                let lacks_packages =
                    || !model::unmet(&manifest, &python, &private, &CancellationToken::new()).is_empty();
                let hint = match kind {
                    FailureKind::Import if lacks_packages() => {
                        manifest.install_hint(settings.python.as_deref())
                    }
                    _ => hint::of_failure(stage, &failure, &manifest),
                };
                // The document has no place for a hint.
                let message = if self.json { &failure.to_string() } else { message };
                self.show_error(kind.as_str(), message, traceback.as_deref(), Some(&hint))?;
                Ok(Exit::No)
            }
            Err(Unpredicted::Rejected(judgement)) => {
                let message = format!("`run` would not submit it: {judgement}");
                let hint = hint::of_rejection(&judgement, &manifest);
                self.show_error(FailureKind::BadValue.as_str(), &message, None, Some(&hint))?;
                Ok(Exit::No)
            }
            Err(Unpredicted::Skipped { why }) => {
                self.show_error("skipped", &why, None, None)?;
                Ok(Exit::No)
            }
        }
    }

    fn show(&self, predicted: &Predicted) -> Result<(), Report> {
        let Predicted { prediction, seconds, load_seconds, python, judgement: _ } = predicted;
        match (self.json, prediction) {
            (false, Prediction::One(value)) => output::line(value),
            (false, Prediction::Many(values)) => {
                let lines = values.iter().map(|(label, value)| format!("{label}\t{value}\n"));
                output::print(lines.collect::<String>())
            }
            (true, prediction) => {
                let (value, values) = match prediction {
                    Prediction::One(value) => (Some(value), None),
                    Prediction::Many(values) => {
                        let labelled = values.iter().map(|(label, value)| (label.clone(), json!(value)));
                        (None, Some(labelled.collect::<Map<String, Value>>()))
                    }
                };
                let document = json!({
                    "value": value,
                    "values": values,
                    "nonce": self.nonce,
                    "seconds": seconds,
                    "load_seconds": load_seconds,
                    "python": python,
                });
                output::line(document)
            }
        }
    }

    fn show_error(
        &self,
        kind: &str,
        message: &str,
        traceback: Option<&str>,
        hint: Option<&str>,
    ) -> Result<(), Report> {
        if self.json {
            return output::line(
                json!({"error": {"kind": kind, "message": message, "traceback": traceback}}),
            );
        }
        if let Some(traceback) = traceback {
            output::note(traceback.trim_end());
        }
        let headline = if kind == "skipped" { "the model skipped this nonce" } else { "no prediction" };
        output::note(format_args!("error: {headline} ({kind})\n  caused by: {message}"));
        if let Some(hint) = hint {
            output::note(format_args!("hint: {hint}"));
        }
        Ok(())
    }
}
