//! What steers the chain from outside, without a transaction.

use super::{App, address::Address, emissions::topic::Topic, ledger::Account, state::State};
use crate::chain::gas_price::GasPrice;

/// Whom a control call meant is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The text is not an address of this chain.
    #[error("{0} is not an address")]
    Address(String),
    /// No topic has this id.
    #[error("there is no topic {0}")]
    Topic(u64),
}

impl App {
    /// Changes the committed state and the check state alike, as if the last block had done it.
    fn control(&mut self, change: impl Fn(&mut State)) {
        change(&mut self.state);
        change(&mut self.check);
        if let Some(last) = self.past.back_mut() {
            change(last);
        }
    }

    /// Sets a balance, in uallo; the account is made when it is not there.
    pub fn set_balance(&mut self, address: &str, amount: u128) -> Result<(), ControlError> {
        let address = parse(address)?;
        self.control(|state| {
            state.ledger.open(address);
            state.ledger.set_balance(address, amount);
        });
        Ok(())
    }

    /// Sets an account's sequence; the account is made when it is not there.
    pub fn set_sequence(&mut self, address: &str, sequence: u64) -> Result<(), ControlError> {
        let address = parse(address)?;
        self.control(|state| {
            state.ledger.open(address);
            if let Some(account) = state.ledger.account(address) {
                state.ledger.set_account(address, Account { sequence, ..account });
            }
        });
        Ok(())
    }

    /// Puts an address on a topic's worker whitelist or takes it off.
    pub fn set_whitelisted(
        &mut self,
        topic: u64,
        address: &str,
        whitelisted: bool,
    ) -> Result<(), ControlError> {
        let address = parse(address)?;
        self.topic(topic)?;
        self.control(|state| {
            if let Some(topic) = state.emissions.topic_mut(topic) {
                if whitelisted {
                    topic.whitelist.insert_mut(address);
                } else {
                    topic.whitelist.remove_mut(&address);
                }
            }
        });
        Ok(())
    }

    /// Registers a worker without a transaction, or removes it.
    pub fn set_registered(
        &mut self,
        topic: u64,
        address: &str,
        registered: bool,
    ) -> Result<(), ControlError> {
        let address = parse(address)?;
        self.topic(topic)?;
        self.control(|state| state.emissions.set_registered(topic, address, registered));
        Ok(())
    }

    /// An inactive topic opens no windows. One that becomes active again is due an epoch later.
    pub fn set_topic_active(&mut self, topic: u64, active: bool) -> Result<(), ControlError> {
        self.topic(topic)?;
        self.control(|state| state.emissions.set_active(topic, active, state.height));
        Ok(())
    }

    /// Sets the price of gas from now on.
    pub fn set_gas_price(&mut self, price: GasPrice) {
        self.control(|state| state.gas_price = price);
    }

    pub(super) fn topic(&self, id: u64) -> Result<&Topic, ControlError> {
        self.state.emissions.topic(id).ok_or(ControlError::Topic(id))
    }
}

/// An address as a user gives it.
pub(super) fn parse(address: &str) -> Result<Address, ControlError> {
    Address::parse(address).map_err(|_| ControlError::Address(address.chars().take(100).collect()))
}
