//! From where the chain is looked at: a node may be behind, have just started, or follow another chain.

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

/// What a transaction is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A new transaction for the mempool.
    Check,
    /// One that stayed in the mempool over a block: its signature is known to be right.
    Recheck,
    /// What would it do? No fee is taken, no signature verified, no gas limit holds.
    Simulate,
    /// In a block.
    Deliver,
}

/// What the node knows of itself while a transaction runs.
#[derive(Debug, Clone, Copy)]
pub struct Environment<'a> {
    /// Chain id that signatures cover.
    pub chain_id: &'a str,
    /// Height that the transaction sees; 0 in the check state of a node that has just started.
    pub height: u64,
    /// Whether account numbers count.
    pub uptime: Uptime,
    /// Why the transaction runs.
    pub mode: Mode,
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
