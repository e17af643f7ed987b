//! Transactions of the past, for look-ups and for who asks what was paid.

use std::collections::{HashMap, VecDeque};

use time::OffsetDateTime;

use super::address::Address;
use crate::{chain::tx::TxHash, devnet::abci::ExecTxResult};

/// Delivered transactions that are kept.
const MAX_TXS: usize = 10_000;

/// Bytes of delivered transactions that are kept: large ones leave before there are many.
const MAX_BYTES: usize = 64 << 20;

/// Payments that are kept, of all accounts together.
const MAX_PAYMENTS: usize = 100_000;

/// A transaction that is in a block.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Height of its block.
    pub height: u64,
    /// Time of its block.
    pub time: OffsetDateTime,
    /// `TxRaw`.
    pub bytes: Vec<u8>,
    /// What became of it.
    pub result: ExecTxResult,
}

/// What one transaction took from an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Upper-case hex SHA-256 of the transaction.
    pub tx_hash: String,
    /// Height of its block.
    pub height: u64,
    /// All uallo that it took: the gas fee, data sending and registration fees, transfers, stake.
    pub fee: u128,
    /// 0: the transaction succeeded.
    pub code: u32,
}

/// What is remembered of delivered transactions. It does not grow beyond its bounds however long the
/// chain runs: the oldest are forgotten.
#[derive(Debug, Default)]
pub struct History {
    delivered: HashMap<TxHash, Delivered>,
    /// Hash and height of what was delivered, oldest first.
    order: VecDeque<(TxHash, u64)>,
    bytes: usize,
    payments: VecDeque<(Address, Payment)>,
}

impl History {
    /// Remembers a transaction. The same bytes may have failed before: the last time counts.
    pub fn push_delivered(&mut self, hash: TxHash, delivered: Delivered) {
        self.order.push_back((hash, delivered.height));
        self.bytes += delivered.size();
        if let Some(before) = self.delivered.insert(hash, delivered) {
            self.bytes -= before.size();
        }
        while self.order.len() > MAX_TXS || (self.bytes > MAX_BYTES && self.order.len() > 1) {
            let Some((oldest, height)) = self.order.pop_front() else { break };
            if self.delivered.get(&oldest).is_some_and(|delivered| delivered.height == height)
                && let Some(forgotten) = self.delivered.remove(&oldest)
            {
                self.bytes -= forgotten.size();
            }
        }
    }

    /// Remembers what an account paid.
    pub fn push_payment(&mut self, account: Address, payment: Payment) {
        self.payments.push_back((account, payment));
        if self.payments.len() > MAX_PAYMENTS {
            self.payments.pop_front();
        }
    }

    /// A transaction by its hash.
    pub fn delivered(&self, hash: &TxHash) -> Option<&Delivered> {
        self.delivered.get(hash)
    }

    /// What an account paid, oldest first.
    pub fn payments(&self, account: Address) -> impl Iterator<Item = &Payment> {
        self.payments.iter().filter(move |(payer, _)| *payer == account).map(|(_, payment)| payment)
    }
}

impl Delivered {
    fn size(&self) -> usize {
        self.bytes.len() + self.result.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(height: u64, bytes: usize) -> Delivered {
        let result = ExecTxResult::default();
        Delivered { height, time: OffsetDateTime::UNIX_EPOCH, bytes: vec![0; bytes], result }
    }

    fn hash(number: u64) -> TxHash {
        TxHash::of(&number.to_be_bytes())
    }

    #[test]
    fn the_last_transactions_are_kept_and_one_that_came_again_counts_as_new() {
        let mut history = History::default();
        history.push_delivered(hash(1), delivered(1, 1));
        history.push_delivered(hash(2), delivered(2, 1));
        history.push_delivered(hash(1), delivered(3, 1));
        for height in 4..=10_002 {
            history.push_delivered(hash(height), delivered(height, 1));
        }
        assert!(history.delivered(&hash(2)).is_none());
        assert_eq!(history.delivered(&hash(1)).unwrap().height, 3);
        let sizes: usize = history.delivered.values().map(Delivered::size).sum();
        assert_eq!(history.bytes, sizes);
    }

    #[test]
    fn large_transactions_leave_before_there_are_many() {
        let mut history = History::default();
        for height in 1..=100 {
            history.push_delivered(hash(height), delivered(height, 1 << 20));
        }
        assert!((60..64).contains(&history.delivered.len()), "{}", history.delivered.len());
        assert!(history.bytes <= MAX_BYTES);
        assert!(history.delivered(&hash(100)).is_some());
    }

    #[test]
    fn payments_of_all_accounts_together_are_bounded() {
        let (one, other) = (Address::of_module("one"), Address::of_module("other"));
        let mut history = History::default();
        for height in 1..=MAX_PAYMENTS as u64 {
            let payer = if height % 2 == 1 { one } else { other };
            let payment = Payment { tx_hash: String::new(), height, fee: 1, code: 0 };
            history.push_payment(payer, payment);
        }
        let payment = Payment { tx_hash: String::new(), height: 0, fee: 1, code: 0 };
        history.push_payment(other, payment);
        let heights = |account| history.payments(account).map(|payment| payment.height);
        assert_eq!(heights(one).next(), Some(3), "the first is forgotten");
        assert_eq!(heights(other).next(), Some(2));
        assert_eq!(heights(other).last(), Some(0));
    }
}
