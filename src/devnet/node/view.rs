//! The chain as an endpoint shows it.

use std::sync::Arc;

use super::{
    Node,
    block::{Block, Hash},
    block_proto,
    faults::{Faults, Outlook},
    follower::{Follower, FollowerId},
    mempool::Refused,
    order::Ending,
    rpc::jsonrpc::RpcError,
};
use crate::devnet::{
    abci::{ExecTxResult, QueryResponse},
    app::{Standpoint, Uptime},
};

/// What one call sees: the newest state, or an old one at a node that is behind.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// What the followers have in common.
    pub node: &'a mut Node,
    follower: FollowerId,
    /// Chain id that it says.
    pub chain_id: String,
    /// Height of the last block that it shows.
    pub head: u64,
    /// Blocks that it claims on top of that.
    ahead: u64,
    /// Whether it says that it catches up.
    pub catching_up: bool,
    /// Whether gRPC and REST are off, and with them the services of the node.
    no_grpc: bool,
    /// Whether it keeps no index of transactions and blocks.
    no_index: bool,
    /// Whether its mempool takes nothing.
    mempool_full: bool,
}

impl<'a> View<'a> {
    /// `None` when the endpoint has been removed.
    pub fn new(node: &'a mut Node, follower: FollowerId, outlook: Outlook) -> Option<Self> {
        let latest = node.app.height();
        let head = node.followers.get(&follower)?.head(outlook, latest);
        let chain_id =
            if outlook.wrong_chain_id { format!("{}-other", node.chain_id) } else { node.chain_id.clone() };
        // A node that has no block yet says that it catches up.
        let (catching_up, ahead) = (outlook.catching_up || head == 0, outlook.ahead.into());
        let Outlook { no_grpc, no_index, mempool_full, .. } = outlook;
        Some(Self { node, follower, chain_id, head, ahead, catching_up, no_grpc, no_index, mempool_full })
    }

    /// A height as it says it.
    pub fn claimed(&self, height: u64) -> String {
        (height + self.ahead).to_string()
    }

    /// Refuses to look for `what` where it is not indexed, in CometBFT's words.
    pub fn check_index(&self, what: &str) -> Result<(), RpcError> {
        if self.no_index { Err(RpcError::Internal(format!("{what} indexing is disabled"))) } else { Ok(()) }
    }

    /// What goes wrong at this endpoint.
    pub fn faults(&self) -> Faults {
        self.follower().map(|follower| follower.faults.clone()).unwrap_or_default()
    }

    /// Restarts the node behind this endpoint.
    pub fn restart(&mut self, ending: Ending) {
        self.node.restart(self.follower, ending, None);
    }

    /// Where it listens.
    pub fn rpc_address(&self) -> &str {
        self.follower().map_or("", |follower| &follower.rpc_address)
    }

    fn follower(&self) -> Option<&Follower> {
        self.node.followers.get(&self.follower)
    }

    /// The newest block.
    pub fn latest(&self) -> Option<&Arc<Block>> {
        self.node.blocks.at(self.head)
    }

    /// The oldest block that is still there.
    pub fn earliest(&self) -> Option<&Arc<Block>> {
        self.node.blocks.earliest().filter(|block| block.header.height <= self.head)
    }

    /// The block of a height.
    pub fn at(&self, height: u64) -> Option<&Arc<Block>> {
        self.node.blocks.at(height).filter(|_| height <= self.head)
    }

    /// The block with this hash.
    pub fn by_hash(&self, hash: Hash) -> Option<&Arc<Block>> {
        self.node.blocks.by_hash(hash).filter(|block| block.header.height <= self.head)
    }

    /// The block that holds a transaction, and its index there.
    pub fn tx(&self, hash: Hash) -> Option<(&Arc<Block>, usize)> {
        self.node.blocks.tx(hash).filter(|(block, _)| block.header.height <= self.head)
    }

    /// All blocks, oldest first.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Arc<Block>> {
        self.node.blocks.iter().filter(|block| block.header.height <= self.head)
    }

    /// Answers a gRPC method.
    pub fn query(&mut self, path: &str, data: &[u8], height: i64) -> QueryResponse {
        let mut answer = self.node.app.query_from(self.standpoint(), path, data, height);
        answer.value = answer.value.map(|value| block_proto::whole(self, path, value));
        // The services of a node that has just started are there once they have been missed.
        if answer.log.starts_with("unknown query path") {
            self.register_services();
        }
        answer
    }

    /// From now on a node that has just started has the services that are its own.
    pub fn register_services(&mut self) {
        if let Some(follower) = self.node.followers.get_mut(&self.follower)
            && follower.uptime == Uptime::Starting
        {
            follower.uptime = Uptime::JustStarted;
        }
    }

    /// What CheckTx says here; nothing else comes of it.
    pub fn check_tx(&self, tx: &[u8]) -> ExecTxResult {
        self.node.app.check_tx_from(self.standpoint(), tx)
    }

    /// CheckTx, here and then at the validator. A follower that takes what the validator does not
    /// has said code 0 for a transaction that never comes into a block.
    pub fn broadcast_tx(&mut self, tx: Vec<u8>) -> Result<ExecTxResult, Refused> {
        if self.mempool_full {
            return Err(Refused::full());
        }
        if !self.is_current() {
            let checked = self.check_tx(&tx);
            if checked.code != 0 {
                return Ok(checked);
            }
            self.node.broadcast_tx(tx)?;
            return Ok(checked);
        }
        self.node.broadcast_tx(tx)
    }

    /// Whether it sees all that the validator sees.
    fn is_current(&self) -> bool {
        self.head == self.node.app.height()
            && self.chain_id == self.node.chain_id
            && self.uptime() == Uptime::Running
    }

    fn uptime(&self) -> Uptime {
        self.follower().map_or(Uptime::Running, |follower| follower.uptime)
    }

    fn standpoint(&self) -> Standpoint<'_> {
        let Self { head, catching_up, no_grpc, .. } = *self;
        Standpoint { chain_id: &self.chain_id, height: head, uptime: self.uptime(), catching_up, no_grpc }
    }
}
