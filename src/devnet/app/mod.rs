//! The application of the local chain: state, transactions, queries.
//!
//! Pure and synchronous: no IO, no clock, no tasks. The node around it owns time, the mempool and
//! the blocks.
//!
//! | file | noun |
//! |---|---|
//! | `decode`, `schema` | a transaction from its bytes |
//! | `ante`, `signature`, `gas` | what it must pass and pay before its messages run |
//! | `execute`, `error` | what becomes of it |
//! | `state`, `ledger`, `address`, `emissions` | what transactions change |
//! | `mint`, `staking` | what never changes: emission of the coin, the one validator |
//! | `query`, `node_service`, `answer` | what is answered about the state, and about transactions, and how |
//! | `source` | where in a real node's source an error is made, which a simulation names |
//! | `standpoint` | from where, and what for: nodes that are behind or have just started |
//! | `history`, `submission` | transactions of the past, inferences as users see them |
//! | `control` | what is changed without a transaction |

mod address;
mod answer;
mod ante;
mod control;
mod decode;
pub(super) mod emissions;
mod error;
mod execute;
mod gas;
mod history;
mod ledger;
mod mint;
mod node_service;
mod query;
mod schema;
mod signature;
mod source;
pub(super) mod staking;
mod standpoint;
mod state;
mod submission;

use std::collections::VecDeque;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

#[cfg(test)]
pub(super) use self::execute::proposer;
pub(super) use self::standpoint::{Standpoint, Uptime};
use self::{
    answer::{Answer, unknown_path},
    control::parse,
    decode::Tx,
    error::{AbciError, sdk},
    history::History,
    ledger::Ledger,
    standpoint::{Environment, Mode},
    state::State,
};
pub use self::{
    control::ControlError,
    history::{Delivered, Payment},
    submission::Submission,
};
use super::{
    abci::{ExecTxResult, FinalizedBlock, QueryResponse},
    genesis::Genesis,
};
use crate::chain::{gas_price::GasPrice, messages::EmissionsVersion, tx::TxHash};

/// A method of gRPC that no query may name.
pub(super) const BROADCAST_TX: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";

/// Past states that queries can ask for.
const KEPT_STATES: usize = 1_000;

/// The state machine.
#[derive(Debug)]
pub struct App {
    chain_id: String,
    /// The last committed state.
    state: State,
    /// The committed state with the fees and sequences of the mempool's transactions.
    check: State,
    /// Committed states, oldest first, the last one too.
    past: VecDeque<State>,
    history: History,
    app_hash: [u8; 32],
}

impl App {
    /// The state before block 1, which can be read and written to at once: a real node answers
    /// nothing before its first block.
    ///
    /// # Errors
    /// [`ControlError::Address`] for the first account that has no proper address.
    pub fn new(genesis: &Genesis) -> Result<Self, ControlError> {
        let mut state = State::new(genesis);
        for (address, balance) in &genesis.accounts {
            let address = parse(address)?;
            state.ledger.open(address);
            state.ledger.set_balance(address, *balance);
        }
        Ok(Self {
            chain_id: genesis.chain_id.clone(),
            check: state.clone(),
            past: VecDeque::from([state.clone()]),
            state,
            history: History::default(),
            app_hash: [0; 32],
        })
    }

    /// Height of the last committed block; 0 before the first.
    pub fn height(&self) -> u64 {
        self.state.height
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// The emissions package that the chain runs.
    pub fn emissions_version(&self) -> EmissionsVersion {
        self.state.emissions.version
    }

    /// The version that the chain's program says of itself.
    pub fn version(&self) -> &'static str {
        match self.emissions_version() {
            EmissionsVersion::V9 => "v0.16.0",
            EmissionsVersion::V10 => "v0.17.0",
        }
    }

    /// The price of gas.
    pub fn gas_price(&self) -> GasPrice {
        self.state.gas_price
    }

    /// Number and sequence that the next signature of an account needs, its transactions in the
    /// mempool counted.
    pub fn next_signature(&self, address: &str) -> Result<(u64, u64), ControlError> {
        let account = self.check.ledger.account(parse(address)?);
        let account = account.ok_or_else(|| ControlError::Address(address.into()))?;
        Ok((account.number, account.sequence))
    }

    /// CheckTx for a new transaction. With code 0 its fee and sequence are taken in the check state.
    pub fn check_tx(&mut self, tx: &[u8]) -> ExecTxResult {
        self.run_check(tx, Mode::Check)
    }

    /// CheckTx for a transaction that stayed in the mempool over a block.
    pub fn recheck_tx(&mut self, tx: &[u8]) -> ExecTxResult {
        self.run_check(tx, Mode::Recheck)
    }

    fn run_check(&mut self, tx: &[u8], mode: Mode) -> ExecTxResult {
        let (chain_id, height) = (&self.chain_id, self.check.height);
        let environment = Environment { chain_id, height, uptime: Uptime::Running, mode };
        execute::run(&mut self.check, tx, environment)
    }

    /// What a node says of a new transaction. It changes nothing here.
    pub fn check_tx_from(&self, standpoint: Standpoint<'_>, tx: &[u8]) -> ExecTxResult {
        self.try_from(standpoint, tx, Mode::Check)
    }

    /// What a transaction would do in the check state, which stays as it is.
    pub fn simulate(&self, tx: &[u8]) -> ExecTxResult {
        self.simulate_from(self.standpoint(), tx)
    }

    /// The same for the check state of a node.
    pub fn simulate_from(&self, standpoint: Standpoint<'_>, tx: &[u8]) -> ExecTxResult {
        self.try_from(standpoint, tx, Mode::Simulate)
    }

    fn try_from(&self, standpoint: Standpoint<'_>, tx: &[u8], mode: Mode) -> ExecTxResult {
        let newest = standpoint.height == self.state.height;
        let old = if newest { None } else { self.state_at(standpoint.height) };
        let mut state = old.unwrap_or(&self.check).clone();
        if self.is_missed(standpoint) {
            state.ledger = Ledger::default();
        }
        execute::run(&mut state, tx, standpoint.environment(mode))
    }

    /// What the validator itself knows.
    fn standpoint(&self) -> Standpoint<'_> {
        Standpoint {
            chain_id: &self.chain_id,
            height: self.state.height,
            uptime: Uptime::Running,
            catching_up: false,
            no_grpc: false,
        }
    }

    /// Executes and commits the next block. Afterwards the check state is the committed one: the
    /// mempool must recheck what it still holds.
    pub fn finalize_block(&mut self, time: OffsetDateTime, txs: Vec<Vec<u8>>) -> FinalizedBlock {
        let height = self.state.height + 1;
        self.state.height = height;
        self.state.time = time;
        self.state.block_gas = 0;
        let mut digest = Sha256::new_with_prefix(self.app_hash);
        let mut done = Vec::with_capacity(txs.len());
        for tx in txs {
            let result = self.deliver(height, time, &tx);
            digest.update(&tx);
            digest.update(result.code.to_be_bytes());
            done.push((tx, result));
        }
        let mut events = vec![];
        self.state.emissions.end_block(height, &mut self.state.ledger, &mut events);
        for event in &mut events {
            event.attributes.push(("mode".into(), "EndBlock".into()));
        }
        digest.update(height.to_be_bytes());
        self.app_hash = digest.finalize().into();
        self.check = self.state.clone();
        self.past.push_back(self.state.clone());
        if self.past.len() > KEPT_STATES {
            self.past.pop_front();
        }
        FinalizedBlock { height, time, txs: done, events, app_hash: self.app_hash.to_vec() }
    }

    /// Executes a transaction in the block and remembers it.
    fn deliver(&mut self, height: u64, time: OffsetDateTime, bytes: &[u8]) -> ExecTxResult {
        let before = self.state.clone();
        let uptime = Uptime::Running;
        let environment = Environment { chain_id: &self.chain_id, height, uptime, mode: Mode::Deliver };
        let result = execute::run(&mut self.state, bytes, environment);
        self.state.block_gas = self.state.block_gas.saturating_add(result.gas_used);
        let hash = TxHash::of(bytes);
        let signers =
            Tx::decode(bytes, self.state.emissions.version).map(|tx| tx.signers).unwrap_or_default();
        for signer in signers {
            let fee = before.ledger.balance(signer).saturating_sub(self.state.ledger.balance(signer));
            if fee > 0 {
                let payment = Payment { tx_hash: hash.to_string(), height, fee, code: result.code };
                self.history.push_payment(signer, payment);
            }
        }
        let delivered = Delivered { height, time, bytes: bytes.to_vec(), result: result.clone() };
        self.history.push_delivered(hash, delivered);
        result
    }

    /// Answers a gRPC method. `height` 0 is the last committed state.
    pub fn query(&self, path: &str, data: &[u8], height: i64) -> QueryResponse {
        self.query_from(self.standpoint(), path, data, height)
    }

    /// What a node answers. `height` 0 is the last state that it has.
    pub fn query_from(
        &self,
        standpoint: Standpoint<'_>,
        path: &str,
        data: &[u8],
        height: i64,
    ) -> QueryResponse {
        let refuse = |error: AbciError, height: u64| QueryResponse {
            code: error.code,
            codespace: error.codespace.into(),
            log: error.log,
            value: None,
            height,
        };
        let state = self.asked_state(standpoint, height);
        let answer = self.dispatch(standpoint, path, data, state.as_ref().unwrap_or(&&self.state));
        match (answer, state) {
            (Ok(value), Ok(state)) => {
                QueryResponse { value: Some(value), height: state.height, ..QueryResponse::default() }
            }
            // No module was reached, so no height was read, nor looked at.
            (Err(error), _) if Some(&error) == unknown_path().err().as_ref() => refuse(error, 0),
            (Err(error), Ok(state)) => refuse(error, state.height),
            (_, Err(error)) => refuse(error, 0),
        }
    }

    /// Asks the module that has a path.
    fn dispatch(&self, standpoint: Standpoint<'_>, path: &str, data: &[u8], state: &State) -> Answer {
        match path {
            "" => return Err(sdk::UNKNOWN_REQUEST.wrap("no query path provided")),
            BROADCAST_TX => return Err(sdk::INVALID_REQUEST.wrap("can't route a broadcast tx message")),
            _ => {}
        }
        let names = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
        let Some((service, method)) = names else { return unknown_path() };
        let is_there = standpoint.uptime != Uptime::Starting && !standpoint.no_grpc;
        match (node_service::has(service), is_there) {
            (true, true) => self.node_query(standpoint, service, method, data, state),
            (true, false) => unknown_path(),
            (false, _) => state.query(service, method, data),
        }
    }

    /// Whether a node has no block of a chain that has some: not even what the chain began with is there.
    fn is_missed(&self, standpoint: Standpoint<'_>) -> bool {
        standpoint.height == 0 && self.state.height > 0
    }

    /// The state of a height that is asked for.
    fn asked_state(&self, standpoint: Standpoint<'_>, height: i64) -> Result<&State, AbciError> {
        let asked = u64::try_from(height).map_err(|_| {
            sdk::INVALID_REQUEST.wrap("cannot query with height < 0; please provide a valid height")
        })?;
        let head = standpoint.height;
        if self.is_missed(standpoint) {
            let text = "AlloraApp is not ready; please wait for first block";
            return Err(sdk::INVALID_HEIGHT.wrap(text));
        }
        if asked > head {
            let text = "cannot query with height in the future; please provide a valid height";
            return Err(sdk::INVALID_HEIGHT.wrap(text));
        }
        self.state_at(if asked == 0 { head } else { asked }).ok_or_else(|| {
            sdk::INVALID_REQUEST.wrap(format!(
                "failed to load state at height {asked}; version mismatch on immutable IAVL tree; version does not \
                 exist. Version has either been pruned, or is for a future block height (latest height: {head})"
            ))
        })
    }

    /// Whether there is a service of this name, such as `cosmos.auth.v1beta1.Query`.
    pub fn has_service(&self, service: &str) -> bool {
        node_service::has(service) || self.state.has_service(service)
    }

    /// A committed state.
    fn state_at(&self, height: u64) -> Option<&State> {
        let first = self.past.front()?.height;
        self.past.get(usize::try_from(height.checked_sub(first)?).ok()?)
    }

    /// A transaction that is in a block. The last 10,000 are kept, 64 MiB of them at most.
    pub fn delivered(&self, hash: &TxHash) -> Option<&Delivered> {
        self.history.delivered(hash)
    }

    /// Transactions that took something from an account, oldest first. The last 100,000 of all
    /// accounts together are kept.
    pub fn payments(&self, address: &str) -> Result<Vec<Payment>, ControlError> {
        let address = parse(address)?;
        Ok(self.history.payments(address).cloned().collect())
    }

    /// The validator starts again: what its mempool held has left no trace.
    pub fn restart(&mut self) {
        self.check = self.state.clone();
    }

    /// From now on another version of the emissions module runs; the state is kept. It answers for the
    /// states of the past too.
    pub fn upgrade(&mut self, version: EmissionsVersion) {
        for state in self.past.iter_mut().chain([&mut self.state, &mut self.check]) {
            state.emissions.version = version;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
