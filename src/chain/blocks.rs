//! What is in the blocks themselves: for what no index, no event and no state tells any more.

use std::ops::RangeInclusive;

use super::delivered::DeliveredTx;
use super::locate::Located;
use super::pool::PoolError;
use super::query::{Client, QueryError, Window};
use super::rpc::{Endpoint, RpcError};
use super::tx::TxHash;
use super::typed_event::TypedEvent;

/// Blocks that are read for one transaction at most. A window has fewer, and each takes a call.
const MAX_BLOCKS: u64 = 1_000;

impl Client {
    /// Reads the blocks of these heights until one holds the transaction with this hash. The first endpoint
    /// that has them all decides.
    ///
    /// # Errors
    /// [`PoolError::Unusable`] when nobody has them: pruned, not made yet, or too many.
    pub async fn locate_in_blocks(
        &self,
        hash: TxHash,
        heights: RangeInclusive<u64>,
    ) -> Result<Located, QueryError> {
        let mut faults = Vec::new();
        if heights.clone().nth(usize::try_from(MAX_BLOCKS).unwrap_or(usize::MAX)).is_none() {
            for endpoint in self.pool().ranked() {
                match self.search_at(endpoint, hash, heights.clone()).await {
                    Ok(Some(located)) => return Ok(located),
                    Ok(None) => {}
                    Err(error) => faults.push(error),
                }
            }
        }
        Err(PoolError::Unusable(faults).into())
    }

    /// `None` for a node whose word does not count.
    async fn search_at(
        &self,
        endpoint: &Endpoint,
        hash: TxHash,
        heights: RangeInclusive<u64>,
    ) -> Result<Option<Located>, RpcError> {
        let limit = self.limit();
        let Some(status) = self.status_of(endpoint).await? else { return Ok(None) };
        if status.catching_up || status.height < *heights.end() {
            return Ok(None);
        }
        for height in heights {
            let txs = endpoint.block_txs(height, limit).await?;
            let Some(place) = txs.iter().position(|tx| TxHash::of(tx) == hash) else { continue };
            let results = endpoint.block_results(height, limit).await?.txs_results.unwrap_or_default();
            let found = results.into_iter().nth(place);
            return Ok(found.map(|result| Located::Found(Box::new(DeliveredTx::new(hash, height, result)))));
        }
        Ok(Some(Located::Absent { head: status.height }))
    }

    /// The window of the topic that block `height` opened; `None` when it opened none.
    ///
    /// # Errors
    /// See [`QueryError`]; a node refuses a block that it does not keep.
    pub async fn window_opened_in(&self, topic_id: u64, height: u64) -> Result<Option<Window>, QueryError> {
        let call = async |endpoint: Endpoint, limit| endpoint.block_results(height, limit).await;
        let results = self.pool().first(self.limit(), call).await?;
        let mut events = results.finalize_block_events.into_iter().filter_map(TypedEvent::from_abci);
        Ok(events.find_map(|event| event.opening(topic_id, height)))
    }
}
