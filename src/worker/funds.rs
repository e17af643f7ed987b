//! What the wallet has, between two questions to the chain.

use std::time::Duration;

use tokio::time::Instant;

/// After so long the chain is asked again: money may have come in.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The balance as the chain told it, less what our transactions have taken since. Nothing else takes from an account
/// than its own transactions. Where another program sends some with the same key, the chain must be asked.
#[derive(Debug, Default)]
pub struct Funds {
    told: Option<Told>,
}

/// An answer of the chain.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// In uallo.
    balance: u128,
    at: Instant,
}

impl Funds {
    /// The chain told the balance, in uallo.
    pub fn told(&mut self, balance: u128) {
        self.told = Some(Told { balance, at: Instant::now() });
    }

    /// A transaction of ours took so much, in uallo.
    pub const fn took(&mut self, amount: u128) {
        if let Some(told) = &mut self.told {
            told.balance = told.balance.saturating_sub(amount);
        }
    }

    /// What is known may be wrong: somebody else has spent, or given.
    pub const fn forget(&mut self) {
        self.told = None;
    }

    /// The balance in uallo; `None` where the chain must be asked.
    #[must_use]
    pub fn balance(&self) -> Option<u128> {
        self.balance_at(Instant::now())
    }

    fn balance_at(&self, now: Instant) -> Option<u128> {
        self.told.filter(|told| now.duration_since(told.at) < MAX_AGE).map(|told| told.balance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_known_and_what_comes_in_is_asked_for() {
        let mut funds = Funds::default();
        funds.took(1);
        assert_eq!(funds.balance(), None);
        funds.told(100);
        funds.took(30);
        assert_eq!(funds.balance(), Some(70));
        funds.took(71);
        assert_eq!(funds.balance(), Some(0), "it was asked while a transaction was on its way");
        assert_eq!(funds.balance_at(Instant::now() + MAX_AGE), None);
        funds.forget();
        assert_eq!(funds.balance(), None);
    }
}
