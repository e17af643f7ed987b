//! Where a transaction is, by everybody who can say.

use std::ops::RangeInclusive;
use std::ptr;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::delivered::DeliveredTx;
use super::outcome::Verdict;
use super::pool::PoolError;
use super::query::{Client, QueryError};
use super::rpc::{Endpoint, NodeStatus, RpcError};
use super::tx::TxHash;

/// How long the others are waited for once a node says that it is in no block.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the nodes know of a hash.
#[derive(Debug, Clone)]
pub enum Located {
    /// It is in a block.
    Found(Box<DeliveredTx>),
    /// In no block that a node knows which is of our chain, not syncing, not wrong about its height, and has all blocks
    /// that could hold it.
    Absent {
        /// Height of the highest of them, read before it was asked. One above the blocks that could hold it is the height of
        /// a block that the node has.
        head: u64,
    },
}

impl Client {
    /// Asks every endpoint for the transaction with this hash, which no block but those of `heights` can hold: one that
    /// finds it is right, whatever the others say.
    ///
    /// # Errors
    /// [`PoolError::Unusable`] when nobody can say.
    pub async fn locate(&self, hash: TxHash, heights: RangeInclusive<u64>) -> Result<Located, QueryError> {
        let ranked = self.pool().ranked().into_iter();
        let mut asked: FuturesUnordered<_> =
            ranked.map(|endpoint| self.ask_one(endpoint, hash, &heights)).collect();
        let (mut absent, mut faults) = (None, Vec::new());
        let mut end = Instant::now() + self.limit();
        // Each keeps the limit by itself. Past `end` only silence is left.
        while let Ok(Some(answer)) = timeout_at(end, asked.next()).await {
            match answer {
                Ok(Some(Located::Absent { head })) => {
                    absent = absent.max(Some(head));
                    end = end.min(Instant::now() + PATIENCE);
                }
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(error) => faults.push(error),
            }
        }
        absent.map(|head| Located::Absent { head }).ok_or_else(|| PoolError::Unusable(faults).into())
    }

    /// `None` for a node whose word does not count.
    async fn ask_one(
        &self,
        endpoint: &Endpoint,
        hash: TxHash,
        heights: &RangeInclusive<u64>,
    ) -> Result<Option<Located>, RpcError> {
        let limit: Duration = self.limit();
        // The height first: a block that comes between the two calls must not count.
        let Some(status) = self.status_of(endpoint).await? else { return Ok(None) };
        // That all blocks which could hold it are made is final. A node that is wrong about its height, and is alone, has
        // nobody to contradict it, but it has no such block. The newest one is there on those that drop old ones too.
        let has_its_head = if status.height > *heights.end() {
            endpoint.has_block(status.height, limit).await
        } else {
            Ok(true)
        };
        match endpoint.tx(&hash, limit).await {
            Ok(answer) => Ok(Some(Located::Found(Box::new(DeliveredTx::found(hash, answer))))),
            Err(error) if error.verdict() == Some(Verdict::NotFound) => {
                // Who said so may be another node of the same name, or the same one set back: that height counts
                // only of one that has it before and after.
                let after = endpoint.status(limit).await?;
                let is_same = after.node_id == status.node_id && after.height >= status.height;
                let is_synced = !status.catching_up && !after.catching_up;
                let is_agreed =
                    self.pool().agreeing().into_iter().any(|agreeing| ptr::eq(agreeing, endpoint));
                // One that began with a snapshot has not read what was before it.
                let has_all = after.earliest <= *heights.start() && has_its_head?;
                let counts = is_same && is_synced && is_agreed && has_all;
                Ok(counts.then_some(Located::Absent { head: status.height }))
            }
            Err(error) => Err(error),
        }
    }

    /// What a node says of itself; `None` for one of another chain.
    pub(super) async fn status_of(&self, endpoint: &Endpoint) -> Result<Option<NodeStatus>, RpcError> {
        let status = endpoint.status(self.limit()).await?;
        if self.pool().chain_id().is_some_and(|ours| ours != status.chain_id) {
            self.pool().is_on_other_chain(endpoint, &status.chain_id);
            return Ok(None);
        }
        Ok(Some(status))
    }
}
