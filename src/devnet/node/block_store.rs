//! The history that the node keeps: the last blocks, and an index of their transactions.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::block::{Block, Hash};
use crate::devnet::abci::Event;

/// Blocks that are kept; at a second a block, almost three hours.
const MAX_BLOCKS: usize = 10_000;

/// Bytes of transactions and events that are kept, so that months of busy blocks fit in memory.
const MAX_BYTES: usize = 64 << 20;

/// Blocks in order of height, without a gap.
#[derive(Debug, Default)]
pub(super) struct BlockStore {
    blocks: VecDeque<Arc<Block>>,
    /// Where each transaction is: height and index in its block.
    txs: HashMap<Hash, (u64, usize)>,
    bytes: usize,
}

impl BlockStore {
    /// Adds the next block and forgets the oldest ones beyond the limits.
    pub fn push(&mut self, block: Arc<Block>) {
        self.bytes += size(&block);
        for (index, (tx, _)) in block.executed.txs.iter().enumerate() {
            self.txs.insert(Hash::of(tx), (block.header.height, index));
        }
        self.blocks.push_back(block);
        while self.blocks.len() > MAX_BLOCKS || (self.bytes > MAX_BYTES && self.blocks.len() > 1) {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.bytes -= size(&oldest);
            for (tx, _) in &oldest.executed.txs {
                // The same bytes may have failed first and been taken in a later block.
                let hash = Hash::of(tx);
                if self.txs.get(&hash).is_some_and(|(height, _)| *height == oldest.header.height) {
                    self.txs.remove(&hash);
                }
            }
        }
    }

    /// The newest block.
    pub fn latest(&self) -> Option<&Arc<Block>> {
        self.blocks.back()
    }

    /// The oldest block that is still there.
    pub fn earliest(&self) -> Option<&Arc<Block>> {
        self.blocks.front()
    }

    /// The block of a height.
    pub fn at(&self, height: u64) -> Option<&Arc<Block>> {
        let first = self.earliest()?.header.height;
        self.blocks.get(usize::try_from(height.checked_sub(first)?).ok()?)
    }

    /// The block with this hash.
    pub fn by_hash(&self, hash: Hash) -> Option<&Arc<Block>> {
        self.blocks.iter().rev().find(|block| block.id.hash == Some(hash))
    }

    /// The block that holds a transaction, and its index there.
    pub fn tx(&self, hash: Hash) -> Option<(&Arc<Block>, usize)> {
        let (height, index) = *self.txs.get(&hash)?;
        Some((self.at(height)?, index))
    }

    /// All blocks, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Block>> {
        self.blocks.iter()
    }
}

/// What a block weighs: its texts and bytes, and a fixed part for what holds them.
fn size(block: &Block) -> usize {
    let executed = &block.executed;
    let txs: usize = executed.txs.iter().map(|(tx, result)| tx.len() + result.size()).sum();
    1024 + txs + executed.events.iter().map(Event::size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::devnet::abci::{ExecTxResult, FinalizedBlock};

    fn block(height: u64, tx: &[u8]) -> Arc<Block> {
        let executed = FinalizedBlock {
            height,
            time: OffsetDateTime::UNIX_EPOCH,
            txs: vec![(tx.to_vec(), ExecTxResult::default())],
            events: vec![],
            app_hash: vec![],
        };
        Arc::new(Block::new("localnet", None, executed))
    }

    fn large_tx(height: u64) -> Vec<u8> {
        vec![u8::try_from(height).unwrap(); 1 << 20]
    }

    #[test]
    fn large_blocks_leave_before_many_blocks_do() {
        let mut store = BlockStore::default();
        for height in 1..=100 {
            store.push(block(height, &large_tx(height)));
        }
        let earliest = store.earliest().unwrap().header.height;
        assert!((30..50).contains(&earliest), "{earliest}");
        assert!(store.at(earliest - 1).is_none());
        assert!(store.tx(Hash::of(large_tx(earliest - 1))).is_none());
        assert_eq!(store.tx(Hash::of(large_tx(100))).unwrap().0.header.height, 100);
        assert!(store.bytes <= MAX_BYTES);
    }

    #[test]
    fn a_transaction_that_came_twice_is_found_where_it_came_last() {
        let mut store = BlockStore::default();
        store.push(block(1, b"tx"));
        store.push(block(2, b"tx"));
        for height in 3..=10_001 {
            store.push(block(height, &height.to_be_bytes()));
        }
        assert_eq!(store.earliest().unwrap().header.height, 2);
        assert_eq!(store.tx(Hash::of(b"tx")).unwrap().0.header.height, 2);
    }
}
