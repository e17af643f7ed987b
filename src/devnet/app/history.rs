//! Transactions of the past, for look-ups and for who asks what was paid.

use std::collections::{HashMap, VecDeque};

use time::OffsetDateTime;

use super::address::Address;
use crate::{chain::tx::TxHash, devnet::abci::ExecTxResult};

/// Delivered transactions, and payments of each account, that are kept.
const KEPT_TXS: usize = 10_000;

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

/// What is remembered of delivered transactions; the oldest are forgotten.
#[derive(Debug, Default)]
pub struct History {
    delivered: HashMap<TxHash, Delivered>,
    order: VecDeque<TxHash>,
    payments: HashMap<Address, VecDeque<Payment>>,
}

impl History {
    /// Remembers a transaction.
    pub fn push_delivered(&mut self, hash: TxHash, delivered: Delivered) {
        if self.delivered.insert(hash, delivered).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > KEPT_TXS
            && let Some(oldest) = self.order.pop_front()
        {
            self.delivered.remove(&oldest);
        }
    }

    /// Remembers what an account paid.
    pub fn push_payment(&mut self, account: Address, payment: Payment) {
        let payments = self.payments.entry(account).or_default();
        payments.push_back(payment);
        if payments.len() > KEPT_TXS {
            payments.pop_front();
        }
    }

    /// A transaction by its hash.
    pub fn delivered(&self, hash: &TxHash) -> Option<&Delivered> {
        self.delivered.get(hash)
    }

    /// What an account paid, oldest first.
    pub fn payments(&self, account: Address) -> impl Iterator<Item = &Payment> {
        self.payments.get(&account).into_iter().flatten()
    }
}
