//! What became of a transaction that no node finds by its hash: by everything else that a chain tells once its
//! timeout height has passed.

use super::{Step, Transacted, Transaction};
use crate::chain::locate::Located;
use crate::chain::query::Window;
use crate::chain::tx::TxHash;
use crate::journal::{Death, Inclusion, JournalError, Prepared, Purpose, Timestamp};

impl Transaction<'_> {
    /// Nodes may keep no index of transactions, all of them. The account tells that it never landed, the blocks
    /// tell what came of it, and where they are gone, its inference tells that it was admitted. `None` while
    /// none of that is known.
    pub(super) async fn witness(&self, tx: &Prepared, hash: TxHash) -> Result<Option<Step>, JournalError> {
        let client = self.context.client().within(self.call_limit());
        let address = self.context.address();
        // Nobody but a node that is wrong about its height lacks the state that it has just claimed to answer from.
        if let Ok(Some((height, _))) = client.account_with_height(address).await
            && height > tx.timeout_height()
            && self.context.clock.observe(height)
            && let Ok(Some(account)) = client.at(height).account(address).await
            && account.sequence <= tx.sequence()
        {
            return self.dead(tx, Death::TimedOut { head: height }).await.map(Some);
        }
        let last = tx.timeout_height();
        match client.locate_in_blocks(hash, self.first_block(last)..=last).await {
            Ok(Located::Found(found)) => return self.delivered(tx.hash(), tx.cost(), *found).await.map(Some),
            Ok(Located::Absent { head }) if head > last => {
                return self.dead(tx, Death::TimedOut { head }).await.map(Some);
            }
            Ok(Located::Absent { .. }) => {}
            Err(error) => {
                tracing::debug!(%error, %hash, "no node has the blocks that may hold a transaction")
            }
        }
        if let Purpose::Payload(key) = self.intent.purpose {
            let window = Window { nonce: key.nonce, end: self.intent.timeout_height };
            if let Ok(Some(true)) = client.has_inference(key.topic_id, address, window).await {
                return self.admitted(tx).await.map(Some);
            }
        }
        Ok(None)
    }

    /// It did what it was sent for, and so took all that it offered.
    async fn admitted(&self, tx: &Prepared) -> Result<Step, JournalError> {
        let inclusion = Inclusion {
            height: None,
            code: 0,
            codespace: String::new(),
            log: String::new(),
            paid: tx.cost(),
            gas_used: None,
        };
        self.context.funds().took(tx.cost().0);
        let hash = tx.hash().to_owned();
        let included = move |journal: &mut crate::journal::Journal| {
            journal.included(&hash, &inclusion, Timestamp::now())
        };
        let sequence = self.context.journal.call(included).await?;
        self.context.sequence.lock().await.used(sequence);
        Ok(Step::Done(Transacted::Witnessed))
    }
}
