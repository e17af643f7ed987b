//! Asking the model, and what it came to.

use tokio::time::Instant;

use super::{Progress, RESERVE, Round};
use crate::journal::{Failure, JournalError, Timestamp};
use crate::model::{Answer, Call, FailureKind};
use crate::worker::prediction::Values;

/// What asking the model came to.
pub(super) enum Predicted {
    Values(Values),
    Skipped(String),
    Failed(String),
    /// It was killed sooner than it may be, for the end of the window.
    CutShort(String),
    Interrupted,
}

impl Round {
    /// Says and records that the model gave nothing to submit. Gives the failure by name.
    pub(super) async fn failed(&self, kind: &str, message: &str) -> Result<String, JournalError> {
        let named = format!("{kind}: {message}");
        tracing::warn!("no prediction, the model is asked again while the window is open: {named}");
        let (key, failure) = (self.key(), Failure { kind: kind.to_owned(), message: message.to_owned() });
        self.context.journal.call(move |journal| journal.failed(key, &failure, Timestamp::now())).await?;
        Ok(named)
    }

    pub(super) async fn predict(&self) -> Result<Predicted, JournalError> {
        let options = &self.context.options;
        let reserve = self.context.clock.head().block_time.clamp(RESERVE.0, RESERVE.1);
        let limit = options.max_seconds.min(self.left().saturating_sub(reserve)).max(RESERVE.0);
        self.progress.send_replace(Some(Progress::Predicting { deadline: Instant::now() + limit }));
        let call = Call {
            nonce: self.window.nonce,
            topic_id: options.topic_id,
            window_closes_at: Some(self.window.end),
            network: options.network.clone(),
            limit,
        };
        let begun = Instant::now();
        let answer = tokio::select! {
            answer = self.model.predict(call) => answer,
            () = self.context.stopping.cancelled() => return Ok(Predicted::Interrupted),
        };
        let outcome = match &answer {
            Ok(Answer::Value(_)) => "value",
            Ok(Answer::Skipped { .. }) => "skipped",
            Err(failure) => failure.kind.as_str(),
        };
        self.context.metrics.predicted(outcome, begun.elapsed());
        let (kind, message) = match answer {
            Ok(Answer::Skipped { why }) => return Ok(Predicted::Skipped(why)),
            Ok(Answer::Value(prediction)) => match Values::new(&prediction, self.arity) {
                Ok(values) => return self.validate(values).await,
                Err(unfit) => ("bad_value".to_owned(), unfit.to_string()),
            },
            Err(failure) if failure.kind == FailureKind::Timeout && limit < options.max_seconds => {
                let message = format!("{failure}, since the window was about to close");
                return Ok(Predicted::CutShort(self.failed(failure.kind.as_str(), &message).await?));
            }
            Err(failure) => {
                let (kind, message) = (failure.kind.to_string(), failure.to_string());
                // That of an import is shown when it happens, window or not.
                let shown = failure.traceback.filter(|_| failure.kind != FailureKind::Import);
                if let Some(traceback) = shown.filter(|text| self.context.is_new_traceback(text)) {
                    tracing::warn!("the model failed:\n{}", traceback.trim_end());
                }
                (kind, message)
            }
        };
        Ok(Predicted::Failed(self.failed(&kind, &message).await?))
    }
}
