//! What is said of a prediction, in the log and in the journal.

use super::Round;
use super::predict::Predicted;
use crate::journal::{JournalError, Timestamp, Verdict};
use crate::worker::prediction::Values;
use crate::worker::validate::{Circumstances, Judgement};

impl Round {
    /// Judges a prediction, and keeps what is said of it.
    pub(super) async fn validate(&self, values: Values) -> Result<Predicted, JournalError> {
        let (key, value) = (self.key(), values.to_string());
        let judgement = self.judge(&values, &value);
        let (limits, why) = (judgement.limits(), judgement.to_string());
        let (verdict, keys) = (judgement.verdict.as_str(), limits.0.join(","));
        let journal = &self.context.journal;
        match judgement.verdict {
            Verdict::Accepted => tracing::info!(value, verdict, "the prediction is {value}"),
            Verdict::Warned => tracing::warn!(value, verdict, limits = keys, "unusual prediction: {why}"),
            Verdict::Rejected => {
                tracing::warn!(
                    value,
                    verdict,
                    limits = keys,
                    "not submitted, the model is asked again while the window is open: {why}"
                );
                if judgement.is_repetition() {
                    self.context.repeats().came(&value);
                }
                let reason = format!("{verdict}: {why}");
                journal
                    .call(move |journal| journal.rejected_prediction(key, &why, &limits, Timestamp::now()))
                    .await?;
                return Ok(Predicted::Failed(reason));
            }
        }
        journal.call(move |journal| journal.predicted(key, &value, &limits, Timestamp::now())).await?;
        Ok(Predicted::Values(values))
    }

    fn judge(&self, values: &Values, text: &str) -> Judgement {
        let times = self.context.repeats().with(text);
        let consensus = self.context.consensus();
        let circumstances = Circumstances { times, consensus: consensus.as_deref() };
        self.context.options.rules.judge(values.as_slice(), circumstances)
    }
}
