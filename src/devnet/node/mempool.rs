//! Transactions that wait for a block, and the cache that refuses the same bytes twice.

use std::collections::{HashSet, VecDeque};

use super::block::Hash;

/// CometBFT's defaults.
const MAX_TXS: usize = 5_000;
const MAX_TXS_BYTES: usize = 64 << 20;
const MAX_TX_BYTES: usize = 1 << 20;
const CACHE_SIZE: usize = 10_000;
/// About what a payload takes.
const USUAL_TX_BYTES: usize = 1 << 10;

/// Why a transaction did not reach CheckTx. The texts are CometBFT's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Waiting already, or executed with success.
    #[error("tx already exists in cache")]
    InCache,
    /// No room.
    #[error(
        "mempool is full: number of txs {txs} (max: {MAX_TXS}), total txs bytes {bytes} (max: {MAX_TXS_BYTES})"
    )]
    Full { txs: usize, bytes: usize },
    /// Larger than any block takes.
    #[error("Tx too large. Max size is {MAX_TX_BYTES}, but got {0}")]
    TooLarge(usize),
}

impl Refused {
    /// What a mempool says that holds as many as it may.
    pub const fn full() -> Self {
        Self::Full { txs: MAX_TXS, bytes: MAX_TXS * USUAL_TX_BYTES }
    }
}

/// Waiting transactions in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Mempool {
    txs: VecDeque<Vec<u8>>,
    bytes: usize,
    cache: Cache,
}

impl Mempool {
    /// Whether CheckTx may see these bytes. They are in the cache from here on; one that CheckTx
    /// refuses is taken out again with [`Self::forget`].
    pub fn admit(&mut self, tx: &[u8]) -> Result<(), Refused> {
        if self.txs.len() >= MAX_TXS || self.bytes + tx.len() > MAX_TXS_BYTES {
            return Err(Refused::Full { txs: self.txs.len(), bytes: self.bytes });
        }
        if tx.len() > MAX_TX_BYTES {
            return Err(Refused::TooLarge(tx.len()));
        }
        if self.cache.push(Hash::of(tx)) { Ok(()) } else { Err(Refused::InCache) }
    }

    /// Takes a transaction that CheckTx accepted.
    pub fn push(&mut self, tx: Vec<u8>) {
        self.bytes += tx.len();
        self.txs.push_back(tx);
    }

    /// The same bytes may come again: CheckTx refused them, or they failed in a block.
    pub fn forget(&mut self, tx: &[u8]) {
        self.cache.remove(Hash::of(tx));
    }

    /// Takes out what fits in a block, oldest first.
    pub fn reap(&mut self, max_bytes: usize) -> Vec<Vec<u8>> {
        let mut total = 0;
        let fitting = self
            .txs
            .iter()
            .take_while(|tx| {
                total += tx.len();
                total <= max_bytes
            })
            .count();
        let txs: Vec<_> = self.txs.drain(..fitting).collect();
        self.bytes -= txs.iter().map(Vec::len).sum::<usize>();
        txs
    }

    /// Keeps the transactions that are still valid after a block; the others leave the cache too.
    pub fn recheck(&mut self, mut valid: impl FnMut(&[u8]) -> bool) {
        let Self { txs, bytes, cache } = self;
        txs.retain(|tx| {
            let keep = valid(tx);
            if !keep {
                *bytes -= tx.len();
                cache.remove(Hash::of(tx));
            }
            keep
        });
    }

    /// Number of waiting transactions.
    pub fn len(&self) -> usize {
        self.txs.len()
    }

    /// Their size together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Waiting transactions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.txs.iter()
    }
}

/// Hashes of the last transactions that were let through.
#[derive(Debug, Default)]
struct Cache {
    known: HashSet<Hash>,
    order: VecDeque<Hash>,
}

impl Cache {
    /// False when it was there already; it counts as new again then.
    fn push(&mut self, hash: Hash) -> bool {
        let new = self.known.insert(hash);
        if !new {
            self.order.retain(|known| *known != hash);
        }
        self.order.push_back(hash);
        if self.order.len() > CACHE_SIZE
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        new
    }

    fn remove(&mut self, hash: Hash) {
        if self.known.remove(&hash) {
            self.order.retain(|known| *known != hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_refused_until_they_are_forgotten() {
        let mut mempool = Mempool::default();
        mempool.admit(b"a").unwrap();
        mempool.push(b"a".to_vec());
        assert_eq!(mempool.admit(b"a"), Err(Refused::InCache));
        assert_eq!(mempool.reap(10), [b"a".to_vec()]);
        assert_eq!(mempool.admit(b"a"), Err(Refused::InCache), "a block does not empty the cache");
        mempool.forget(b"a");
        mempool.admit(b"a").unwrap();
    }

    #[test]
    fn a_full_mempool_says_so_and_a_block_makes_room() {
        let mut mempool = Mempool::default();
        for n in 0..MAX_TXS {
            let tx = n.to_be_bytes();
            mempool.admit(&tx).unwrap();
            mempool.push(tx.to_vec());
        }
        let refused = mempool.admit(b"one more").unwrap_err();
        assert!(
            refused.to_string().starts_with("mempool is full: number of txs 5000 (max: 5000)"),
            "{refused}"
        );
        assert_eq!(mempool.reap(16).len(), 2);
        mempool.admit(b"one more").unwrap();
        assert!(matches!(mempool.admit(&vec![0; MAX_TX_BYTES + 1]), Err(Refused::TooLarge(_))));
    }

    #[test]
    fn recheck_drops_what_is_no_longer_valid() {
        let mut mempool = Mempool::default();
        for tx in [b"a", b"b"] {
            mempool.admit(tx).unwrap();
            mempool.push(tx.to_vec());
        }
        mempool.recheck(|tx| tx == b"b");
        assert_eq!((mempool.len(), mempool.bytes()), (1, 1));
        mempool.admit(b"a").unwrap();
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut cache = Cache::default();
        for n in 0..=CACHE_SIZE {
            assert!(cache.push(Hash::of(n.to_be_bytes())));
        }
        assert_eq!(cache.known.len(), CACHE_SIZE);
        assert!(cache.push(Hash::of(0_usize.to_be_bytes())), "the oldest was forgotten");
    }
}
