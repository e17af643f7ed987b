//! What comes of a transaction that was sent.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::{Fate, SequenceUsed, Step, Transacted, Transaction, When, block_verdict, check_verdict};
use crate::chain::delivered::DeliveredTx;
use crate::chain::outcome::Verdict;
use crate::chain::pool::Broadcast;
use crate::chain::tx::TxHash;
use crate::journal::{Death, DeathError, Inclusion, JournalError, Prepared, Timestamp, Uallo};

/// Blocks without the transaction after which its hash is looked up although events come in.
const LOOK_UP_AFTER: i64 = 2;

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
        let mut is_due = fate == Fate::Unknown;
        loop {
            if is_due && let Some(step) = self.look_up(&tx, hash).await? {
                return Ok(step);
            }
            tokio::select! {
                event = delivered.recv() => match event {
                    Ok(event) if event.hash == hash => return self.delivered(&tx, (*event).clone()).await,
                    Ok(_) => is_due = false,
                    // We may have missed it.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => is_due = true,
                },
                head = context.clock.next_block() => {
                    // An ordinary transaction is in the next block, and an event tells. No block at all means
                    // that nobody tells us of any.
                    let overdue = head.height >= sent_at + LOOK_UP_AFTER || head.age() > head.block_time * 2;
                    is_due = overdue || fate == Fate::Unknown || self.sequence_used.is_some();
                }
                () = context.leaving.cancelled() => return Ok(Step::Done(Transacted::Interrupted)),
            }
        }
    }

    /// Looks the transaction up, and sends it again where it is in no block.
    async fn look_up(&mut self, tx: &Prepared, hash: TxHash) -> Result<Option<Step>, JournalError> {
        let client = self.context.client().within(self.call_limit());
        match client.find_tx(hash).await {
            Ok(Some(found)) => return self.delivered(tx, found).await.map(Some),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, %hash, "cannot look up a transaction");
                return Ok(None);
            }
        }
        let absent_at = match client.absent_at(hash).await {
            Ok(head) => head,
            Err(error) => {
                tracing::debug!(%error, %hash, "no node can say that the transaction is nowhere");
                None
            }
        };
        if let Some(head) = absent_at {
            // Where no events come, this is how we learn of blocks.
            self.context.clock.observe(head);
            if head > tx.timeout_height() {
                return self.dead(tx, Death::TimedOut { head }).await.map(Some);
            }
            // A block later the index of a node cannot be behind its state any more.
            if let Some(used) = self.sequence_used.filter(|used| head > used.seen_at) {
                return self.dead(tx, Death::SequenceUsed { committed: used.committed }).await.map(Some);
            }
        }
        if self.context.clock.head().height >= self.intent.timeout_height {
            return Ok(None);
        }
        let answers = self.send(tx).await?;
        let is_taken = answers.iter().filter_map(|sent| sent.answer.as_ref().ok()).any(|check| {
            // The account's number matters for the verdict on a signature only.
            matches!(check_verdict(check, 0),
                Verdict::SequenceMismatch { expected: Some(expected) } if expected > tx.sequence())
        });
        if !is_taken || answers.iter().any(Broadcast::is_accepted) {
            return Ok(None);
        }
        // Its sequence is used: by this very transaction in a block that came meanwhile, or by another
        // program's. The next look tells.
        if let Ok(Some(account)) = client.account(self.context.address()).await
            && account.sequence > tx.sequence()
        {
            let head = u64::try_from(self.context.clock.head().height).unwrap_or_default();
            let seen_at = head.max(absent_at.unwrap_or_default());
            self.sequence_used.get_or_insert(SequenceUsed { committed: account.sequence, seen_at });
            self.context.sequence.lock().await.committed(account);
        }
        Ok(None)
    }

    async fn delivered(&self, tx: &Prepared, found: DeliveredTx) -> Result<Step, JournalError> {
        let context = self.context;
        let timed_out = block_verdict(&found) == Some(Verdict::TimeoutHeight);
        {
            let mut sequence = context.sequence.lock().await;
            if timed_out { sequence.freed(&found.hash) } else { sequence.used(tx.sequence()) }
        }
        let paid = match found.spent_by(context.address()) {
            Some(paid) => Uallo(paid),
            None if timed_out => Uallo(0),
            None => tx.fee(),
        };
        let inclusion = Inclusion {
            height: found.height,
            code: found.code,
            codespace: found.codespace.clone(),
            log: found.log.clone(),
            paid,
            gas_used: found.gas_used,
        };
        let tx = tx.clone();
        context.journal.call(move |journal| journal.included(&tx, &inclusion, Timestamp::now())).await?;
        Ok(Step::Done(Transacted::Delivered(Box::new(found))))
    }

    async fn dead(&self, tx: &Prepared, proof: Death) -> Result<Step, JournalError> {
        self.context.sequence.lock().await.freed(&TxHash::of(tx.bytes()));
        let (dead, why) = (tx.clone(), format!("transaction {} was not included: {proof}", tx.hash()));
        match self.context.journal.call(move |journal| journal.dead(&dead, proof)).await {
            Ok(()) => Ok(Step::Again { why, when: When::AtOnce }),
            Err(DeathError::Journal(error)) => Err(error),
            Err(error @ DeathError::TooEarly { .. }) => {
                Ok(Step::Again { why: error.to_string(), when: When::NextBlock })
            }
        }
    }
}
