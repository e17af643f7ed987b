//! The application of the local chain: state, transactions, queries.
//!
//! Pure and synchronous: no IO, no clock, no tasks. The node around it owns time, the mempool and
//! the blocks.

use time::OffsetDateTime;

use super::{
    abci::{ExecTxResult, FinalizedBlock, QueryResponse},
    feemarket::GasPrice,
    genesis::Genesis,
};

/// An inference as the chain stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Height of the nonce that it answers.
    pub nonce: u64,
    /// The worker's address.
    pub inferer: String,
    /// The number, canonical, when the topic has one output.
    pub value: Option<String>,
    /// Canonical label and number, in the order sent; empty under emissions v9.
    pub values: Vec<(String, String)>,
    /// Height of the block that holds it.
    pub height: u64,
    /// Upper-case hex SHA-256 of its transaction.
    pub tx_hash: String,
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

/// Whom a control call meant is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The text is no address of this chain.
    #[error("{0} is no address")]
    Address(String),
    /// No topic has this id.
    #[error("there is no topic {0}")]
    Topic(u64),
}

/// The state machine.
#[derive(Debug)]
pub struct App {
    genesis: Genesis,
    height: u64,
}

impl App {
    /// The state before block 1.
    pub fn new(genesis: Genesis) -> Self {
        Self { genesis, height: 0 }
    }

    /// Height of the last committed block; 0 before the first.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// CheckTx for a new transaction. With code 0 its fee and sequence are taken in the check state.
    pub fn check_tx(&mut self, _tx: &[u8]) -> ExecTxResult {
        ExecTxResult::default()
    }

    /// CheckTx for a transaction that stayed in the mempool over a block.
    pub fn recheck_tx(&mut self, _tx: &[u8]) -> ExecTxResult {
        ExecTxResult::default()
    }

    /// Executes and commits the next block. Afterwards the check state is the committed one: the
    /// mempool must recheck what it still holds.
    pub fn finalize_block(&mut self, time: OffsetDateTime, txs: Vec<Vec<u8>>) -> FinalizedBlock {
        self.height += 1;
        FinalizedBlock {
            height: self.height,
            time,
            txs: txs.into_iter().map(|tx| (tx, ExecTxResult::default())).collect(),
            events: vec![],
            app_hash: vec![],
        }
    }

    /// Answers a gRPC method. `height` 0 is the last committed state.
    pub fn query(&self, _path: &str, _data: &[u8], _height: u64) -> QueryResponse {
        QueryResponse { height: self.height, ..QueryResponse::default() }
    }

    /// The check state of a node that has just started: until the next block, account numbers
    /// count as 0 in CheckTx and no worker window is open for Simulate.
    pub fn restart(&mut self) {}

    /// Sets a balance, in uallo; the account is made when it is not there.
    pub fn set_balance(&mut self, address: &str, _amount: u128) -> Result<(), ControlError> {
        Err(ControlError::Address(address.into()))
    }

    /// Sets an account's sequence.
    pub fn set_sequence(&mut self, address: &str, _sequence: u64) -> Result<(), ControlError> {
        Err(ControlError::Address(address.into()))
    }

    /// Puts an address on a topic's worker whitelist or takes it off.
    pub fn set_whitelisted(&mut self, topic: u64, _address: &str, _on: bool) -> Result<(), ControlError> {
        Err(ControlError::Topic(topic))
    }

    /// Registers a worker without a transaction, or removes it.
    pub fn set_registered(&mut self, topic: u64, _address: &str, _on: bool) -> Result<(), ControlError> {
        Err(ControlError::Topic(topic))
    }

    /// An inactive topic opens no windows.
    pub fn set_topic_active(&mut self, topic: u64, _active: bool) -> Result<(), ControlError> {
        Err(ControlError::Topic(topic))
    }

    /// Sets the price of gas from now on.
    pub fn set_gas_price(&mut self, price: GasPrice) {
        self.genesis.gas_price = price;
    }

    /// Inferences that a topic took, oldest first. The last 10,000 are kept.
    pub fn submissions(&self, topic: u64) -> Result<Vec<Submission>, ControlError> {
        Err(ControlError::Topic(topic))
    }

    /// Transactions that took something from an account, oldest first. The last 10,000 are kept.
    pub fn payments(&self, address: &str) -> Result<Vec<Payment>, ControlError> {
        Err(ControlError::Address(address.into()))
    }
}
