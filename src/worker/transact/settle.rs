//! What comes of a transaction that was sent.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::{Fate, HURRY, Refusal, SequenceUsed, Step, Transacted, Transaction, When, check_verdict};
use crate::chain::delivered::DeliveredTx;
use crate::chain::fees;
use crate::chain::locate::Located;
use crate::chain::outcome::Verdict;
use crate::chain::pool::{AllRefused, Answers, Broadcast};
use crate::chain::tx::TxHash;
use crate::failpoint::{self, Moment};
use crate::journal::{Death, DeathError, Inclusion, JournalError, Prepared, Timestamp, Uallo};

/// Blocks without the transaction after which its hash is looked up although events come in.
const LOOK_UP_AFTER: i64 = 2;
/// Blocks between two looks for a transaction of which nobody can say what became of it, doubling up to this.
const MAX_REST: u32 = 8;
/// Blocks that are read for one look at most.
const FEW_BLOCKS: u64 = 10;

impl Transaction<'_> {
    /// Waits until the transaction is in a block, or can never be in one. The same bytes are sent again
    /// while it is in none: a node that restarts forgets its mempool.
    pub(super) async fn settle(
        &mut self,
        tx: Prepared,
        fate: Fate,
        mut delivered: broadcast::Receiver<Arc<DeliveredTx>>,
    ) -> Result<Step, JournalError> {
        let context = Arc::clone(self.context);
        let hash = TxHash::of(tx.bytes());
        self.sequence_used = None;
        context.sequence.lock().await.sent(tx.sequence(), hash);
        let sent_at = context.clock.head().height;
        // Where the window is short, a block must be left to send it again.
        let patience = (self.intent.timeout_height - sent_at - 1).clamp(1, LOOK_UP_AFTER);
        let mut is_due = fate == Fate::Unknown;
        // Blocks until the next look, and how many they were after the last one.
        let (mut rest, mut pause) = (0, 0);
        let mut hurry = HURRY.0;
        loop {
            if is_due {
                if let Some(step) = self.look_up(&tx, hash).await? {
                    return Ok(step);
                }
                if self.is_over() {
                    pause = (pause * 2).clamp(1, MAX_REST);
                    rest = pause;
                }
            }
            tokio::select! {
                // Some block that holds it comes, or we may have missed it.
                told = event_of(&mut delivered, hash) => match told {
                    Some(event) => return self.delivered(tx.hash(), tx.cost(), (*event).clone()).await,
                    None => is_due = true,
                },
                head = context.clock.next_block() => {
                    // An ordinary transaction is in the next block, and an event tells. No block at all means
                    // that nobody tells us of any.
                    let overdue = head.height >= sent_at + patience || head.age() > head.block_time * 2;
                    rest = rest.saturating_sub(1);
                    is_due = rest == 0 && (overdue || fate == Fate::Unknown || self.sequence_used.is_some());
                }
                // No node may have it, and after the next block none would take it any more.
                () = tokio::time::sleep(hurry), if fate == Fate::Unknown && self.is_next_the_last() => {
                    is_due = true;
                    hurry = (hurry * 2).min(HURRY.1);
                }
                () = context.leaving.cancelled() => return Ok(Step::Done(Transacted::Interrupted)),
            }
        }
    }

    /// Whether of the blocks that are not made yet only the next one can hold it.
    pub(super) fn is_next_the_last(&self) -> bool {
        self.context.clock.head().height + 1 == self.intent.timeout_height
    }

    /// Whether no block can hold it any more that is not made yet.
    fn is_over(&self) -> bool {
        self.context.clock.head().height > self.intent.timeout_height
    }

    /// Looks the transaction up on every endpoint, and sends it again where it is in no block.
    async fn look_up(&mut self, tx: &Prepared, hash: TxHash) -> Result<Option<Step>, JournalError> {
        let client = self.context.client().within(self.call_limit());
        failpoint::reach(failpoint::Step::Locate, Moment::Before);
        let last = tx.timeout_height();
        // The last block that need be known to be made for what is concluded below.
        let proof = self.sequence_used.map_or(last, |used| used.seen_at.min(last));
        let located = client.locate(hash, self.first_block(last)..=proof).await;
        failpoint::reach(failpoint::Step::Locate, Moment::After);
        let absent_at = match located {
            Ok(Located::Found(found)) => return self.delivered(tx.hash(), tx.cost(), *found).await.map(Some),
            // Where no events come, this is how we learn of blocks.
            Ok(Located::Absent { head }) if self.context.clock.observe(head) => head,
            unknown => {
                if !std::mem::replace(&mut self.has_warned, true) {
                    let error = unknown.err().map(tracing::field::display);
                    tracing::warn!(error, %hash, "no node can say whether a transaction is in a block");
                }
                if self.is_over() {
                    return self.witness(tx, hash).await;
                }
                0
            }
        };
        if absent_at > last {
            // An index may be behind its node, or lack the block at which that was killed.
            return match self.witness(tx, hash).await? {
                None => self.dead(tx, Death::TimedOut { head: absent_at }).await.map(Some),
                witnessed => Ok(witnessed),
            };
        }
        // A block later the index of a node is hardly behind its state any more; the blocks may be there again, too.
        if let Some(used) = self.sequence_used.filter(|used| absent_at > used.seen_at) {
            return match self.look_for_user(tx, hash).await? {
                None => self.dead(tx, Death::SequenceUsed { committed: used.committed }).await.map(Some),
                found => Ok(found),
            };
        }
        if self.context.clock.head().height >= self.intent.timeout_height {
            return Ok(None);
        }
        let answers = self.send(tx).await?;
        if answers.iter().any(Broadcast::is_accepted) {
            return Ok(None);
        }
        self.refused_again(tx, hash, &answers, absent_at).await
    }

    /// No node takes the bytes any more, though they are in no block: says what to do instead, if anything.
    async fn refused_again(
        &mut self,
        tx: &Prepared,
        hash: TxHash,
        answers: &Answers,
        absent_at: u64,
    ) -> Result<Option<Step>, JournalError> {
        // A node that has just started takes every account's number for 0, and ours hardly is.
        let number = self.context.sequence.lock().await.next().map_or(1, |account| account.number);
        let checks = answers.iter().filter_map(|sent| sent.answer.as_ref().ok());
        let refusals: Vec<_> = checks.map(|check| (check_verdict(check, number), check)).collect();
        let is_taken = |verdict: &Verdict| {
            matches!(verdict,
                Verdict::SequenceMismatch { expected: Some(expected) } if *expected > tx.sequence())
        };
        if refusals.iter().any(|(verdict, _)| is_taken(verdict)) {
            self.suspect_used(tx, absent_at).await;
            return self.look_for_user(tx, hash).await;
        }
        let old_version = refusals.iter().find(|(verdict, _)| *verdict == Verdict::WrongEmissionsVersion);
        if let Some((verdict, check)) = old_version {
            // Such bytes are not even read as far as their sequence.
            self.suspect_used(tx, absent_at).await;
            if self.sequence_used.is_some() {
                return self.look_for_user(tx, hash).await;
            }
            // The chain was upgraded meanwhile: other bytes are needed. These stay live, since an endpoint that
            // cannot be reached now may have them from an earlier broadcast. To wait for it would lose the window:
            // beside live bytes the journal takes only such with their sequence, and of those the chain takes one.
            self.context.sequence.lock().await.freed(&hash);
            return Ok(Some(Step::Done(Transacted::Refused(Refusal::of_check(*verdict, check)))));
        }
        let too_high = refusals.iter().find(|(verdict, _)| {
            matches!(verdict,
                Verdict::SequenceMismatch { expected: Some(expected) } if *expected < tx.sequence())
        });
        if let Some((_, check)) = too_high
            && absent_at > 0
            && self.context.sequence.lock().await.next().is_some_and(|next| next.sequence < tx.sequence())
            && let Some(proof) = self.refused_by_all(tx, answers).await
        {
            // What was to come before it is dead, so its turn never comes, and no node has it.
            self.rejected(tx, &proof).await?;
            self.context.sequence.lock().await.freed(&hash);
            return Ok(Some(Step::Again { why: check.log.clone(), when: When::AtOnce }));
        }
        let step = refusals.iter().find_map(|(verdict, check)| self.outbid(*verdict, &check.log, tx));
        if step.is_some() {
            // What is signed in its stead has the same sequence: the chain takes one of the two.
            self.context.sequence.lock().await.freed(&hash);
        }
        Ok(step)
    }

    /// The proof that no node has a transaction whose turn does not come: what is signed in its stead has a lower sequence, so
    /// that both could land.
    async fn refused_by_all(&self, tx: &Prepared, answers: &Answers) -> Option<AllRefused> {
        if !self.may_follow_others {
            // A mempool checks again with each block what it holds: with the last block of ours that were to come before
            // it, it has dropped them, and this one with them.
            return AllRefused::at_first(answers);
        }
        // Somebody else's has no last block: who has both may bring both into a block.
        let answers = self.send_to_all(tx).await;
        let proof = AllRefused::again(&answers);
        if proof.is_none() {
            let hash = tx.hash();
            tracing::debug!(
                hash,
                "a node that does not refuse it may bring it into a block: no other is signed"
            );
        }
        proof
    }

    /// Its sequence is used: by this very transaction in a block that came meanwhile, or by another program's.
    /// The next look tells.
    async fn suspect_used(&mut self, tx: &Prepared, absent_at: u64) {
        let client = self.context.client().within(self.call_limit());
        if let Ok(Some((height, account))) = client.account_with_height(self.context.address()).await
            && account.sequence > tx.sequence()
        {
            let head = u64::try_from(self.context.clock.head().height).unwrap_or_default();
            // A node that is behind the one that answered may not have the block that used it: by our clock
            // alone it would be taken for one that has.
            let seen_at = height.max(head).max(absent_at);
            let committed = account.sequence;
            self.sequence_used.get_or_insert(SequenceUsed { committed, height, seen_at });
            self.context.funds().forget();
            self.context.sequence.lock().await.committed(account);
        }
    }

    /// Who has used the sequence stands in the blocks: they tell at once what an index tells a block later.
    async fn look_for_user(&self, tx: &Prepared, hash: TxHash) -> Result<Option<Step>, JournalError> {
        let Some(SequenceUsed { committed, height, .. }) = self.sequence_used else { return Ok(None) };
        let client = self.context.client().within(self.call_limit());
        let mut first = self.first_block(tx.timeout_height());
        if height.saturating_sub(first) >= FEW_BLOCKS {
            // An index lacks the newest block at most: the others need not be read.
            match client.locate(hash, first..=height - 1).await {
                Ok(Located::Found(found)) => {
                    return self.delivered(tx.hash(), tx.cost(), *found).await.map(Some);
                }
                Ok(Located::Absent { head }) if head >= height => first = height,
                _ => return Ok(None),
            }
        }
        match client.locate_in_blocks(hash, first..=height).await {
            Ok(Located::Found(found)) => self.delivered(tx.hash(), tx.cost(), *found).await.map(Some),
            Ok(Located::Absent { .. }) => self.dead(tx, Death::SequenceUsed { committed }).await.map(Some),
            Err(error) => {
                tracing::debug!(%error, %hash, "no node has the blocks that have used a sequence");
                Ok(None)
            }
        }
    }

    /// The first block that could hold a transaction with this timeout height.
    pub(super) fn first_block(&self, timeout_height: u64) -> u64 {
        timeout_height.saturating_sub(self.intent.blocks.saturating_sub(1)).max(1)
    }

    /// What would be taken in the place of bytes that are refused as they are; `None` when no more than
    /// patience helps.
    fn outbid(&mut self, verdict: Verdict, log: &str, tx: &Prepared) -> Option<Step> {
        match verdict {
            Verdict::InsufficientFee { required: Some(required) } if required > self.fee_floor => {
                self.fee_floor = required;
            }
            Verdict::OutOfGas if self.gas_floor <= tx.gas_limit() => {
                self.gas_floor = fees::gas_limit_after_out_of_gas(tx.gas_limit(), 0);
            }
            _ => return None,
        }
        Some(Step::Again { why: log.to_owned(), when: When::AtOnce })
    }

    /// Whether one that was given up has landed after all, as when a node was wrong about itself, or had kept bytes that
    /// failed for nothing.
    pub(super) async fn find_given_up(&mut self) -> Result<Option<Step>, JournalError> {
        let purpose = self.intent.purpose;
        let given_up = self.context.journal.call(move |journal| journal.reader().given_up(purpose)).await?;
        let client = self.context.client().within(self.call_limit());
        let last = self.intent.timeout();
        let heights = self.first_block(last)..=last;
        for hash in given_up {
            let Ok(parsed) = hash.parse() else { continue };
            if let Ok(Located::Found(found)) = client.locate(parsed, heights.clone()).await
                && (found.code == 0 || found.spent_by(self.context.address()).is_some())
            {
                tracing::warn!(hash, "a transaction that was given up is in a block");
                return self.delivered(&hash, Uallo(0), *found).await.map(Some);
            }
        }
        Ok(None)
    }

    pub(super) async fn delivered(
        &self,
        hash: &str,
        offered: Uallo,
        found: DeliveredTx,
    ) -> Result<Step, JournalError> {
        let context = self.context;
        let paid = match found.spent_by(context.address()) {
            Some(paid) => Uallo(paid),
            // It failed before its fee was taken, and has not used its sequence.
            None if found.code != 0 => Uallo(0),
            None => offered,
        };
        let inclusion = Inclusion {
            height: Some(found.height),
            code: found.code,
            codespace: found.codespace.clone(),
            log: found.log.clone(),
            paid,
            gas_used: Some(found.gas_used),
        };
        let used = inclusion.used_sequence();
        context.metrics.paid(paid.0, found.gas_used);
        context.funds().took(paid.0);
        let hash = hash.to_owned();
        let sequence = context
            .journal
            .call(move |journal| journal.included(&hash, &inclusion, Timestamp::now()))
            .await?;
        {
            let mut owner = context.sequence.lock().await;
            if used { owner.used(sequence) } else { owner.freed(&found.hash) }
        }
        Ok(Step::Done(Transacted::Delivered(Box::new(found))))
    }

    pub(super) async fn dead(&self, tx: &Prepared, proof: Death) -> Result<Step, JournalError> {
        let (dead, why) = (tx.clone(), format!("transaction {} was not included: {proof}", tx.hash()));
        match self.context.journal.call(move |journal| journal.dead(&dead, proof)).await {
            Ok(()) => {
                self.context.sequence.lock().await.freed(&TxHash::of(tx.bytes()));
                Ok(Step::Again { why, when: When::AtOnce })
            }
            Err(DeathError::Journal(error)) => Err(error),
            Err(error @ DeathError::TooEarly { .. }) => {
                Ok(Step::Again { why: error.to_string(), when: When::NextBlock })
            }
        }
    }
}

/// The delivery of the transaction with this hash; `None` when it may have been missed. Those of others do
/// not end the wait.
async fn event_of(
    delivered: &mut broadcast::Receiver<Arc<DeliveredTx>>,
    hash: TxHash,
) -> Option<Arc<DeliveredTx>> {
    loop {
        match delivered.recv().await {
            Ok(event) if event.hash == hash => return Some(event),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return None,
            // The context holds the sender: it cannot be.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
