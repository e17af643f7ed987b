//! The one owner of the account's sequence.
//!
//! `AccountInfo` knows committed transactions only, CheckTx counts those in the node's mempool too. So there
//! are three kinds of knowledge, and they are kept apart:
//!
//! | known | from | may turn out wrong |
//! |---|---|---|
//! | the committed sequence | a block: `AccountInfo`, or a transaction of ours that was included | no: it only grows |
//! | ours that wait | what a node took, or may have taken | each ends: included, or provably dead |
//! | others' that wait | a node's word, `expected N` | yes: a mempool forgets |
//!
//! A transaction is signed with the lowest sequence behind all three. It advances with every transaction
//! that a node took, never with one that all refused, and stays where it is while an outcome is unknown: two
//! transactions with one sequence can never both land. Where a node contradicts what is known, the chain is
//! asked before anything is signed.

use std::collections::BTreeMap;

use super::query::Account;
use super::tx::TxHash;

/// Account number and sequence of the wallet. Nothing of it is kept on disk: the chain is asked at start.
#[derive(Debug, Default)]
pub struct Sequence {
    known: Known,
    /// Ours that a node took, or may have taken, by sequence.
    pending: BTreeMap<u64, TxHash>,
    /// The height at which another's was last heard to wait.
    others_heard_at: Option<i64>,
    /// The height at which it was last found that another's took a sequence, in a block or in a mempool.
    others_sent_at: Option<i64>,
}

/// What is known of the account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// The account as of some block.
    Committed(Account),
    /// Transactions that are not ours wait before `next`, by the word of a node.
    Ahead { committed: Account, next: u64 },
    /// A node lacks what we counted on: it was forgotten, or the node is behind. The chain must be asked.
    Doubted(Account),
}

impl Known {
    const fn committed(self) -> Option<Account> {
        match self {
            Self::Nothing => None,
            Self::Committed(committed) | Self::Ahead { committed, .. } | Self::Doubted(committed) => {
                Some(committed)
            }
        }
    }
}

/// What to do about `account sequence mismatch, expected N, got M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Another program used our sequence, or our view was old: sign with the new one.
    Advance,
    /// The node is behind us: ask another one, or wait for its next block.
    NodeBehind,
    /// What we counted on may be gone: the sequence is unknown until the chain was asked for the account.
    AskChain,
}

impl Sequence {
    /// Takes the account over as a node has it committed. An older answer than what is known changes nothing:
    /// a node that is behind would make us sign with a used sequence.
    pub fn committed(&mut self, account: Account) {
        let newest = match self.known.committed() {
            Some(known) if known.sequence > account.sequence => known,
            _ => account,
        };
        self.known = match self.known {
            Known::Ahead { next, .. } if next > newest.sequence => Known::Ahead { committed: newest, next },
            _ => Known::Committed(newest),
        };
        self.pending = self.pending.split_off(&newest.sequence);
    }

    /// Account number and the sequence of the next transaction; `None` while the chain must be asked first.
    #[must_use]
    pub fn next(&self) -> Option<Account> {
        let (number, mut sequence) = match self.known {
            Known::Nothing | Known::Doubted(_) => return None,
            Known::Committed(committed) => (committed.number, committed.sequence),
            Known::Ahead { committed, next } => (committed.number, next),
        };
        while self.pending.contains_key(&sequence) {
            sequence += 1;
        }
        Some(Account { number, sequence })
    }

    /// A transaction of another program waits since this height at the latest.
    pub const fn others_wait(&mut self, height: i64) {
        self.others_heard_at = Some(height);
    }

    /// A transaction of another program took a sequence, as is found at this height.
    pub const fn others_sent(&mut self, height: i64) {
        self.others_sent_at = Some(height);
    }

    /// Whether that was found at this height or later.
    #[must_use]
    pub fn others_sent_since(&self, height: i64) -> bool {
        self.others_sent_at.is_some_and(|sent_at| sent_at >= height)
    }

    /// The height above which the chain has to be before anything is signed: what waits of another program
    /// is in a block by then, where a simulation sees what it did.
    #[must_use]
    pub fn signs_above(&self, height: i64) -> Option<i64> {
        self.others_heard_at.filter(|&heard_at| height <= heard_at)
    }

    /// Whether transactions of others are to come before the next one, by the word of a node.
    #[must_use]
    pub const fn is_behind_others(&self) -> bool {
        matches!(self.known, Known::Ahead { .. })
    }

    /// Whether others were last heard to wait in one of the `blocks` before `height`.
    #[must_use]
    pub fn heard_others_within(&self, blocks: i64, height: i64) -> bool {
        self.others_heard_at.is_some_and(|heard_at| height.saturating_sub(heard_at) <= blocks)
    }

    /// A node took the transaction, or may have.
    pub fn sent(&mut self, sequence: u64, hash: TxHash) {
        self.pending.insert(sequence, hash);
    }

    /// The transaction is in a block and used its sequence.
    pub fn used(&mut self, sequence: u64) {
        if let Some(account) = self.known.committed()
            && let Some(next) = sequence.checked_add(1)
        {
            self.committed(Account { sequence: next, ..account });
        }
    }

    /// The transaction can never be in a block, or no node has it: its sequence is free.
    pub fn freed(&mut self, hash: &TxHash) {
        self.pending.retain(|_, pending| pending != hash);
    }

    /// CheckTx or a simulation expects another sequence than `got`.
    pub fn mismatch(&mut self, expected: u64, got: u64) -> Mismatch {
        let Some(committed) = self.known.committed() else { return Mismatch::AskChain };
        if expected < committed.sequence {
            return Mismatch::NodeBehind;
        }
        if expected > got {
            self.known = Known::Ahead { committed, next: expected };
            return Mismatch::Advance;
        }
        if self.pending.contains_key(&expected) {
            // Ours waits elsewhere, and is sent again by who waits for it.
            return Mismatch::NodeBehind;
        }
        self.known = Known::Doubted(committed);
        Mismatch::AskChain
    }
}

#[cfg(test)]
mod tests;
