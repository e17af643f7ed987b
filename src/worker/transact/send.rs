//! Bytes that leave, and what the nodes say to them.

use std::sync::Arc;

use super::{Fate, Refusal, Transaction, check_verdict};
use crate::chain::outcome::Verdict;
use crate::chain::pool::{AllRefused, Answers, Broadcast};
use crate::chain::query::Account;
use crate::chain::sequence::Sequence;
use crate::chain::tx::TxHash;
use crate::failpoint::{self, Moment, Step};
use crate::journal::{JournalError, Prepared, Timestamp};

impl Transaction<'_> {
    /// Sends the bytes to the healthy endpoints for the first time.
    pub(super) async fn broadcast(
        &self,
        tx: &Prepared,
        sequence: &mut Sequence,
        account: Account,
    ) -> Result<Result<Fate, Refusal>, JournalError> {
        let is_new = tx.broadcast_at().is_none();
        let mut answers = self.send(tx).await?;
        if !is_new && answers.iter().any(Broadcast::is_refused) {
            // Who was not asked may have them from before.
            answers = self.send_to_all(tx).await;
        }
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
        let all_refused = if is_new { AllRefused::at_first } else { AllRefused::again };
        // Where one said nothing, it stays live, and only one with the same sequence can be signed beside it: the
        // chain takes one of the two.
        if let Some(proof) = all_refused(&answers) {
            self.rejected(tx, &proof).await?;
        }
        // The sequence is free in either case: the next transaction of this purpose takes it again.
        sequence.freed(&TxHash::of(tx.bytes()));
        Ok(Err(Refusal::of_check(verdict, check)))
    }

    /// Asks every node about bytes that were sent before, also those that rest. One that says nothing may have them, and
    /// bring them into a block until their last one.
    pub(super) async fn send_to_all(&self, tx: &Prepared) -> Answers {
        let pool = Arc::clone(self.context.client().pool());
        pool.broadcast_to_all(tx, self.call_limit()).await
    }

    /// Notes that no node has it.
    pub(super) async fn rejected(&self, tx: &Prepared, proof: &AllRefused) -> Result<(), JournalError> {
        let check = proof.check();
        let refusal = crate::journal::Refusal {
            code: check.code,
            codespace: check.codespace.clone(),
            log: check.log.clone(),
        };
        let tx = tx.clone();
        self.context.journal.call(move |journal| journal.rejected(&tx, &refusal)).await
    }

    /// Notes where the bytes go, and lets them go.
    pub(super) async fn send(&self, tx: &Prepared) -> Result<Answers, JournalError> {
        let pool = Arc::clone(self.context.client().pool());
        let first = pool.ranked().first().map(ToString::to_string).unwrap_or_default();
        self.note_endpoint(tx, first.clone()).await?;
        failpoint::reach(Step::Broadcast, Moment::Before);
        let answers = pool.broadcast(tx, self.call_limit()).await;
        failpoint::reach(Step::Broadcast, Moment::After);
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
