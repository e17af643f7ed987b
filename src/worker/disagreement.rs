//! Where the journal knows more of the account than the chain.

use std::path::Path;

use crate::chain::query::Account;

/// The journal knows transactions of the account to be in a block that the chain has not: what it says of a nonce
/// would be of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the chain has {seen} transactions of this account, the journal knows of {known}: the node is behind, or the chain \
     was started anew"
)]
pub struct Disagreement {
    seen: u64,
    known: u64,
}

impl Disagreement {
    /// Compares the account, as a node has it, with the highest sequence that the journal knows to be used up.
    #[must_use]
    pub fn between(account: Option<&Account>, last_sequence: u64) -> Option<Self> {
        let (seen, known) = (account.map_or(0, |account| account.sequence), last_sequence.saturating_add(1));
        (seen < known).then_some(Self { seen, known })
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(journal: &Path) -> String {
        format!(
            "wait until the node has caught up; if the chain was started anew, remove {}",
            journal.display()
        )
    }
}
