//! Where clients reach a local chain.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    CallError, Fault, Stopped,
    node::{
        faults::Faults,
        order::{Done, Order},
        rpc::calls::Calls,
    },
};

/// How long an endpoint may take to do what it is told.
const ORDER_TIMEOUT: Duration = Duration::from_secs(60);

/// An address of JSON-RPC and websocket, and maybe one of gRPC, with a node of its own behind it that follows the
/// chain. Its faults hit nobody else. Dropping it closes it for good.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    grpc: Option<SocketAddr>,
    faults: Faults,
    calls: Calls,
    orders: UnboundedSender<Order>,
}

impl Endpoint {
    pub(super) fn new(
        address: SocketAddr,
        grpc: Option<SocketAddr>,
        faults: Faults,
        calls: Calls,
        orders: UnboundedSender<Order>,
    ) -> Self {
        Self { address, grpc, faults, calls, orders }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `ws://127.0.0.1:PORT/websocket`
    #[must_use]
    pub fn websocket_url(&self) -> String {
        format!("ws://{}/websocket", self.address)
    }

    /// `grpc+http://127.0.0.1:PORT`, if it listens there: the form that the Allora SDK for Python takes.
    #[must_use]
    pub fn grpc_url(&self) -> Option<String> {
        self.grpc.map(|address| format!("grpc+http://{address}"))
    }

    /// How often each method was called here over JSON-RPC, and each path of `abci_query`, but for `devnet_*`.
    /// Subscriptions do not count.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.so_far()
    }

    /// Lets something go wrong with the next calls; those that end the node happen at once.
    pub fn fault(&self, fault: Fault) -> Result<(), CallError> {
        match fault.kind.ending() {
            Some(ending) => self.order(|done| Order::RestartNode(ending, done)),
            None => Ok(self.faults.arm(fault)?),
        }
    }

    /// Nothing goes wrong any more. A node that was behind has caught up with the next block.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Cuts all connections; new ones are refused. Subscribers are told, as when a real node stops. The
    /// chain goes on.
    pub fn close(&self) -> Result<(), CallError> {
        self.order(Order::Close)
    }

    /// Listens again at the same address.
    pub fn open(&self) -> Result<(), CallError> {
        self.order(Order::Open)
    }

    /// Gives an order and waits until it has been carried out.
    fn order(&self, order: impl FnOnce(Done) -> Order) -> Result<(), CallError> {
        carried_out(|done| Ok(self.orders.send(order(done)).map_err(|_| Stopped)?))
    }
}

/// Gives an order and waits until all who got it have said that it is done, or have ended.
pub(super) fn carried_out(order: impl FnOnce(Done) -> Result<(), CallError>) -> Result<(), CallError> {
    let (done, results) = mpsc::channel();
    order(done)?;
    loop {
        match results.recv_timeout(ORDER_TIMEOUT) {
            Ok(result) => result?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => return Err(Stopped.into()),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // The chain may have stopped before.
        let _ = self.orders.send(Order::End);
    }
}
