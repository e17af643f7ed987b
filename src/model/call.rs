//! A question to the model, and its answer.

use std::time::Duration;

use bootstrap_frames::Prediction;

use super::failure::shown;

/// Longest value and longest label of a prediction, in bytes, as in our module.
const MAX_VALUE: usize = 1024;
/// Most labels of a prediction, as in our module.
const MAX_LABELS: usize = 1024;

/// One question.
#[derive(Debug, Clone)]
pub struct Call {
    /// Block height of the nonce.
    pub nonce: i64,
    /// The topic that asks.
    pub topic_id: u64,
    /// Last block of the window, when one is open.
    pub window_closes_at: Option<i64>,
    /// Name or address of the network, without credentials.
    pub network: String,
    /// Time for the answer, waiting for the model to load included.
    pub limit: Duration,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Decimal texts, exactly as the model gave them.
    Value(Prediction),
    /// It left this nonce out on purpose.
    Skipped {
        /// Its own words.
        why: String,
    },
}

impl Answer {
    /// A prediction, unless it is larger than any that our module gives.
    pub(super) fn value(prediction: Prediction) -> Option<Self> {
        let fits = |text: &String| text.len() <= MAX_VALUE;
        let all_fit = match &prediction {
            Prediction::One(value) => fits(value),
            Prediction::Many(values) => {
                values.len() <= MAX_LABELS && values.iter().all(|(label, value)| fits(label) && fits(value))
            }
        };
        all_fit.then_some(Self::Value(prediction))
    }

    /// What a model says of a nonce that it leaves out.
    pub(super) fn skipped(why: String) -> Self {
        Self::Skipped { why: shown(&why) }
    }
}
