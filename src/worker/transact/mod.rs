//! One transaction, from simulation to its place in a block.
//!
//! The order is what keeps the promise "no window paid for twice": choose the sequence, simulate, sign
//! with a timeout height, write bytes and hash to the journal, and only then let the first byte leave.
//! After that the same bytes are sent again and the hash is looked up until the outcome is known. The
//! timeout height makes every outcome known in the end.
//!
//! | file | noun |
//! |---|---|
//! | `attempt` | one try: sequence, simulation, fee, signature, journal |
//! | `send` | bytes that leave, and what the nodes say to them |
//! | `settle` | what comes of a transaction that was sent |
//! | `witness` | what became of one that no node finds |

mod attempt;
mod send;
mod settle;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use cosmrs::Any;

use super::context::Context;
use crate::chain::delivered::DeliveredTx;
use crate::chain::fees::GasKind;
use crate::chain::outcome::{self, Stage, Verdict};
use crate::chain::pool::{Durable, durable};
use crate::chain::rpc::CheckTxAnswer;
use crate::chain::tx::Fee;
use crate::journal::{JournalError, Prepared, Purpose};

/// Share of the time left that one call may take.
const CALL_SHARE: u32 = 3;
/// Bounds of one call.
const CALL_LIMIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Tries without a block between them. Each knows more than the one before; past this many a node makes fun
/// of us.
const AT_ONCE: u32 = 4;

/// Pauses between two tries, or two looks, in the last block that can still be reached, doubling.
const HURRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// What a transaction is for.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The journal's name for it.
    pub purpose: Purpose,
    /// Its message.
    pub message: Any,
    /// The last block that may hold it.
    pub timeout_height: i64,
    /// How many blocks may hold it, that one included.
    pub blocks: u64,
}

/// What a transaction for `purpose` is, as far as its gas goes.
pub(super) const fn gas_kind(purpose: Purpose) -> GasKind {
    match purpose {
        Purpose::Payload(_) => GasKind::Payload,
        Purpose::Registration { .. } => GasKind::Register,
    }
}

impl Intent {
    fn timeout(&self) -> u64 {
        u64::try_from(self.timeout_height).unwrap_or(0)
    }
}

impl durable::Sealed for Prepared {}

/// The one kind of bytes that is [`Durable`]. Only the journal makes one of these, once it is flushed to the disk. A
/// second transaction for a nonce cannot be sent past it:
///
/// ```compile_fail,E0451
/// # use bootstrap::journal::{NewTransaction, Prepared};
/// fn forge(hash: String, tx: NewTransaction) -> Prepared {
///     Prepared { hash, tx, broadcast_at: None } // private
/// }
/// ```
impl Durable for Prepared {
    fn tx_bytes(&self) -> &[u8] {
        self.bytes()
    }
}

/// What came of it.
#[derive(Debug)]
pub enum Transacted {
    /// It is in a block, with whatever code.
    Delivered(Box<DeliveredTx>),
    /// No node has its block any more; the chain has the inference that it brought.
    Witnessed,
    /// The chain refuses it, nothing was paid. Signing anew is safe.
    Refused(Refusal),
    /// It can never be in a block any more, nothing was paid.
    Dead(String),
    /// It was not sent, because nothing is to be sent.
    DryRun {
        /// What it would have offered.
        fee: Fee,
    },
    /// The worker is stopping; the journal knows where this stands.
    Interrupted,
}

/// What stands in the way of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The chain said no.
    Chain(Verdict),
    /// The user allows no such fee.
    FeeCap,
    /// Fees were lost for this window already, and another would be.
    LostFees,
}

impl Obstacle {
    /// The word for it, as metrics count it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain(verdict) => verdict.as_str(),
            Self::FeeCap => "fee_cap",
            Self::LostFees => "lost_fees",
        }
    }
}

/// A refusal that cost nothing.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What stands in the way.
    pub obstacle: Obstacle,
    /// Codespace and code of a CheckTx. A simulation has none.
    pub code: Option<(String, u32)>,
    /// What the chain said, or what stood in the way on our side.
    pub text: String,
}

impl Refusal {
    /// Of anything but a CheckTx.
    fn new(obstacle: Obstacle, text: impl Into<String>) -> Self {
        Self { obstacle, code: None, text: text.into() }
    }

    fn of_check(verdict: Verdict, check: &CheckTxAnswer) -> Self {
        let code = Some((check.codespace.clone(), check.code));
        Self { obstacle: Obstacle::Chain(verdict), code, text: check.log.clone() }
    }
}

/// One try's end.
enum Step {
    Done(Transacted),
    /// Try again.
    Again {
        why: String,
        when: When,
    },
}

/// What is known of a transaction that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A node has it in its mempool.
    Accepted,
    /// A node may have it, or should get it again.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    AtOnce,
    /// Or when that is late: without events nobody tells of it.
    NextBlock,
    /// When the chain is seen above this height, and not before.
    After(i64),
}

/// Sends `intent`, and stays with it until its outcome is known. Waits at most until the block after
/// its timeout height.
///
/// # Errors
/// When the journal cannot be written: nothing is sent that is not in it.
pub async fn transact(context: &Arc<Context>, intent: &Intent) -> Result<Transacted, JournalError> {
    Transaction::new(context, intent).run(None).await
}

/// Stays with a transaction that an earlier life of this process may have sent.
///
/// # Errors
/// When the journal cannot be written.
pub async fn settle(
    context: &Arc<Context>,
    intent: &Intent,
    sent: Prepared,
) -> Result<Transacted, JournalError> {
    Transaction::new(context, intent).run(Some(sent)).await
}

struct Transaction<'a> {
    context: &'a Arc<Context>,
    intent: &'a Intent,
    /// Gas that an earlier try needed and did not have.
    gas_floor: u64,
    /// Fee that the chain named, in uallo.
    fee_floor: u128,
    /// Somebody else's transaction may have been before ours in a mempool, as far as is known of one that an earlier life
    /// has signed.
    may_follow_others: bool,
    /// It was said that no node can tell where the transaction is.
    has_warned: bool,
    /// The sequence of what was sent is used, and not by what was sent as far as one can see.
    sequence_used: Option<SequenceUsed>,
}

/// A node's word that a sequence is used.
#[derive(Debug, Clone, Copy)]
struct SequenceUsed {
    /// The account's next sequence.
    committed: u64,
    /// Height of the state that said so.
    height: u64,
    /// No block up to this height was unknown to whoever saw it.
    seen_at: u64,
}

impl<'a> Transaction<'a> {
    const fn new(context: &'a Arc<Context>, intent: &'a Intent) -> Self {
        Self {
            context,
            intent,
            gas_floor: 0,
            fee_floor: 0,
            may_follow_others: true,
            has_warned: false,
            sequence_used: None,
        }
    }

    async fn run(mut self, sent: Option<Prepared>) -> Result<Transacted, JournalError> {
        let mut why = "there was no time to send it".to_owned();
        let (mut in_a_row, mut hurry) = (0, HURRY.0);
        let mut step = match sent {
            Some(sent) => self.settle(sent, Fate::Unknown, self.context.delivered.subscribe()).await?,
            None => Step::Again { why: why.clone(), when: When::AtOnce },
        };
        loop {
            match step {
                Step::Done(done) => match self.objection(&done).await? {
                    Some(better) => {
                        step = better;
                        continue;
                    }
                    None => return Ok(done),
                },
                Step::Again { why: again, when } => {
                    why = again;
                    in_a_row = if when == When::AtOnce { in_a_row + 1 } else { 0 };
                    if when != When::AtOnce || in_a_row > AT_ONCE {
                        in_a_row = 0;
                        tracing::debug!(why, "the transaction is tried again after the next block");
                        self.wait(when, &mut hurry).await;
                    }
                }
            }
            if self.context.stopping.is_cancelled() {
                return Ok(Transacted::Interrupted);
            }
            step = if self.context.clock.head().height >= self.intent.timeout_height {
                Step::Done(Transacted::Dead(why.clone()))
            } else {
                self.attempt().await?
            };
        }
    }

    /// Waits for another try, or until the worker stops. Where only the next block can hold it there is none to wait for:
    /// no longer than `hurry` then.
    async fn wait(&self, when: When, hurry: &mut Duration) {
        let may_wait = matches!(when, When::After(_)) || !self.is_next_the_last();
        loop {
            tokio::select! {
                () = tokio::time::sleep(*hurry), if !may_wait => {
                    *hurry = (*hurry * 2).min(HURRY.1);
                    return;
                }
                head = self.context.clock.next_block() => match when {
                    When::After(height) if head.height <= height => {}
                    _ => return,
                },
                () = self.context.stopping.cancelled() => return,
            }
        }
    }

    /// What stands against this end: what was signed on the way may still land, or has landed although it was
    /// given up.
    async fn objection(&mut self, done: &Transacted) -> Result<Option<Step>, JournalError> {
        let Transacted::Refused(Refusal { obstacle, .. }) = done else {
            return match done {
                Transacted::Dead(_) => self.settle_live().await,
                _ => Ok(None),
            };
        };
        // What is signed in its stead has the same sequence, as long as there is time for it.
        let is_upgraded = *obstacle == Obstacle::Chain(Verdict::WrongEmissionsVersion);
        if is_upgraded && self.context.clock.head().height < self.intent.timeout_height {
            return Ok(None);
        }
        let step = self.settle_live().await?;
        if step.is_none() && *obstacle == Obstacle::Chain(Verdict::AlreadySubmitted) {
            return self.find_given_up().await;
        }
        Ok(step)
    }

    async fn settle_live(&mut self) -> Result<Option<Step>, JournalError> {
        match self.live().await? {
            Some(live) => {
                let delivered = self.context.delivered.subscribe();
                Ok(Some(self.settle(live, Fate::Unknown, delivered).await?))
            }
            None => Ok(None),
        }
    }

    /// A transaction for the same purpose that may still land.
    async fn live(&self) -> Result<Option<Prepared>, JournalError> {
        let purpose = self.intent.purpose;
        let live = self.context.journal.call(move |journal| journal.reader().live(purpose)).await?;
        Ok(live.into_iter().next())
    }

    /// After the window's end there is no hurry: an outcome must be found out also where all nodes are slow.
    fn call_limit(&self) -> Duration {
        let head = self.context.clock.head();
        if head.height >= self.intent.timeout_height {
            return CALL_LIMIT.1;
        }
        (head.time_to(self.intent.timeout_height) / CALL_SHARE).clamp(CALL_LIMIT.0, CALL_LIMIT.1)
    }
}

fn check_verdict(check: &CheckTxAnswer, account_number: u64) -> Verdict {
    let stage = Stage::Check { account_number };
    outcome::Refusal { stage, codespace: &check.codespace, code: check.code.into(), text: &check.log }
        .verdict()
}

/// What the code of a transaction in a block means; `None` for success.
pub fn block_verdict(tx: &DeliveredTx) -> Option<Verdict> {
    let refusal = outcome::Refusal {
        stage: Stage::Block,
        codespace: &tx.codespace,
        code: tx.code.into(),
        text: &tx.log,
    };
    (tx.code != 0).then(|| refusal.verdict())
}
