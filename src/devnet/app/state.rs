//! The state of the chain after a block. Clones share what did not change.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{emissions::Emissions, ledger::Ledger, staking};
use crate::{chain::gas_price::GasPrice, devnet::genesis::Genesis};

/// All that a block changes.
#[derive(Debug, Clone)]
pub struct State {
    /// Height of the block; 0 before the first.
    pub height: u64,
    /// Time of the block.
    pub time: OffsetDateTime,
    /// Accounts and money.
    pub ledger: Ledger,
    /// Topics and all that belongs to them.
    pub emissions: Emissions,
    /// uallo for one unit of gas.
    pub gas_price: GasPrice,
    /// Gas that the block's transactions used.
    pub block_gas: u64,
    /// `allovaloper1...`: the one validator, whose account is the genesis' first.
    pub operator: Arc<str>,
}

impl State {
    /// The state before block 1. Addresses must have been looked at by the caller.
    pub fn new(genesis: &Genesis) -> Self {
        Self {
            height: 0,
            time: OffsetDateTime::UNIX_EPOCH,
            ledger: Ledger::default(),
            emissions: Emissions::new(genesis),
            gas_price: genesis.gas_price,
            block_gas: 0,
            operator: staking::operator(genesis).into(),
        }
    }
}
