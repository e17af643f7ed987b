//! Accounts and their uallo.

use rpds::RedBlackTreeMapSync;

use super::{
    address::Address,
    error::{AbciError, sdk},
};
use crate::{chain::tx::DENOM, devnet::abci::Event};

/// An account that can sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Given when the account is made, never changed.
    pub number: u64,
    /// Transactions so far.
    pub sequence: u64,
    /// Compressed, known from the first transaction on.
    pub public_key: Option<[u8; 33]>,
}

/// Accounts and balances. Cloning shares, so that a failed transaction or a past height costs little.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: RedBlackTreeMapSync<Address, Account>,
    balances: RedBlackTreeMapSync<Address, u128>,
}

impl Ledger {
    /// The account, if it was ever made.
    pub fn account(&self, address: Address) -> Option<Account> {
        self.accounts.get(&address).copied()
    }

    /// Makes the account with the next number when it is not there.
    pub fn open(&mut self, address: Address) {
        if !self.accounts.contains_key(&address) {
            let number = self.accounts.size() as u64;
            self.accounts.insert_mut(address, Account { number, sequence: 0, public_key: None });
        }
    }

    /// Writes an account back.
    pub fn set_account(&mut self, address: Address, account: Account) {
        self.accounts.insert_mut(address, account);
    }

    /// Balance in uallo; 0 for who never had any.
    pub fn balance(&self, address: Address) -> u128 {
        self.balances.get(&address).copied().unwrap_or(0)
    }

    /// Sets a balance in uallo.
    pub fn set_balance(&mut self, address: Address, amount: u128) {
        self.balances.insert_mut(address, amount);
    }

    /// Moves uallo and writes the bank's events. Fails with sdk 5 when the sender has less.
    pub fn transfer(
        &mut self,
        from: Address,
        to: Address,
        amount: u128,
        events: &mut Vec<Event>,
    ) -> Result<(), AbciError> {
        let balance = self.balance(from);
        let Some(rest) = balance.checked_sub(amount) else {
            let text = format!("spendable balance {balance}{DENOM} is smaller than {amount}{DENOM}");
            return Err(sdk::INSUFFICIENT_FUNDS.wrap(text));
        };
        self.set_balance(from, rest);
        self.set_balance(to, self.balance(to).saturating_add(amount));
        // No coins at all are no text at all.
        let amount = if amount == 0 { String::new() } else { format!("{amount}{DENOM}") };
        let (from, to) = (from.to_string(), to.to_string());
        events.extend([
            Event::plain("coin_spent", [("spender", &from), ("amount", &amount)]),
            Event::plain("coin_received", [("receiver", &to), ("amount", &amount)]),
            Event::plain("transfer", [("recipient", &to), ("sender", &from), ("amount", &amount)]),
            Event::plain("message", [("sender", &from)]),
        ]);
        Ok(())
    }
}
