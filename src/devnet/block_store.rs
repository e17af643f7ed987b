//! The history that the node keeps: the last blocks, and an index of their transactions.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    abci::Event,
    block::{Block, Hash},
};

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
    let events = |events: &[Event]| -> usize {
        events
            .iter()
            .map(|event| {
                64 + event.kind.len()
                    + event.attributes.iter().map(|(key, value)| 48 + key.len() + value.len()).sum::<usize>()
            })
            .sum()
    };
    let txs: usize = block
        .executed
        .txs
        .iter()
        .map(|(tx, result)| 256 + tx.len() + result.log.len() + events(&result.events))
        .sum();
    1024 + events(&block.executed.events) + txs
}
