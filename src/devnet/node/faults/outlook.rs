//! How a node differs from one that is up to date.

use super::kind::FaultKind;

/// The state of a node that has faults; the default is none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) struct Outlook {
    /// Blocks that it is behind.
    pub lag: u64,
    /// Blocks that it claims to be ahead.
    pub ahead: u32,
    /// Whether it catches up.
    pub catching_up: bool,
    /// Whether it has no block yet.
    pub no_block: bool,
    /// Whether it belongs to another chain.
    pub wrong_chain_id: bool,
    /// Whether its gRPC and REST are off.
    pub no_grpc: bool,
    /// Whether it keeps no index of transactions and blocks.
    pub no_index: bool,
    /// Whether its mempool takes nothing.
    pub mempool_full: bool,
}

impl Outlook {
    /// Adds a fault; false when it is none of the node's state.
    pub(super) fn take(&mut self, kind: &FaultKind) -> bool {
        match kind {
            FaultKind::Lag { blocks } => self.lag = self.lag.max(*blocks),
            FaultKind::Ahead { blocks } => self.ahead = self.ahead.max(*blocks),
            FaultKind::CatchingUp => self.catching_up = true,
            FaultKind::NoBlock => self.no_block = true,
            FaultKind::WrongChainId => self.wrong_chain_id = true,
            FaultKind::NoGrpc => self.no_grpc = true,
            FaultKind::NoIndex => self.no_index = true,
            FaultKind::MempoolFull => self.mempool_full = true,
            _ => return false,
        }
        true
    }
}
