//! One transaction, from simulation to its place in a block.
//!
//! The order is what keeps the promise "no window paid for twice": choose the sequence, simulate, sign
//! with a timeout height, write bytes and hash to the journal, and only then let the first byte leave.
//! After that the same bytes are sent again and the hash is looked up until the outcome is known. The
//! timeout height makes every outcome known in the end.

mod settle;

use std::sync::Arc;
use std::time::Duration;

use cosmrs::Any;

use super::context::{Broadcasting, Context};
use crate::chain::delivered::DeliveredTx;
use crate::chain::fees::{self, GasEvidence, GasKind};
use crate::chain::outcome::{self, Stage, Verdict};
use crate::chain::pool::{Broadcast, Durable};
use crate::chain::query::{Account, Simulation};
use crate::chain::rpc::CheckTxAnswer;
use crate::chain::sequence::{Mismatch, Sequence};
use crate::chain::tx::{Fee, SignedTx, SignerData, TxHash, UnsignedTx};
use crate::journal::{
    JournalError, NewTransaction, PrepareError, Prepared, Purpose, SpendLimit, Timestamp, Uallo,
};

/// Share of the time left that one call may take.
const CALL_SHARE: u32 = 3;
/// Bounds of one call.
const CALL_LIMIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Tries without a block between them. Each knows more than the one before; past this many a node makes fun
/// of us.
const AT_ONCE: u32 = 4;

/// What a transaction is for.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The journal's name for it.
    pub purpose: Purpose,
    /// Its message.
    pub message: Any,
    /// The last block that may hold it.
    pub timeout_height: i64,
}

impl Intent {
    const fn gas_kind(&self) -> GasKind {
        match self.purpose {
            Purpose::Payload(_) => GasKind::Payload,
            Purpose::Registration { .. } => GasKind::Register,
        }
    }

    fn timeout(&self) -> u64 {
        u64::try_from(self.timeout_height).unwrap_or(0)
    }
}

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
}

/// A refusal that cost nothing.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What stands in the way.
    pub obstacle: Obstacle,
    /// Codespace and code, where there is one.
    pub code: Option<(String, u32)>,
    /// What the chain said, or what stood in the way on our side.
    pub text: String,
}

/// One try's end.
enum Step {
    Done(Transacted),
    /// Try again: at once, or after the next block.
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
    NextBlock,
}

/// Sends `intent`, and stays with it until its outcome is known. Waits at most until the block after
/// its timeout height.
///
/// # Errors
/// When the journal cannot be written: nothing is sent that is not in it.
pub async fn transact(context: &Arc<Context>, intent: &Intent) -> Result<Transacted, JournalError> {
    Transaction { context, intent, gas_floor: 0, fee_floor: 0, sequence_used: None }.run(None).await
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
    Transaction { context, intent, gas_floor: 0, fee_floor: 0, sequence_used: None }.run(Some(sent)).await
}

struct Transaction<'a> {
    context: &'a Arc<Context>,
    intent: &'a Intent,
    /// Gas that an earlier try needed and did not have.
    gas_floor: u64,
    /// Fee that the chain named, in uallo.
    fee_floor: u128,
    /// The sequence of what was sent is used, and not by what was sent as far as one can see.
    sequence_used: Option<SequenceUsed>,
}

/// A node's word that a sequence is used.
#[derive(Debug, Clone, Copy)]
struct SequenceUsed {
    /// The account's next sequence.
    committed: u64,
    /// Height at which it was seen.
    seen_at: u64,
}

impl Transaction<'_> {
    async fn run(mut self, sent: Option<Prepared>) -> Result<Transacted, JournalError> {
        let mut why = "there was no time to send it".to_owned();
        let mut in_a_row = 0;
        let mut step = match sent {
            Some(sent) => self.settle(sent, Fate::Unknown, self.context.delivered.subscribe()).await?,
            None => Step::Again { why: why.clone(), when: When::AtOnce },
        };
        loop {
            match step {
                // What was signed on the way may still land: only its outcome counts then.
                Step::Done(done @ (Transacted::Refused(_) | Transacted::Dead(_))) => match self.live().await?
                {
                    Some(live) => {
                        step = self.settle(live, Fate::Unknown, self.context.delivered.subscribe()).await?;
                        continue;
                    }
                    None => return Ok(done),
                },
                Step::Done(done) => return Ok(done),
                Step::Again { why: again, when } => {
                    why = again;
                    in_a_row = if when == When::AtOnce { in_a_row + 1 } else { 0 };
                    if when == When::NextBlock || in_a_row > AT_ONCE {
                        in_a_row = 0;
                        tracing::debug!(why, "the transaction is tried again after the next block");
                        tokio::select! {
                            _ = self.context.clock.next_block() => {}
                            () = self.context.stopping.cancelled() => {}
                        }
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

    /// A transaction for the same purpose that may still land.
    async fn live(&self) -> Result<Option<Prepared>, JournalError> {
        let purpose = self.intent.purpose;
        let live = self.context.journal.call(move |journal| journal.reader().live(purpose)).await?;
        Ok(live.into_iter().next())
    }

    fn call_limit(&self) -> Duration {
        let left = self.context.clock.head().time_to(self.intent.timeout_height);
        (left / CALL_SHARE).clamp(CALL_LIMIT.0, CALL_LIMIT.1)
    }

    async fn attempt(&mut self) -> Result<Step, JournalError> {
        let context = Arc::clone(self.context);
        // Before the broadcast: the block may be faster than its answer.
        let delivered = context.delivered.subscribe();
        // Held until a node took the transaction: nobody else may choose this sequence.
        let mut sequence = context.sequence.lock().await;
        let account = match sequence.next() {
            Some(account) => account,
            None => match self.account().await {
                Ok(account) => {
                    sequence.committed(account);
                    // Not the answer itself: it may be of a node that is behind.
                    sequence.next().unwrap_or(account)
                }
                Err(step) => return Ok(step),
            },
        };
        let unsigned = UnsignedTx::new(self.intent.message.clone(), self.intent.timeout());
        let simulated = match self.simulate(&unsigned, account).await {
            Ok(simulated) => simulated,
            Err(refusal) => return Ok(self.refused(&mut sequence, refusal, account, 0)),
        };
        let fee = match self.fee(simulated).await? {
            Ok(fee) => fee,
            Err(refusal) => return Ok(Step::Done(Transacted::Refused(refusal))),
        };
        if context.options.broadcasting == Broadcasting::DryRun {
            return Ok(Step::Done(Transacted::DryRun { fee }));
        }
        let signer = SignerData {
            chain_id: context.chain_id.clone(),
            account_number: account.number,
            sequence: account.sequence,
        };
        let prepared = match self.prepare(unsigned.sign(&context.wallet, &signer, fee)).await {
            Ok(prepared) => prepared,
            Err(PrepareError::Journal(error)) => return Err(error),
            Err(PrepareError::Live { .. }) => {
                drop(sequence);
                return match self.live().await? {
                    Some(live) => self.settle(live, Fate::Unknown, delivered).await,
                    None => Ok(Step::Again {
                        why: "an earlier transaction was settled meanwhile".to_owned(),
                        when: When::AtOnce,
                    }),
                };
            }
            Err(
                error @ (PrepareError::Limit { .. } | PrepareError::Paid { .. } | PrepareError::Finished(_)),
            ) => {
                let is_cap = matches!(error, PrepareError::Limit { .. });
                let obstacle =
                    if is_cap { Obstacle::FeeCap } else { Obstacle::Chain(Verdict::AlreadySubmitted) };
                return Ok(Step::Done(Transacted::Refused(Refusal {
                    obstacle,
                    code: None,
                    text: error.to_string(),
                })));
            }
        };
        sequence.sent(account.sequence, TxHash::of(prepared.bytes()));
        let fate = match self.broadcast(&prepared, &mut sequence, account).await? {
            Ok(fate) => fate,
            Err(refusal) => return Ok(self.refused(&mut sequence, refusal, account, fee.gas_limit)),
        };
        drop(sequence);
        self.settle(prepared, fate, delivered).await
    }

    async fn account(&self) -> Result<Account, Step> {
        let address = self.context.address();
        match self.context.client().within(self.call_limit()).account(address).await {
            Ok(Some(account)) => Ok(account),
            Ok(None) => Err(Step::Done(Transacted::Refused(Refusal {
                obstacle: Obstacle::Chain(Verdict::UnknownAccount),
                code: None,
                text: format!("the chain has no account {address}: it was never sent anything"),
            }))),
            Err(error) => Err(Step::Again { why: error.to_string(), when: When::NextBlock }),
        }
    }

    /// Gas by simulation; `None` when no node can say.
    async fn simulate(&self, unsigned: &UnsignedTx, account: Account) -> Result<Option<u64>, Refusal> {
        let any_fee = Fee { amount: 1, gas_limit: 0 };
        let bytes = unsigned.simulation(*self.context.wallet.public_key(), account.sequence, any_fee);
        match self.context.client().within(self.call_limit()).simulate(bytes).await {
            Ok(Simulation::Fits { gas_used }) => Ok(Some(gas_used)),
            Ok(Simulation::Unsupported) => Ok(None),
            Ok(Simulation::Refused { log }) => {
                let verdict =
                    outcome::Refusal { stage: Stage::Simulate, codespace: "sdk", code: 6, text: &log }
                        .verdict();
                Err(Refusal { obstacle: Obstacle::Chain(verdict), code: None, text: log })
            }
            Err(error) => {
                // The time that is left is worth more than the certainty.
                tracing::warn!(%error, "simulation gave no answer, a known amount of gas is offered");
                Ok(None)
            }
        }
    }

    async fn fee(&self, simulated: Option<u64>) -> Result<Result<Fee, Refusal>, JournalError> {
        let context = self.context;
        let purpose = self.intent.purpose;
        let now = Timestamp::now();
        let (last_used, spent) = context
            .journal
            .call(move |journal| {
                let reader = journal.reader();
                Ok::<_, JournalError>((reader.last_gas_used(purpose)?, reader.spent_on_day_of(now)?))
            })
            .await?;
        let gas_limit =
            fees::gas_limit(self.intent.gas_kind(), GasEvidence { simulated, last_used }).max(self.gas_floor);
        let options = &context.options;
        let fee =
            options.fee_caps.fee(gas_limit, context.price(), options.fee_tier, spent.0).and_then(|fee| {
                options.fee_caps.check(self.fee_floor, spent.0)?;
                Ok(Fee { amount: fee.amount.max(self.fee_floor), ..fee })
            });
        Ok(fee.map_err(|cap| Refusal { obstacle: Obstacle::FeeCap, code: None, text: cap.to_string() }))
    }

    /// Into the journal. Only what comes out of it can be broadcast.
    async fn prepare(&self, tx: SignedTx) -> Result<Prepared, PrepareError> {
        let purpose = self.intent.purpose;
        let limit = self
            .context
            .options
            .fee_caps
            .per_day
            .map_or(SpendLimit::None, |cap| SpendLimit::PerDay(Uallo(cap)));
        let new = NewTransaction {
            sequence: tx.sequence,
            fee: Uallo(tx.fee.amount),
            gas_limit: tx.fee.gas_limit,
            timeout_height: tx.timeout_height,
            bytes: tx.bytes,
        };
        self.context.journal.call(move |journal| journal.prepare(purpose, new, limit, Timestamp::now())).await
    }

    /// A refusal by simulation or CheckTx: nothing was paid. Either we know better now, or it is the
    /// caller's to decide.
    fn refused(
        &mut self,
        sequence: &mut Sequence,
        refusal: Refusal,
        account: Account,
        gas_limit: u64,
    ) -> Step {
        let (why, when) = match refusal.obstacle {
            Obstacle::Chain(Verdict::SequenceMismatch { expected: Some(expected) }) => {
                match sequence.mismatch(expected, account.sequence) {
                    Mismatch::Advance | Mismatch::AskChain => (refusal.text, When::AtOnce),
                    Mismatch::NodeBehind => (refusal.text, When::NextBlock),
                }
            }
            Obstacle::Chain(Verdict::InsufficientFee { required: Some(required) })
                if required > self.fee_floor =>
            {
                self.fee_floor = required;
                (refusal.text, When::AtOnce)
            }
            Obstacle::Chain(Verdict::OutOfGas) => {
                self.gas_floor = fees::gas_limit_after_out_of_gas(self.gas_floor.max(gas_limit), 0);
                (refusal.text, When::AtOnce)
            }
            Obstacle::Chain(Verdict::NodeRestarted | Verdict::MempoolFull | Verdict::NotYet) => {
                (refusal.text, When::NextBlock)
            }
            _ => return Step::Done(Transacted::Refused(refusal)),
        };
        Step::Again { why, when }
    }

    /// Sends the bytes to the healthy endpoints.
    async fn broadcast(
        &self,
        tx: &Prepared,
        sequence: &mut Sequence,
        account: Account,
    ) -> Result<Result<Fate, Refusal>, JournalError> {
        let answers = self.send(tx).await?;
        if answers.iter().any(Broadcast::is_accepted) {
            return Ok(Ok(Fate::Accepted));
        }
        for (endpoint, error) in
            answers.iter().filter_map(|sent| Some((&sent.endpoint, sent.answer.as_ref().err()?)))
        {
            tracing::warn!(%error, endpoint, hash = tx.hash(), "the fate of a broadcast is unknown");
        }
        let Some(check) = answers.iter().find_map(|sent| sent.answer.as_ref().ok()) else {
            return Ok(Ok(Fate::Unknown));
        };
        let verdict = check_verdict(check, account.number);
        if matches!(verdict, Verdict::NodeRestarted | Verdict::MempoolFull) {
            // These very bytes are good: they are sent again after the next block.
            return Ok(Ok(Fate::Unknown));
        }
        if answers.iter().all(Broadcast::is_certainly_not_there) {
            // No node has it. Where one said nothing, it stays live, and only one with the same sequence can
            // be signed beside it: the chain takes one of the two.
            let refusal = crate::journal::Refusal {
                code: check.code,
                codespace: check.codespace.clone(),
                log: check.log.clone(),
            };
            let rejected = tx.clone();
            self.context.journal.call(move |journal| journal.rejected(&rejected, &refusal)).await?;
        }
        // The sequence is free in either case: the next transaction of this purpose takes it again.
        sequence.freed(&TxHash::of(tx.bytes()));
        let code = Some((check.codespace.clone(), check.code));
        Ok(Err(Refusal { obstacle: Obstacle::Chain(verdict), code, text: check.log.clone() }))
    }

    async fn send(&self, tx: &Prepared) -> Result<Vec<Broadcast>, JournalError> {
        let pool = Arc::clone(self.context.client().pool());
        let first = pool.ranked().first().map(ToString::to_string).unwrap_or_default();
        self.note_endpoint(tx, first.clone()).await?;
        let answers = pool.broadcast(tx, self.call_limit()).await;
        if let Some(accepted) = answers.iter().find(|sent| sent.is_accepted() && sent.endpoint != first) {
            self.note_endpoint(tx, accepted.endpoint.clone()).await?;
        }
        Ok(answers)
    }

    async fn note_endpoint(&self, tx: &Prepared, endpoint: String) -> Result<(), JournalError> {
        let tx = tx.clone();
        self.context.journal.call(move |journal| journal.broadcasting(&tx, &endpoint, Timestamp::now())).await
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
