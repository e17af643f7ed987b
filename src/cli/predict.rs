//! `bootstrap predict`.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::progress::{self, Loading};
use super::{Exit, Outcome, Report, environment, logging, model};
use crate::bundle::Manifest;
use crate::chain::decimal::Decimal;
use crate::model::{
    Answer, Call, Failure, FailureKind, InterpreterError, Model, ModelSpec, ModelState, Prediction,
    StartError, adopt_orphans,
};
use crate::settings::{self, Flags, Settings};

/// One local call of the model; no chain, no wallet
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Model>,
    /// The nonce that the model is asked for
    #[arg(long, default_value_t = 1)]
    nonce: i64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What one call came to.
struct Predicted {
    prediction: Prediction,
    seconds: f64,
    load_seconds: Option<f64>,
    python: Option<String>,
}

/// Why there is nothing to show.
enum Unpredicted {
    Failed(Failure),
    Skipped { why: String },
    Interrupted,
}

impl From<Failure> for Unpredicted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
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
        let spec = model::spec(&manifest, &settings)?;
        let call = Call {
            nonce: self.nonce,
            topic_id: settings.topic_id.unwrap_or_default(),
            window_closes_at: None,
            network: spec.network.clone(),
            limit: manifest.runtime.max_seconds,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Report::new(Exit::Internal, error))?;
        match runtime.block_on(predict(spec, call, &settings))? {
            Ok(predicted) => {
                self.show(&predicted);
                Ok(Exit::Done)
            }
            Err(Unpredicted::Interrupted) => Ok(Exit::Interrupted),
            Err(Unpredicted::Failed(Failure { kind, message, traceback })) => {
                self.show_error(&kind.to_string(), &message, traceback.as_deref());
                Ok(Exit::No)
            }
            Err(Unpredicted::Skipped { why }) => {
                self.show_error("skipped", &why, None);
                Ok(Exit::No)
            }
        }
    }

    fn show(&self, predicted: &Predicted) {
        let Predicted { prediction, seconds, load_seconds, python } = predicted;
        match (self.json, prediction) {
            (false, Prediction::One(value)) => println!("{value}"),
            (false, Prediction::Many(values)) => {
                for (label, value) in values {
                    println!("{label}\t{value}");
                }
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
                println!("{document}");
            }
        }
    }

    fn show_error(&self, kind: &str, message: &str, traceback: Option<&str>) {
        if self.json {
            println!("{}", json!({"error": {"kind": kind, "message": message, "traceback": traceback}}));
            return;
        }
        if let Some(traceback) = traceback {
            eprintln!("{}", traceback.trim_end());
        }
        let headline = if kind == "skipped" { "the model skipped this nonce" } else { "no prediction" };
        eprintln!("error: {headline} ({kind})\n  caused by: {message}");
    }
}

/// Loads the model, asks it once, and stops it.
async fn predict(
    spec: ModelSpec,
    call: Call,
    settings: &Settings,
) -> Result<Result<Predicted, Unpredicted>, Report> {
    adopt_orphans().map_err(|error| Report::new(Exit::Internal, error))?;
    let loading = Loading::within(spec.load_limit);
    let model = Model::start(spec)?;
    let _line = progress::show(settings, progress::of_model(model.watch(), loading));
    let outcome = tokio::select! {
        outcome = ask(&model, call) => outcome,
        // Without a handler for it there is nothing to wait for.
        Ok(()) = tokio::signal::ctrl_c() => Err(Unpredicted::Interrupted),
    };
    model.stop().await;
    Ok(outcome)
}

async fn ask(model: &Model, call: Call) -> Result<Predicted, Unpredicted> {
    let mut status = model.watch();
    // The limit of the call is for the call; loading has its own.
    let loaded = match status.wait_for(|status| status.state != ModelState::Loading).await {
        Ok(status) => status.clone(),
        Err(_) => {
            return Err(Failure {
                kind: FailureKind::Crash,
                message: "the model is gone".into(),
                traceback: None,
            }
            .into());
        }
    };
    if let ModelState::Failed(failure) = loaded.state {
        return Err(failure.into());
    }
    let start = Instant::now();
    match model.predict(call).await? {
        Answer::Skipped { why } => Err(Unpredicted::Skipped { why }),
        Answer::Value(prediction) => Ok(Predicted {
            prediction: canonical(prediction)?,
            seconds: start.elapsed().as_secs_f64(),
            load_seconds: loaded.load_seconds,
            python: loaded.python,
        }),
    }
}

/// The texts that would be submitted.
fn canonical(prediction: Prediction) -> Result<Prediction, Failure> {
    let one = |value: String| {
        let decimal: Result<Decimal, _> = value.parse();
        let decimal = decimal.map_err(|error| error.to_string());
        let fits =
            decimal.and_then(|d| d.check_range().map(|()| d.to_string()).map_err(|error| error.to_string()));
        fits.map_err(|problem| Failure {
            kind: FailureKind::BadValue,
            message: format!("the chain would refuse {value}: {problem}"),
            traceback: None,
        })
    };
    Ok(match prediction {
        Prediction::One(value) => Prediction::One(one(value)?),
        Prediction::Many(values) => {
            let values = values.into_iter().map(|(label, value)| Ok((label, one(value)?)));
            Prediction::Many(values.collect::<Result<_, Failure>>()?)
        }
    })
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
