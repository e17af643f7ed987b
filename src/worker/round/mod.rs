//! One round: a nonce from its opening to its terminal state.
//!
//! Predict, validate, submit. Each failure is recorded and tried again with a back-off until the last
//! block that can still hold the answer. Only the chain, the clock or the model's own `Skip` ends a round.
//!
//! | file | noun |
//! |---|---|
//! | `predict` | asking the model, and what it came to |
//! | `validate` | what is said of a prediction, in the log and in the journal |
//! | `submit` | the transaction, and what the chain's answer to it means |
//! | `ending` | the end, on its way into the journal |

mod ending;
mod predict;
mod submit;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use self::ending::missed;
use self::ending::{Answered, End, expired, finish, judged};
use self::predict::Predicted;
use self::submit::Submitted;
use super::context::Context;
use super::prediction::{Arity, Values};
use super::transact::Obstacle;
use crate::chain::delivered::Admission;
use crate::chain::locate::Located;
use crate::chain::query::Window;
use crate::chain::tx::TxHash;
use crate::journal::{
    Begin, Ending, JournalError, Prepared, Purpose, RoundKey, RoundRow, RoundState, Verdict,
};
use crate::model::{FailureKind, Model};

/// Pauses between tries of a model that fails, doubling.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Bounds of what is kept of a window for the transaction; a block time is the wish.
const RESERVE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Blocks between two tries of a transaction that the chain refuses, doubling up to this.
const MAX_PATIENCE: i64 = 16;

/// What a round is doing, with the time by which it will do something else.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The model computes.
    Predicting {
        /// When it is killed.
        deadline: Instant,
    },
    /// The transaction is on its way.
    Submitting {
        /// When its window is over.
        deadline: Instant,
    },
    /// Something that only people can fix stands in the way; tried again with each block.
    Held {
        /// What, and how to fix it.
        why: String,
    },
}

/// How a round ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The nonce.
    pub nonce: i64,
    /// Terminal state.
    pub state: RoundState,
    /// Why, where the state does not say it.
    pub reason: Option<String>,
    /// What was submitted, or would have been.
    pub value: Option<String>,
    /// What stood in the way, for what the worker does next.
    pub obstacle: Option<Obstacle>,
    /// Its row in the journal; `None` where an earlier life ended it.
    pub row: Option<RoundRow>,
}

impl Finished {
    /// Why it ended as it did: one of few words, none where the state says it all.
    pub fn reason_word(&self) -> &'static str {
        match (self.state, self.obstacle) {
            (_, Some(obstacle)) => obstacle.as_str(),
            (RoundState::Expired, None) => {
                // That of a model that gave nothing to submit begins with the kind of failure.
                let kind = self.reason.as_deref().and_then(|reason| reason.split(':').next());
                let mut kinds =
                    FailureKind::ALL.map(FailureKind::as_str).into_iter().chain([Verdict::Rejected.as_str()]);
                kinds.find(|known| Some(*known) == kind).unwrap_or("no_time")
            }
            _ => "",
        }
    }
}

/// What a round leaves behind.
#[derive(Debug)]
pub enum Ended {
    /// A terminal state, in the journal.
    Finished(Box<Finished>),
    /// The worker stops; the journal knows how to go on.
    Interrupted,
}

/// Answers one nonce.
pub struct Round {
    /// What all rounds share.
    pub context: Arc<Context>,
    /// The model.
    pub model: Model,
    /// The window.
    pub window: Window,
    /// How many values an inference holds.
    pub arity: Arity,
    /// Told of each step.
    pub progress: watch::Sender<Option<Progress>>,
    /// Why an earlier try of this life could not begin.
    pub held_up: Option<String>,
}

impl Round {
    /// Runs until a terminal state is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing is sent that is not in it.
    pub async fn run(self) -> Result<Ended, JournalError> {
        let (mut value, live, delivered, failure) = match self.context.begin(self.key(), self.window).await? {
            Begin::Fresh => (None, None, None, None),
            Begin::Finished(row) => {
                let (nonce, state) = (row.nonce, row.state);
                return Ok(Ended::Finished(Box::new(Finished {
                    nonce,
                    state,
                    reason: row.reason,
                    value: row.value,
                    obstacle: None,
                    row: None,
                })));
            }
            Begin::Resume(round) => {
                tracing::info!(state = %round.row.state, "going on with a round of an earlier life");
                let value = round.row.value.as_deref().map(Values::from_journal).transpose();
                let value = value
                    .inspect_err(|error| tracing::warn!(%error, "the model is asked again"))
                    .unwrap_or(None);
                (value, round.live.into_iter().next(), round.delivered, round.row.reason)
            }
        };
        let answered = match delivered.and_then(|hash| hash.parse().ok()) {
            Some(hash) => self.recall(hash).await,
            None => self.answer(&mut value, live, failure).await?,
        };
        match answered {
            Some((ending, note, obstacle)) => {
                finish(&self.context, self.key(), End { ending, note, value, obstacle }).await
            }
            None => Ok(Ended::Interrupted),
        }
    }

    fn key(&self) -> RoundKey {
        RoundKey { topic_id: self.context.options.topic_id, nonce: self.window.nonce }
    }

    /// What became of a transaction that an earlier life knew to be in a block; `None` when the worker stops.
    async fn recall(&self, hash: TxHash) -> Option<Answered> {
        let key = self.key();
        let heights = self.window.nonce.unsigned_abs()..=self.window.end.unsigned_abs();
        loop {
            let client = self.context.client();
            if let Ok(Located::Found(tx)) = client.locate(hash, heights.clone()).await {
                return Some(judged(tx.admission(self.context.address())));
            }
            // Nodes forget transactions sooner than inferences. What one says that is behind is not yet true.
            if self.context.clock.head().height > self.window.end {
                match client.has_inference(key.topic_id, self.context.address(), self.window).await {
                    Ok(Some(true)) => return Some(judged(Admission::Admitted)),
                    Ok(Some(false)) => return Some(judged(Admission::NotAdmitted)),
                    // There may be another that is not.
                    Ok(None) => drop(client.pool().look_again(RESERVE.1).await),
                    Err(_) => {}
                }
            }
            tokio::select! {
                _ = self.context.clock.next_block() => {}
                () = self.context.stopping.cancelled() => return None,
            }
        }
    }

    /// `None` when the worker stops. `failure` is that of an attempt in an earlier life.
    async fn answer(
        &self,
        value: &mut Option<Values>,
        mut live: Option<Prepared>,
        failure: Option<String>,
    ) -> Result<Option<Answered>, JournalError> {
        let mut has_failed = failure.is_some();
        let why = failure.or_else(|| self.held_up.clone());
        let why = why.unwrap_or_else(|| "the window was over before the model was asked".to_owned());
        let mut end: Answered = expired(why, None);
        let mut back_off = BACK_OFF.0;
        // In the last block: at once, and then ever more seldom.
        let mut last_back_off = Duration::ZERO;
        let mut patience = 1;
        loop {
            if self.context.stopping.is_cancelled() {
                return Ok(None);
            }
            if live.is_none() && self.context.clock.head().height >= self.window.end {
                let purpose = Purpose::Payload(self.key());
                let signed = self.context.journal.call(move |journal| journal.reader().live(purpose)).await?;
                live = signed.into_iter().next();
                if live.is_none() {
                    return Ok(Some(end));
                }
            }
            let values = match value {
                Some(values) => values.clone(),
                None => match self.predict().await? {
                    Predicted::Values(values) => value.insert(values).clone(),
                    Predicted::Skipped(reason) => return Ok(Some((Ending::Skipped { reason }, None, None))),
                    // That there was no time for another try says less than what the others came to.
                    Predicted::CutShort(_) if has_failed => {
                        self.pause(&mut back_off).await;
                        continue;
                    }
                    Predicted::Failed(reason) | Predicted::CutShort(reason) => {
                        has_failed = true;
                        end = expired(reason, None);
                        self.pause(&mut back_off).await;
                        continue;
                    }
                    Predicted::Interrupted => return Ok(None),
                },
            };
            match self.submit(&values, live.take()).await? {
                Submitted::Ended(answered) => return Ok(Some(answered)),
                // What stood in the way while it was open says more.
                Submitted::TooLate(_) if end.2.is_some() => return Ok(Some(end)),
                Submitted::TooLate(reason) => return Ok(Some(expired(reason, None))),
                Submitted::AskAgain(reason) => {
                    *value = None;
                    end = expired(self.failed("bad_value", &reason).await?, None);
                    self.pause(&mut back_off).await;
                }
                Submitted::SendAgain(reason, obstacle) => {
                    end = expired(reason, obstacle);
                    patience = 1;
                    self.rest(1, &mut last_back_off).await;
                }
                Submitted::TryAgain(reason, obstacle) => {
                    end = (Ending::Refused { reason }, None, Some(obstacle));
                    self.rest(self.capped(patience), &mut last_back_off).await;
                    patience = (patience * 2).min(MAX_PATIENCE);
                }
                Submitted::Interrupted => return Ok(None),
            }
        }
    }

    /// Waits for so many blocks; where only the next one can still hold the answer, no longer than `last_back_off`.
    async fn rest(&self, blocks: i64, last_back_off: &mut Duration) {
        if self.is_next_the_last() {
            self.pause(last_back_off).await;
        } else {
            self.blocks(blocks).await;
        }
    }

    /// Waits for so many blocks, or until the window is over.
    async fn blocks(&self, blocks: i64) {
        let clock = &self.context.clock;
        let until = (clock.head().height + blocks).min(self.window.end);
        let mut waits = 0;
        while clock.head().height < until && waits < blocks {
            tokio::select! {
                _ = clock.next_block() => waits += 1,
                () = self.context.stopping.cancelled() => return,
            }
        }
    }

    /// Whether only the block that is made next can still hold the answer.
    fn is_next_the_last(&self) -> bool {
        self.context.clock.head().height + 1 >= self.window.end
    }

    /// No more than a quarter of what is left of the window: the chain may think better of it at any time, so that
    /// near the end each block is tried.
    fn capped(&self, patience: i64) -> i64 {
        let left = self.window.end - self.context.clock.head().height;
        patience.min(left / 4).max(1)
    }

    /// Time until the last block of the window is made.
    fn left(&self) -> Duration {
        self.context.clock.head().time_to(self.window.end)
    }

    async fn pause(&self, back_off: &mut Duration) {
        let pause = (*back_off).min(self.left().max(BACK_OFF.0));
        *back_off = (*back_off * 2).clamp(BACK_OFF.0, BACK_OFF.1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.context.stopping.cancelled() => {}
        }
    }
}
