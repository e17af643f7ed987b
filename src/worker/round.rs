//! One round: a nonce from its opening to its terminal state.
//!
//! Predict, validate, submit. Each failure is recorded and tried again with a back-off until the last
//! block that can still hold the answer. Only the chain, the clock or the model's own `Skip` ends a round.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::context::Context;
use super::prediction::{Arity, Values};
use super::registration;
use super::transact::{self, Intent, Obstacle, Refusal, Transacted, block_verdict};
use super::validate;
use crate::chain::delivered::{Admission, DeliveredTx};
use crate::chain::locate::Located;
use crate::chain::outcome::Verdict;
use crate::chain::payload::{PayloadError, WorkerPayload};
use crate::chain::query::{Client, Window};
use crate::chain::tx::TxHash;
use crate::journal::{
    Begin, Ending, Failure, FinishError, JournalError, Prepared, Purpose, RoundKey, RoundState, Timestamp,
};
use crate::model::{Answer, Call, FailureKind, Model};

/// Pauses between tries of a model that fails, doubling.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Bounds of what is kept of a window for the transaction; a block time is the wish.
const RESERVE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

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
    /// Something that only people can mend stands in the way; tried again with each block.
    Held {
        /// What, and how to mend it.
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
}

/// What a round leaves behind.
#[derive(Debug)]
pub enum Ended {
    /// A terminal state, in the journal.
    Finished(Finished),
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
}

/// Records a window that went by without a round.
///
/// # Errors
/// When the journal cannot be written.
pub async fn missed(
    context: &Context,
    window: Window,
    why: String,
    obstacle: Option<Obstacle>,
) -> Result<Ended, JournalError> {
    let key = RoundKey { topic_id: context.options.topic_id, nonce: window.nonce };
    match context.begin(key, window).await? {
        Begin::Finished(_) => Ok(Ended::Interrupted),
        Begin::Fresh | Begin::Resume(_) => {
            let end = End { ending: Ending::Expired { reason: why }, note: None, value: None, obstacle };
            finish(context, key, end).await
        }
    }
}

/// The end of a round, before it is in the journal.
struct End {
    ending: Ending,
    /// For the log, where the ending has no reason of its own.
    note: Option<String>,
    value: Option<Values>,
    obstacle: Option<Obstacle>,
}

async fn finish(context: &Context, key: RoundKey, end: End) -> Result<Ended, JournalError> {
    let End { ending, note, value, obstacle } = end;
    let state = ending.state();
    let reason = match &ending {
        Ending::Refused { reason } | Ending::Expired { reason } | Ending::Skipped { reason } => {
            Some(reason.clone())
        }
        _ => note,
    };
    let finished =
        context.journal.call(move |journal| journal.finish_round(key, &ending, Timestamp::now())).await;
    match finished {
        Ok(()) => {}
        Err(FinishError::Journal(error)) => return Err(error),
        // The journal knows better: it is asked again after a restart.
        Err(error) => {
            tracing::error!(%error, "the round cannot be ended as {state}; this is a fault of this program")
        }
    }
    let value = value.map(|value| value.to_string());
    Ok(Ended::Finished(Finished { nonce: key.nonce, state, reason, value, obstacle }))
}

impl Round {
    /// Runs until a terminal state is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing is sent that is not in it.
    pub async fn run(self) -> Result<Ended, JournalError> {
        let (mut value, live, delivered) = match self.context.begin(self.key(), self.window).await? {
            Begin::Fresh => (None, None, None),
            Begin::Finished(row) => {
                let (nonce, state) = (row.nonce, row.state);
                return Ok(Ended::Finished(Finished {
                    nonce,
                    state,
                    reason: row.reason,
                    value: row.value,
                    obstacle: None,
                }));
            }
            Begin::Resume(round) => {
                tracing::info!(state = %round.row.state, "going on with a round of an earlier life");
                let value = round.row.value.as_deref().map(Values::from_journal).transpose();
                let value = value
                    .inspect_err(|error| tracing::warn!(%error, "the model is asked again"))
                    .unwrap_or(None);
                (value, round.live.into_iter().next(), round.delivered)
            }
        };
        let answered = match delivered.and_then(|hash| hash.parse().ok()) {
            Some(hash) => self.recall(hash).await,
            None => self.answer(&mut value, live).await?,
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
        loop {
            let client = self.context.client();
            if let Ok(Located::Found(tx)) = client.locate(hash).await {
                return Some(judged(tx.admission(self.context.address())));
            }
            // Nodes forget transactions sooner than inferences.
            let is_over = self.context.clock.head().height > self.window.end;
            if is_over
                && let Ok(is_in) =
                    client.has_inference_at(key.topic_id, self.context.address(), key.nonce).await
            {
                let admission = if is_in { Admission::Admitted } else { Admission::NotAdmitted };
                return Some(judged(admission));
            }
            tokio::select! {
                _ = self.context.clock.next_block() => {}
                () = self.context.stopping.cancelled() => return None,
            }
        }
    }

    /// `None` when the worker stops.
    async fn answer(
        &self,
        value: &mut Option<Values>,
        mut live: Option<Prepared>,
    ) -> Result<Option<Answered>, JournalError> {
        let mut end: Answered = expired("the window was over before the model was asked".to_owned(), None);
        let mut back_off = BACK_OFF.0;
        let mut patience = 1;
        loop {
            if self.context.stopping.is_cancelled() {
                return Ok(None);
            }
            if live.is_none() && self.context.clock.head().height >= self.window.end {
                return Ok(Some(end));
            }
            let values = match value {
                Some(values) => values.clone(),
                None => match self.predict().await? {
                    Predicted::Values(values) => value.insert(values).clone(),
                    Predicted::Skipped(reason) => return Ok(Some((Ending::Skipped { reason }, None, None))),
                    Predicted::Failed(reason) => {
                        end = expired(reason, None);
                        self.pause(&mut back_off).await;
                        continue;
                    }
                    Predicted::Interrupted => return Ok(None),
                },
            };
            match self.submit(&values, live.take()).await? {
                Submitted::Ended(answered) => return Ok(Some(answered)),
                Submitted::AskAgain(reason) => {
                    *value = None;
                    end = expired(self.failed("bad_value", &reason).await?, None);
                    self.pause(&mut back_off).await;
                }
                Submitted::SendAgain(reason, obstacle) => {
                    end = expired(reason, obstacle);
                    patience = 1;
                    self.blocks(1).await;
                }
                Submitted::TryAgain(reason, obstacle) => {
                    end = (Ending::Refused { reason }, None, Some(obstacle));
                    self.blocks(patience).await;
                    patience *= 2;
                }
                Submitted::Interrupted => return Ok(None),
            }
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

    /// Says and records that the model gave nothing to submit. Gives the failure by name.
    async fn failed(&self, kind: &str, message: &str) -> Result<String, JournalError> {
        let named = format!("{kind}: {message}");
        tracing::warn!("no prediction, the model is asked again while the window is open: {named}");
        let (key, failure) = (self.key(), Failure { kind: kind.to_owned(), message: message.to_owned() });
        self.context.journal.call(move |journal| journal.failed(key, &failure, Timestamp::now())).await?;
        Ok(named)
    }

    /// Time until the last block of the window is made.
    fn left(&self) -> Duration {
        self.context.clock.head().time_to(self.window.end)
    }

    async fn pause(&self, back_off: &mut Duration) {
        let pause = (*back_off).min(self.left()).max(BACK_OFF.0);
        *back_off = (*back_off * 2).min(BACK_OFF.1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.context.stopping.cancelled() => {}
        }
    }

    async fn predict(&self) -> Result<Predicted, JournalError> {
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
        let answer = tokio::select! {
            answer = self.model.predict(call) => answer,
            () = self.context.stopping.cancelled() => return Ok(Predicted::Interrupted),
        };
        let (kind, message) = match answer {
            Ok(Answer::Skipped { why }) => return Ok(Predicted::Skipped(why)),
            Ok(Answer::Value(prediction)) => match Values::new(&prediction, self.arity) {
                Ok(values) => match self.judge(&values) {
                    Ok(()) => {
                        let (key, text) = (self.key(), values.to_string());
                        self.context
                            .journal
                            .call(move |journal| journal.predicted(key, &text, Timestamp::now()))
                            .await?;
                        return Ok(Predicted::Values(values));
                    }
                    Err(why) => ("rejected".to_owned(), why),
                },
                Err(unfit) => ("bad_value".to_owned(), unfit.to_string()),
            },
            Err(failure) => {
                // That of an import is shown when it happens, window or not.
                let shown = failure.traceback.filter(|_| failure.kind != FailureKind::Import);
                if let Some(traceback) = shown.filter(|text| self.context.is_new_traceback(text)) {
                    tracing::warn!("the model failed:\n{}", traceback.trim_end());
                }
                (failure.kind.to_string(), failure.message)
            }
        };
        Ok(Predicted::Failed(self.failed(&kind, &message).await?))
    }

    fn judge(&self, values: &Values) -> Result<(), String> {
        let times = self.context.repeats().with(&values.to_string());
        match self.context.options.rules.judge(values.as_slice(), times) {
            validate::Verdict::Submit { warnings } => {
                for warning in warnings {
                    tracing::warn!("unusual prediction: {warning}");
                }
                Ok(())
            }
            validate::Verdict::Reject { why } => Err(why),
        }
    }

    async fn submit(&self, values: &Values, live: Option<Prepared>) -> Result<Submitted, JournalError> {
        self.progress.send_replace(Some(Progress::Submitting { deadline: Instant::now() + self.left() }));
        let client = self.context.client();
        let message = match self.message(&client, values) {
            Ok(message) => message,
            Err(error) => return Ok(Submitted::AskAgain(error.to_string())),
        };
        let intent =
            Intent { purpose: Purpose::Payload(self.key()), message, timeout_height: self.window.end };
        let transacted = match live {
            Some(sent) => transact::settle(&self.context, &intent, sent).await?,
            None => transact::transact(&self.context, &intent).await?,
        };
        Ok(match transacted {
            Transacted::Delivered(tx) => self.delivered(&tx, values),
            Transacted::Refused(refusal) => self.refused(&client, refusal).await,
            Transacted::Dead(reason) => Submitted::Ended(expired(reason, None)),
            Transacted::DryRun { fee } => {
                let note = format!("would have offered {} uallo for {} gas", fee.amount, fee.gas_limit);
                Submitted::Ended((Ending::DryRun, Some(note), None))
            }
            Transacted::Interrupted => Submitted::Interrupted,
        })
    }

    fn message(&self, client: &Client, values: &Values) -> Result<cosmrs::Any, PayloadError> {
        let payload = WorkerPayload {
            topic_id: self.key().topic_id,
            nonce: self.window.nonce,
            inference: Some(values.inference(self.arity)),
            ..WorkerPayload::default()
        };
        Ok(client.version().any(&payload.sign(client.version(), &self.context.wallet)?))
    }

    fn delivered(&self, tx: &DeliveredTx, values: &Values) -> Submitted {
        let Some(verdict) = block_verdict(tx) else {
            let admission = tx.admission(self.context.address());
            if admission == Admission::Admitted {
                self.context.repeats().submitted(&values.to_string());
            }
            return Submitted::Ended(judged(admission));
        };
        let text = format!("{} ({} {})", tx.log, tx.codespace, tx.code);
        let obstacle = Obstacle::Chain(verdict);
        match verdict {
            Verdict::AlreadySubmitted => Submitted::Ended((Ending::AnsweredElsewhere, Some(text), None)),
            Verdict::OutOfGas | Verdict::NotRegistered => Submitted::SendAgain(text, Some(obstacle)),
            // It cost nothing: what stood in its way was there before its message was looked at.
            _ if tx.spent_by(self.context.address()).is_none() => Submitted::SendAgain(text, Some(obstacle)),
            _ => Submitted::Ended((Ending::Refused { reason: text }, None, Some(obstacle))),
        }
    }

    /// The chain said no and nothing was paid. As long as the window is open, most of it may change.
    async fn refused(&self, client: &Client, refusal: Refusal) -> Submitted {
        let Refusal { obstacle, code, text } = refusal;
        let is_simulated = code.is_none();
        let text = match code {
            Some((codespace, code)) => format!("{text} ({codespace} {code})"),
            None => text,
        };
        let again = |text| Submitted::SendAgain(text, Some(obstacle));
        let verdict = match obstacle {
            Obstacle::Chain(verdict) => verdict,
            Obstacle::FeeCap => {
                self.held(text.clone());
                return again(text);
            }
            Obstacle::LostFees => {
                return Submitted::Ended((Ending::Refused { reason: text }, None, Some(obstacle)));
            }
        };
        match verdict {
            Verdict::AlreadySubmitted => {
                Submitted::Ended((Ending::AnsweredElsewhere, Some(text), Some(obstacle)))
            }
            Verdict::WindowClosed => match client.open_nonces(self.key().topic_id).await {
                Ok((height, open)) if self.is_closed(height, &open) => Submitted::Ended(expired(
                    format!("the chain says that the window is closed: {text}"),
                    None,
                )),
                // By our own clock it may be open: a node that is behind says so too.
                _ => {
                    // An endpoint that says nothing must leave time for the others.
                    self.context.rank_again((self.left() / 4).clamp(RESERVE.0, RESERVE.1)).await;
                    again(text)
                }
            },
            Verdict::NotRegistered => match registration::register(&self.context).await {
                Ok(()) => again(text),
                Err(error) => again(error.to_string()),
            },
            Verdict::WrongEmissionsVersion => {
                match Client::probe(Arc::clone(client.pool()), self.left()).await {
                    Ok(client) => {
                        self.context.replace_client(client);
                        again(text)
                    }
                    Err(error) => again(error.to_string()),
                }
            }
            Verdict::InsufficientFunds | Verdict::UnknownAccount => {
                self.held(format!("{} needs funds: {text}", self.context.address()));
                again(text)
            }
            Verdict::BadValue => Submitted::AskAgain(text),
            Verdict::UnknownTopic => {
                Submitted::Ended((Ending::Refused { reason: text }, None, Some(obstacle)))
            }
            // Whatever is simulated is what would be signed: it is wrong in itself.
            Verdict::Rejected if is_simulated => {
                Submitted::Ended((Ending::Refused { reason: text }, None, Some(obstacle)))
            }
            Verdict::NotPermitted => {
                self.held(text.clone());
                Submitted::TryAgain(text, obstacle)
            }
            _ => Submitted::TryAgain(text, obstacle),
        }
    }

    /// Whether a node that has seen the window open does not list it any more.
    fn is_closed(&self, height: u64, open: &[i64]) -> bool {
        i64::try_from(height).is_ok_and(|height| height >= self.window.nonce)
            && !open.contains(&self.window.nonce)
    }

    fn held(&self, why: String) {
        self.progress.send_replace(Some(Progress::Held { why }));
    }
}

fn judged(admission: Admission) -> Answered {
    match admission {
        Admission::Admitted => (Ending::Admitted, None, None),
        Admission::NotAdmitted => {
            let note = "the active set is full of better scores; ours was updated".to_owned();
            (Ending::NotAdmitted, Some(note), None)
        }
    }
}

fn expired(reason: String, obstacle: Option<Obstacle>) -> Answered {
    (Ending::Expired { reason }, None, obstacle)
}

/// An ending, what the log should say of it, and what stood in the way.
type Answered = (Ending, Option<String>, Option<Obstacle>);

/// What asking the model came to.
enum Predicted {
    Values(Values),
    Skipped(String),
    Failed(String),
    Interrupted,
}

/// What a transaction means for the round.
enum Submitted {
    Ended(Answered),
    /// The value is at fault: ask the model again.
    AskAgain(String),
    /// The value is good: sign and send again after the next block.
    SendAgain(String, Option<Obstacle>),
    /// The chain says no and may think better of it: again with growing pauses, refused in the end.
    TryAgain(String, Obstacle),
    Interrupted,
}
