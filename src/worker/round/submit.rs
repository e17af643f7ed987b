//! The transaction of a round, and what the chain's answer to it means.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ending::{Answered, expired, judged};
use super::{Progress, RESERVE, Round};
use crate::chain::delivered::{Admission, DeliveredTx};
use crate::chain::outcome::Verdict;
use crate::chain::payload::{PayloadError, WorkerPayload};
use crate::chain::query::Client;
use crate::journal::{Ending, JournalError, Prepared, Purpose};
use crate::worker::context::Broadcasting;
use crate::worker::means::{self, Means, Unaffordable};
use crate::worker::prediction::Values;
use crate::worker::registration;
use crate::worker::transact::{self, Intent, Obstacle, Refusal, Transacted, block_verdict};

/// What a transaction means for the round.
pub(super) enum Submitted {
    Ended(Answered),
    /// The window is closed.
    TooLate(String),
    /// The value is at fault: ask the model again.
    AskAgain(String),
    /// The value is good: sign and send again after the next block, or before that where it would be too late then.
    SendAgain(String, Option<Obstacle>),
    /// The chain says no and may think better of it: again with growing pauses, refused in the end.
    TryAgain(String, Obstacle),
    Interrupted,
}

impl Round {
    pub(super) async fn submit(
        &self,
        values: &Values,
        live: Option<Prepared>,
    ) -> Result<Submitted, JournalError> {
        self.progress.send_replace(Some(Progress::Submitting { deadline: Instant::now() + self.left() }));
        let client = self.context.client();
        let message = match self.message(&client, values) {
            Ok(message) => message,
            Err(error) => return Ok(Submitted::AskAgain(error.to_string())),
        };
        let intent = Intent {
            purpose: Purpose::Payload(self.key()),
            message,
            timeout_height: self.window.end,
            blocks: self.window.end.abs_diff(self.window.nonce),
        };
        let transacted = match live {
            Some(sent) => transact::settle(&self.context, &intent, sent).await?,
            None => transact::transact(&self.context, &intent).await?,
        };
        Ok(match transacted {
            Transacted::Delivered(tx) => self.delivered(&tx, values).await,
            Transacted::Witnessed => self.judged(Admission::Admitted, values),
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

    async fn delivered(&self, tx: &DeliveredTx, values: &Values) -> Submitted {
        let Some(verdict) = block_verdict(tx) else {
            return self.judged(tx.admission(self.context.address()), values);
        };
        let text = format!("{} ({} {})", tx.log, tx.codespace, tx.code);
        let obstacle = Obstacle::Chain(verdict);
        match verdict {
            Verdict::AlreadySubmitted => Submitted::Ended((Ending::AnsweredElsewhere, Some(text), None)),
            Verdict::OutOfGas => Submitted::SendAgain(text, Some(obstacle)),
            // Where nothing is simulated, this is how it is learnt.
            Verdict::NotRegistered => Submitted::SendAgain(self.register(text).await, Some(obstacle)),
            // It was let in when it was simulated, and may be again.
            Verdict::NotPermitted => Submitted::TryAgain(text, obstacle),
            // It was there when it was simulated, and may be again: until then a simulation refuses it for nothing.
            Verdict::InsufficientFunds => {
                self.context.funds().forget();
                Submitted::SendAgain(text, Some(obstacle))
            }
            // It cost nothing: what stood in its way was there before its message was looked at.
            _ if tx.spent_by(self.context.address()).is_none() => Submitted::SendAgain(text, Some(obstacle)),
            _ => Submitted::Ended((Ending::Refused { reason: text }, None, Some(obstacle))),
        }
    }

    fn judged(&self, admission: Admission, values: &Values) -> Submitted {
        self.context.repeats().came(&values.to_string());
        Submitted::Ended(judged(admission))
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
            // What a run would bring about first. The model has answered, which is what can be tried without.
            Verdict::NotRegistered | Verdict::UnknownAccount | Verdict::InsufficientFunds
                if self.context.options.broadcasting == Broadcasting::DryRun =>
            {
                let missing = match verdict {
                    Verdict::NotRegistered => "the wallet is not registered in the topic yet",
                    _ => "the wallet has not enough money yet",
                };
                tracing::debug!(text, "the simulation was refused");
                Submitted::Ended((Ending::DryRun, Some(missing.to_owned()), None))
            }
            Verdict::AlreadySubmitted => {
                Submitted::Ended((Ending::AnsweredElsewhere, Some(text), Some(obstacle)))
            }
            Verdict::WindowClosed => match client.open_nonces(self.key().topic_id).await {
                Ok((height, open)) if self.is_closed(height, &open) => {
                    Submitted::TooLate(format!("the chain says that the window is closed: {text}"))
                }
                // By our own clock it may be open: a node that is behind says so too.
                _ => {
                    self.context.client().pool().look_again(self.share()).await;
                    again(text)
                }
            },
            Verdict::NotRegistered => again(self.register(text).await),
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
                self.held(self.lack_of_funds(&text).await);
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

    /// Registers where the chain asks for it in the words `text`. Gives what stands in the way, as far as is known.
    async fn register(&self, text: String) -> String {
        match registration::register(&self.context).await {
            Ok(()) => text,
            Err(error) => error.to_string(),
        }
    }

    /// Whether a node that has seen the window open does not list it any more.
    fn is_closed(&self, height: u64, open: &[i64]) -> bool {
        i64::try_from(height).is_ok_and(|height| height >= self.window.nonce)
            && !open.contains(&self.window.nonce)
    }

    /// What the wallet lacks, as it is told between windows too; in the chain's words where it has enough by now.
    async fn lack_of_funds(&self, text: &str) -> String {
        self.context.funds().forget();
        match means::check(&self.context, Purpose::Payload(self.key()), self.share()).await {
            Ok(Means { next_cost: Err(why @ Unaffordable::Funds { .. }), .. }) => why.to_string(),
            _ => format!("{} needs funds: {text}", self.context.address()),
        }
    }

    /// What one question may take: an endpoint that says nothing must leave time for the others.
    fn share(&self) -> Duration {
        (self.left() / 4).clamp(RESERVE.0, RESERVE.1)
    }

    fn held(&self, why: String) {
        self.progress.send_replace(Some(Progress::Held { why }));
    }
}
