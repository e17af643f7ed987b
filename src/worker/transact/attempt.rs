//! One try: sequence, simulation, fee, signature, journal.

use std::sync::Arc;

use super::{Fate, Obstacle, Refusal, Step, Transacted, Transaction, When, gas_kind};
use crate::chain::fees::{self, Day, GasEvidence};
use crate::chain::outcome::{self, Stage, Verdict};
use crate::chain::query::{Account, Client};
use crate::chain::sequence::{Mismatch, Sequence};
use crate::chain::simulation::Simulation;
use crate::chain::tx::{Fee, SignedTx, SignerData, TxHash, UnsignedTx};
use crate::failpoint::{self, Moment};
use crate::journal::{
    FailedInBlock, Journal, JournalError, NewTransaction, PrepareError, Prepared, Purpose, SpendLimit,
    Timestamp, Uallo,
};
use crate::worker::context::Broadcasting;

/// Fees that may be lost for one window, or for a registration in one day (UTC): the first failure in a block teaches
/// what the second try needs.
const LOST_FEES: usize = 2;

/// Blocks in which the transaction of another program is waited for.
const OTHERS_BLOCKS: i64 = 3;

/// What the journal knew when a fee was wanted.
struct Known {
    at: Timestamp,
    /// Gas that the last of its kind really used.
    last_used: Option<u64>,
    /// On that day.
    spent: Uallo,
    /// For the same purpose, the oldest first.
    failed: Vec<FailedInBlock>,
}

impl Transaction<'_> {
    pub(super) async fn attempt(&mut self) -> Result<Step, JournalError> {
        let context = Arc::clone(self.context);
        // Before the broadcast: the block may be faster than its answer.
        let delivered = context.delivered.subscribe();
        // Held until a node took the transaction: nobody else may choose this sequence.
        let mut sequence = context.sequence.lock().await;
        if let Some(height) = sequence.signs_above(context.clock.head().height) {
            let why = "a transaction of another program with this key waits".to_owned();
            return Ok(Step::Again { why, when: When::After(height) });
        }
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
        // The journal is read while the node computes.
        let (simulated, known) = tokio::join!(self.simulate(&unsigned, account), self.known());
        let known = known?;
        let simulated = match simulated {
            Ok(simulated) => simulated,
            Err(refusal) => return Ok(self.refused(&mut sequence, refusal, account, 0).await),
        };
        if sequence.is_behind_others()
            && let Some(step) = self.behind_others(&mut sequence, account).await
        {
            return Ok(step);
        }
        if simulated.is_none()
            && let Some(step) = self.answered(&sequence).await
        {
            return Ok(step);
        }
        let fee = match self.fee(simulated, known) {
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
                return Ok(Step::Done(Transacted::Refused(Refusal::new(obstacle, error.to_string()))));
            }
        };
        self.may_follow_others = sequence.is_behind_others();
        sequence.sent(account.sequence, TxHash::of(prepared.bytes()));
        let fate = match self.broadcast(&prepared, &mut sequence, account).await? {
            Ok(fate) => fate,
            Err(refusal) => return Ok(self.refused(&mut sequence, refusal, account, fee.gas_limit).await),
        };
        drop(sequence);
        self.settle(prepared, fate, delivered).await
    }

    /// What was simulated has not seen what another program's transaction does, which still waits: it is waited
    /// for, but not for ever, and not in the last block that is left.
    async fn behind_others(&self, sequence: &mut Sequence, simulated: Account) -> Option<Step> {
        let height = self.context.clock.head().height;
        // Where the account cannot be had, the next question decides.
        sequence.committed(self.account().await.ok()?);
        let why = "a transaction of another program with this key waits".to_owned();
        if !sequence.is_behind_others() || sequence.next() != Some(simulated) {
            return Some(Step::Again { why, when: When::AtOnce });
        }
        let has_time = height + 1 < self.intent.timeout_height;
        (has_time && sequence.heard_others_within(OTHERS_BLOCKS, height))
            .then_some(Step::Again { why, when: When::After(height) })
    }

    async fn account(&self) -> Result<Account, Step> {
        let address = self.context.address();
        match self.context.client().within(self.call_limit()).account(address).await {
            Ok(Some(account)) => Ok(account),
            Ok(None) => Err(Step::Done(Transacted::Refused(Refusal::new(
                Obstacle::Chain(Verdict::UnknownAccount),
                format!("the chain has no account {address}: it was never sent anything"),
            )))),
            Err(error) => Err(Step::Again { why: error.to_string(), when: When::NextBlock }),
        }
    }

    /// Gas by simulation; `None` when no node can say.
    async fn simulate(&self, unsigned: &UnsignedTx, account: Account) -> Result<Option<u64>, Refusal> {
        let any_fee = Fee { amount: 1, gas_limit: 0 };
        let bytes = unsigned.simulation(*self.context.wallet.public_key(), account.sequence, any_fee);
        failpoint::reach(failpoint::Step::Simulate, Moment::Before);
        let client = self.context.client().within(self.call_limit());
        let simulated = match client.simulate(bytes.clone()).await {
            Ok(refused) if refused.is_contestable() && !client.pool().is_single() => {
                Ok(self.held_to_others(&client, bytes, refused).await)
            }
            simulated => simulated,
        };
        failpoint::reach(failpoint::Step::Simulate, Moment::After);
        match simulated {
            Ok(Simulation::Fits { gas_used }) => Ok(Some(gas_used)),
            Ok(Simulation::Unsupported) => Ok(None),
            Ok(Simulation::Refused { verdict, log }) => {
                // What is not known is kept whole: nobody can say which part of it matters.
                let text = if verdict == Verdict::Unknown { log } else { outcome::plain(&log).to_owned() };
                Err(Refusal::new(Obstacle::Chain(verdict), text))
            }
            Err(error) => {
                // The time that is left is worth more than the certainty.
                tracing::warn!(%error, "simulation gave no answer, a known amount of gas is offered");
                Ok(None)
            }
        }
    }

    /// What the others say of a transaction that a node refuses: no node ends a window alone, or holds one up.
    async fn held_to_others(&self, client: &Client, bytes: Vec<u8>, refused: Simulation) -> Simulation {
        let said = client.simulate_on_all(bytes).await;
        let (same, others): (Vec<_>, Vec<_>) =
            said.into_iter().partition(|(_, simulation)| simulation.verdict() == refused.verdict());
        // The block that made it final may be one that another node has not got yet.
        let head = u64::try_from(self.context.clock.head().height).unwrap_or_default();
        let head = same.into_iter().map(|(height, _)| height).fold(head, u64::max);
        let better = others.into_iter().filter(|(_, simulation)| *simulation != Simulation::Unsupported);
        match better.max_by_key(|(height, simulation)| (!simulation.is_final(), *height)) {
            Some((height, simulation)) if height >= head => simulation,
            Some((_, Simulation::Fits { .. })) => Simulation::Refused {
                verdict: Verdict::NotYet,
                log: "a node refuses what another one takes, which is behind it".to_owned(),
            },
            _ => refused,
        }
    }

    /// What a simulation would have said of a window that was answered already: by another instance, or by a
    /// life of ours whose journal is lost. Where nobody can say it, nothing is sent behind what another program sent
    /// since the window opened.
    async fn answered(&self, sequence: &Sequence) -> Option<Step> {
        let Purpose::Payload(key) = self.intent.purpose else { return None };
        // A node that has not come so far may not have heard of it.
        let head = u64::try_from(self.context.clock.head().height).unwrap_or_default();
        let client = self.context.client().within(self.call_limit()).at(head);
        match client.admitted_nonce(key.topic_id, self.context.address()).await {
            Ok(admitted) if admitted == Some(key.nonce) => {
                Some(Step::Done(Transacted::Refused(Refusal::new(
                    Obstacle::Chain(Verdict::AlreadySubmitted),
                    "the chain has an inference of this wallet for this window",
                ))))
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "no node can say whether the window is answered");
                // Our clock may be a block behind.
                sequence.others_sent_since(key.nonce - 1).then(|| Step::Again {
                    why: "another program with this key has sent a transaction, and no node can say which"
                        .to_owned(),
                    when: When::NextBlock,
                })
            }
        }
    }

    /// What the journal knows of the fees of others before this one.
    async fn known(&self) -> Result<Known, JournalError> {
        let purpose = self.intent.purpose;
        let read = move |journal: &mut Journal| {
            let (reader, at) = (journal.reader(), Timestamp::now());
            Ok(Known {
                at,
                last_used: reader.last_gas_used(purpose)?,
                spent: reader.spent_on_day_of(at)?,
                failed: reader.failed_in_block(purpose)?,
            })
        };
        self.context.journal.call(read).await
    }

    fn fee(&self, simulated: Option<u64>, known: Known) -> Result<Fee, Refusal> {
        let Known { at, last_used, spent, failed } = known;
        // A window comes once; a registration is wanted as long as there is none.
        let counts = |failed: &&FailedInBlock| match self.intent.purpose {
            Purpose::Payload(_) => true,
            Purpose::Registration { .. } => failed.prepared_at.day() == at.day(),
        };
        let lost = failed.iter().filter(|failed| failed.paid > Uallo(0));
        let lost: Vec<_> = lost.filter(counts).collect();
        if let Some(last) = lost.last().filter(|_| lost.len() >= LOST_FEES) {
            let text = format!("{LOST_FEES} fees were lost for it: {}", last.log);
            return Err(Refusal::new(Obstacle::LostFees, text));
        }
        let gas_limit = fees::gas_limit(gas_kind(self.intent.purpose), GasEvidence { simulated, last_used });
        let gas_limit = gas_limit.max(self.gas_floor).max(gas_floor_after(&failed));
        let fee_floor = self.fee_floor.max(fee_floor_after(&failed));
        let options = &self.context.options;
        let day = Day { spent: spent.0, charge: self.charge() };
        let fee =
            options.fee_caps.fee(gas_limit, self.context.price(), options.fee_tier, day).and_then(|fee| {
                options.fee_caps.check(fee_floor, day)?;
                Ok(Fee { amount: fee.amount.max(fee_floor), ..fee })
            });
        fee.map_err(|cap| Refusal::new(Obstacle::FeeCap, cap.to_string()))
    }

    /// What the module takes beside the fee, in uallo.
    fn charge(&self) -> u128 {
        self.context.client().charges().of(gas_kind(self.intent.purpose))
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
            charge: Uallo(self.charge()),
            gas_limit: tx.fee.gas_limit,
            timeout_height: tx.timeout_height,
            bytes: tx.bytes,
        };
        self.context.journal.call(move |journal| journal.prepare(purpose, new, limit, Timestamp::now())).await
    }

    /// A refusal by simulation or CheckTx: nothing was paid. Either we know better now, or it is the
    /// caller's to decide.
    async fn refused(
        &mut self,
        sequence: &mut Sequence,
        refusal: Refusal,
        account: Account,
        gas_limit: u64,
    ) -> Step {
        let (why, when) = match refusal.obstacle {
            Obstacle::Chain(Verdict::SequenceMismatch { expected: Some(expected) }) => {
                let when = match sequence.mismatch(expected, account.sequence) {
                    Mismatch::Advance => self.after_foreign(sequence, expected).await,
                    Mismatch::AskChain => When::AtOnce,
                    Mismatch::NodeBehind if self.look_again().await => When::AtOnce,
                    Mismatch::NodeBehind => When::NextBlock,
                };
                (refusal.text, when)
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
            // Only the fresh nodes were given the bytes, and one of them may be the only one that refuses them.
            _ if refusal.code.is_some() && self.look_again().await => (refusal.text, When::AtOnce),
            _ => return Step::Done(Transacted::Refused(refusal)),
        };
        Step::Again { why, when }
    }

    /// Whether there is another node to be asked, on a closer look.
    async fn look_again(&self) -> bool {
        self.context.client().pool().look_again(self.call_limit()).await
    }

    /// Another program used our sequence. While its transaction waits in a mempool, it may be the answer of
    /// another instance to this very window: a simulation sees what it did only once it is in a block.
    async fn after_foreign(&self, sequence: &mut Sequence, expected: u64) -> When {
        // However long the chain stands still: its transaction is in a block before ours could be.
        let height = self.context.clock.head().height;
        sequence.others_sent(height);
        self.context.funds().forget();
        if let Ok(account) = self.account().await {
            sequence.committed(account);
            if account.sequence >= expected {
                return When::AtOnce;
            }
        }
        // It may as well be the answer to a window whose round has not come that far.
        sequence.others_wait(height);
        When::After(height)
    }
}

/// The limit that is enough for what ran out of gas in a block.
fn gas_floor_after(failed: &[FailedInBlock]) -> u64 {
    let out_of_gas = failed.iter().filter(|failed| {
        let FailedInBlock { codespace, code, log, .. } = failed;
        let refusal = outcome::Refusal { stage: Stage::Block, codespace, code: i64::from(*code), text: log };
        refusal.verdict_again() == Verdict::OutOfGas
    });
    let limits = out_of_gas.map(|failed| fees::gas_limit_after_out_of_gas(failed.gas_limit, failed.gas_used));
    limits.max().unwrap_or(0)
}

/// The fee in uallo that makes other bytes than those that are in a block and have used no sequence: the same
/// ones again would be taken for them.
fn fee_floor_after(failed: &[FailedInBlock]) -> u128 {
    let void = failed.iter().filter(|failed| failed.paid == Uallo(0));
    void.map(|failed| failed.fee.0.saturating_add(1)).max().unwrap_or(0)
}
