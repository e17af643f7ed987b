//! One call of a model without chain and wallet: what `predict` shows and `check` tries.

use std::time::Instant;

use super::progress::{self, Loading};
use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::journal::Verdict;
use crate::model::{
    Answer, Call, Failure, FailureKind, Model, ModelSpec, ModelState, Prediction, adopt_orphans,
};
use crate::settings::Settings;
use crate::worker::prediction::{Arity, Values};
use crate::worker::validate::{Circumstances, Judgement, Rules};

/// What one call came to.
pub struct Predicted {
    /// The texts that would be submitted.
    pub prediction: Prediction,
    /// What the bundle's limits say of them: accepted, or warned of.
    pub judgement: Judgement,
    pub seconds: f64,
    pub load_seconds: Option<f64>,
    pub python: Option<String>,
}

/// Where a model failed.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    Load,
    Call,
}

/// Why there is nothing to show.
pub enum Unpredicted {
    Failed(Stage, Failure),
    /// The limits of the bundle do not let it be submitted.
    Rejected(Judgement),
    Skipped {
        why: String,
    },
    Interrupted,
}

impl From<Failure> for Unpredicted {
    fn from(failure: Failure) -> Self {
        Self::Failed(Stage::Call, failure)
    }
}

/// Loads the model, asks it once for `nonce`, and stops it. The answer is held to the limits of the bundle that
/// need neither chain nor journal.
pub fn call(
    mut spec: ModelSpec,
    nonce: i64,
    manifest: &Manifest,
    settings: &Settings,
) -> Result<Result<Predicted, Unpredicted>, Report> {
    let call = Call {
        nonce,
        topic_id: spec.topic_id.unwrap_or_default(),
        window_closes_at: None,
        network: spec.network.clone(),
        limit: manifest.runtime.max_seconds,
    };
    spec.is_asked_once = true;
    let rules = Rules::new(manifest.validation.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Report::new(Exit::Internal, error))?.block_on(async {
        adopt_orphans().map_err(|error| Report::new(Exit::Internal, error))?;
        let loading = Loading::within(spec.load_limit);
        let model = Model::start(spec)?;
        let _line = progress::show(settings, progress::of_model(model.watch(), loading));
        let outcome = tokio::select! {
            outcome = ask(&model, call, &rules) => outcome,
            // Without a handler for it there is nothing to wait for.
            Ok(()) = tokio::signal::ctrl_c() => Err(Unpredicted::Interrupted),
        };
        model.stop().await;
        Ok(outcome)
    })
}

async fn ask(model: &Model, call: Call, rules: &Rules) -> Result<Predicted, Unpredicted> {
    let mut status = model.watch();
    // The limit of the call is for the call; loading has its own.
    let loaded = match status.wait_for(|status| status.state != ModelState::Loading).await {
        Ok(status) => status.clone(),
        Err(_) => {
            let gone = Failure::new(FailureKind::Crash, "the model is gone");
            return Err(Unpredicted::Failed(Stage::Load, gone));
        }
    };
    if let ModelState::Failed(failure) = loaded.state {
        return Err(Unpredicted::Failed(Stage::Load, failure));
    }
    let start = Instant::now();
    match model.predict(call).await? {
        Answer::Skipped { why } => Err(Unpredicted::Skipped { why }),
        Answer::Value(prediction) => {
            let seconds = start.elapsed().as_secs_f64();
            let (prediction, judgement) = judged(&prediction, rules)?;
            let (load_seconds, python) = (loaded.load_seconds, loaded.python);
            Ok(Predicted { prediction, judgement, seconds, load_seconds, python })
        }
    }
}

/// The texts that would be submitted, and what the bundle says of them. How many values the topic takes is not
/// known here: as many as came.
fn judged(prediction: &Prediction, rules: &Rules) -> Result<(Prediction, Judgement), Unpredicted> {
    let arity = match prediction {
        Prediction::One(_) => Arity::Single,
        Prediction::Many(_) => Arity::Multi,
    };
    let values = Values::new(prediction, arity)
        .map_err(|unfit| Failure::new(FailureKind::BadValue, unfit.to_string()))?;
    let judgement = rules.judge(values.as_slice(), Circumstances::ALONE);
    if judgement.verdict == Verdict::Rejected {
        return Err(Unpredicted::Rejected(judgement));
    }
    let mut texts = values.as_slice().iter().map(|(label, value)| (label.clone(), value.to_string()));
    let prediction = match (arity, texts.next()) {
        (Arity::Single, Some((_, value))) => Prediction::One(value),
        (_, first) => Prediction::Many(first.into_iter().chain(texts).collect()),
    };
    Ok((prediction, judgement))
}
