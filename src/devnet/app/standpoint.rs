//! From where the chain is looked at: a node may be behind, have just started, or follow another chain.

use super::ante::{Environment, Mode};

/// How far a node has come since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uptime {
    /// The services of the node, Simulate among them, are not there yet.
    Starting,
    /// No block since the start: the check state takes itself for the genesis.
    JustStarted,
    /// There was one.
    Running,
}

/// What a node knows of itself and of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Standpoint<'a> {
    /// The chain that it takes itself for a part of.
    pub chain_id: &'a str,
    /// Its last block.
    pub height: u64,
    /// How far it has come.
    pub uptime: Uptime,
    /// Whether it says that it catches up.
    pub catching_up: bool,
    /// Whether its gRPC and REST are off.
    pub no_grpc: bool,
}

impl<'a> Standpoint<'a> {
    /// What a transaction sees in its check state.
    pub(super) fn environment(self, mode: Mode) -> Environment<'a> {
        let height = match self.uptime {
            Uptime::Starting | Uptime::JustStarted => 0,
            Uptime::Running => self.height,
        };
        Environment { chain_id: self.chain_id, height, uptime: self.uptime, mode }
    }
}
