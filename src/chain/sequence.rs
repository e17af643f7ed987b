//! The one owner of the account's sequence.
//!
//! `AccountInfo` knows committed transactions only, CheckTx counts those in the mempool too. So the
//! sequence to sign with is the committed one plus ours that wait. It advances with every transaction that a
//! node took, never with one that it refused, and stays where it is while an outcome is unknown: two
//! transactions with one sequence can never both land.

use std::collections::BTreeMap;

use super::query::Account;
use super::tx::TxHash;

/// Account number and sequence of the wallet. Nothing of it is kept on disk: the chain is asked at start.
#[derive(Debug, Default)]
pub struct Sequence {
    account: Option<Account>,
    /// Ours that a node took, or may have taken, by sequence.
    pending: BTreeMap<u64, TxHash>,
}

/// What to do about `account sequence mismatch, expected N, got M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Another program used our sequence, or our view was old: sign with the new one.
    Advance,
    /// The node is behind us: ask another one, or wait for its next block.
    NodeBehind,
}

impl Sequence {
    /// Takes the committed account over. Older answers than what is known are not taken: a node that is
    /// behind would make us sign with a used sequence.
    pub fn committed(&mut self, account: Account) {
        let known = self.account.map_or(0, |known| known.sequence);
        if account.sequence >= known {
            self.account = Some(account);
            self.pending = self.pending.split_off(&account.sequence);
        }
    }

    /// Account number and the sequence of the next transaction; `None` before the chain was asked.
    #[must_use]
    pub fn next(&self) -> Option<Account> {
        let account = self.account?;
        let mut sequence = account.sequence;
        while self.pending.contains_key(&sequence) {
            sequence += 1;
        }
        Some(Account { number: account.number, sequence })
    }

    /// A node took the transaction, or may have.
    pub fn sent(&mut self, sequence: u64, hash: TxHash) {
        self.pending.insert(sequence, hash);
    }

    /// The transaction is in a block and used its sequence.
    pub fn used(&mut self, sequence: u64) {
        if let Some(account) = self.account.as_mut().filter(|account| account.sequence <= sequence) {
            account.sequence = sequence + 1;
            self.pending = self.pending.split_off(&account.sequence);
        }
    }

    /// The transaction can never be in a block, and its sequence is free.
    pub fn freed(&mut self, hash: &TxHash) {
        self.pending.retain(|_, pending| pending != hash);
    }

    /// CheckTx or a simulation expects another sequence than `got`.
    pub fn mismatch(&mut self, expected: u64, got: u64) -> Mismatch {
        if expected < got {
            return Mismatch::NodeBehind;
        }
        // `expected` counts what is in the node's mempool, which may be another program's.
        if let Some(account) = self.account.as_mut().filter(|account| account.sequence < expected) {
            account.sequence = expected;
            self.pending = self.pending.split_off(&expected);
        }
        Mismatch::Advance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> TxHash {
        TxHash::of(&[n])
    }

    fn at(sequence: u64) -> Sequence {
        let mut state = Sequence::default();
        state.committed(Account { number: 5, sequence });
        state
    }

    fn next(state: &Sequence) -> Option<u64> {
        state.next().map(|account| account.sequence)
    }

    #[test]
    fn unknown_before_the_chain_was_asked() {
        assert_eq!(next(&Sequence::default()), None);
    }

    #[test]
    fn advances_with_each_transaction_that_was_taken() {
        let mut state = at(7);
        state.sent(7, hash(1));
        assert_eq!(next(&state), Some(8));
        state.sent(8, hash(2));
        assert_eq!(next(&state), Some(9));
        state.used(7);
        assert_eq!(next(&state), Some(9), "the second one still waits");
    }

    #[test]
    fn a_dead_transaction_gives_its_sequence_back() {
        let mut state = at(7);
        state.sent(7, hash(1));
        state.freed(&hash(1));
        assert_eq!(next(&state), Some(7));
    }

    #[test]
    fn a_node_that_is_behind_does_not_take_us_back() {
        let mut state = at(7);
        state.used(7);
        state.committed(Account { number: 5, sequence: 7 });
        assert_eq!(next(&state), Some(8));
        assert_eq!(state.mismatch(6, 8), Mismatch::NodeBehind);
        assert_eq!(next(&state), Some(8));
    }

    #[test]
    fn a_foreign_transaction_moves_us_on() {
        let mut state = at(7);
        assert_eq!(state.mismatch(9, 7), Mismatch::Advance);
        assert_eq!(next(&state), Some(9));
    }
}
