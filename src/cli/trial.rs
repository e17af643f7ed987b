//! One call of a model without chain and wallet: what `predict` shows and `check` tries.

use std::time::{Duration, Instant};

use super::progress::{self, Loading};
use super::{Exit, Report};
use crate::chain::decimal::Decimal;
use crate::model::{
    Answer, Call, Failure, FailureKind, Model, ModelSpec, ModelState, Prediction, adopt_orphans,
};
use crate::settings::Settings;

/// What one call came to.
pub struct Predicted {
    pub prediction: Prediction,
    pub seconds: f64,
    pub load_seconds: Option<f64>,
    pub python: Option<String>,
}

/// Why there is nothing to show.
pub enum Unpredicted {
    Failed(Failure),
    Skipped { why: String },
    Interrupted,
}

impl From<Failure> for Unpredicted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Loads the model, asks it once for `nonce`, and stops it.
pub fn call(
    spec: ModelSpec,
    nonce: i64,
    limit: Duration,
    settings: &Settings,
) -> Result<Result<Predicted, Unpredicted>, Report> {
    let call = Call {
        nonce,
        topic_id: spec.topic_id.unwrap_or_default(),
        window_closes_at: None,
        network: spec.network.clone(),
        limit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Report::new(Exit::Internal, error))?.block_on(async {
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
    })
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
