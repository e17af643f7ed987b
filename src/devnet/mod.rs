//! A local chain that checks what a real node checks.
//!
//! A library first ([`Devnet::start`]), then the command `bootstrap devnet`, then what
//! `allora.network: devnet` starts inside `bootstrap run`.
//!
//! It may run for months: the state grows with accounts, as on a real chain, and not with time. Of
//! the past it keeps 1,000 states, 10,000 blocks and 10,000 transactions (64 MiB of each at most),
//! 100,000 payments, and for each topic 1,000 closed nonces with at most 10,000 inferences.
//!
//! | file | noun |
//! |---|---|
//! | `options`, `accounts`, [`genesis`] | what it starts from |
//! | [`app`] | what the chain executes: transactions, topics, queries |
//! | [`abci`] | how the node speaks with the application |
//! | `node` | the validator around it: mempool, blocks, JSON-RPC, gRPC, control |
//! | `config`, `endpoint` | what a client must know of it, and where it is reached |
//! | `encoding` | bytes as text |

pub mod abci;
mod accounts;
pub mod app;
mod config;
mod encoding;
mod endpoint;
pub mod genesis;
mod node;
mod options;

use std::{net::SocketAddr, thread::JoinHandle};

use time::OffsetDateTime;
use tokio::{runtime::Handle, sync::mpsc::unbounded_channel};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    accounts::Account,
    app::{ControlError, Payment, Submission},
    config::{Config, TopicConfig},
    endpoint::Endpoint,
    genesis::{TopicSpec, Whitelist},
    node::{
        faults::{Fault, FaultKind, InvalidFault},
        submit_as::{SubmitError, Submitted},
        thread::Stopped,
    },
    options::{BlockTime, CHAIN_ID, GRPC, INITIAL_BALANCE, InvalidBlockTime, InvalidOptions, Options},
};
use self::{
    app::App,
    node::{
        Node, control,
        faults::Faults,
        rpc::{
            calls::Calls,
            jsonrpc::RpcError,
            port::Port,
            server::{Ports, Server},
        },
        thread::{self, NodeHandle},
    },
};
use crate::{
    chain::{gas_price::GasPrice, messages::EmissionsVersion, payload::Inference},
    wallet::MnemonicError,
};

/// Why a local chain did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict each other; all that is wrong with them.
    #[error("the settings of the local chain are wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options(Vec<InvalidOptions>),
    /// The address cannot be taken.
    #[error("the local chain cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The system gave no thread or no event loop.
    #[error("the threads of the local chain cannot be started")]
    Threads(#[from] std::io::Error),
    /// Accounts could not be derived.
    #[error(transparent)]
    Accounts(#[from] MnemonicError),
    /// The genesis is wrong.
    #[error(transparent)]
    Genesis(#[from] ControlError),
}

/// Why a control method did nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It named something that is not there.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nothing could be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// An argument is out of range.
    #[error("{0}")]
    Invalid(String),
    /// An endpoint cannot listen.
    #[error("the endpoint cannot listen")]
    Listen(#[from] std::io::Error),
    /// The chain's thread is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// A running local chain. It has two threads of its own, so that it can be started with and without
/// an async runtime. Dropping it stops it, and its port is free then.
///
/// Its methods wait for the chain's thread: microseconds, or the execution of a block.
#[derive(Debug)]
pub struct Devnet {
    chain_id: String,
    endpoint: Endpoint,
    accounts: Vec<Account>,
    topics: Vec<TopicSpec>,
    block_time: BlockTime,
    node: Option<NodeHandle>,
    runtime: Handle,
    servers: TaskTracker,
    stopping: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Devnet {
    /// Starts a chain and returns when it listens. The first block is made at once, unless
    /// blocks are made by hand.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let problems = options.problems();
        if !problems.is_empty() {
            return Err(StartError::Options(problems));
        }
        let accounts = accounts::derive(options.accounts)?;
        let app = App::new(&options.genesis(&accounts))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let genesis_time = options.genesis_time.unwrap_or_else(OffsetDateTime::now_utc);
        let node = Node::new(accounts.clone(), app, options.block_time, genesis_time);
        let (node, node_thread) = thread::spawn(node)?;
        let (stopping, servers) = (CancellationToken::new(), TaskTracker::new());
        let endpoint = serve(options.listen, options.grpc, &node, &handle, &servers, &stopping)?;
        let (stop, ended) = (stopping.clone(), servers.clone());
        let rpc_thread = std::thread::Builder::new().name("devnet-rpc".into()).spawn(move || {
            runtime.block_on(async {
                stop.cancelled().await;
                ended.close();
                ended.wait().await;
            });
        })?;
        Ok(Self {
            endpoint,
            accounts,
            topics: options.topic_specs(),
            block_time: options.block_time,
            chain_id: options.chain_id.clone(),
            node: Some(node),
            runtime: handle,
            servers,
            stopping,
            threads: vec![rpc_thread, node_thread],
        })
    }

    /// The endpoint that it started with: the validator's own.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens a further endpoint of this chain, on a free port of the same address. It has no gRPC.
    pub fn open_endpoint(&self) -> Result<Endpoint, StartError> {
        let node = self.node.as_ref().ok_or_else(|| std::io::Error::other(Stopped))?;
        let address = SocketAddr::new(self.address().ip(), 0);
        serve(address, None, node, &self.runtime, &self.servers, &self.stopping)
    }

    /// `localnet`, or with a suffix of its own.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn rpc_url(&self) -> String {
        self.endpoint.rpc_url()
    }

    /// `ws://127.0.0.1:PORT/websocket`
    #[must_use]
    pub fn websocket_url(&self) -> String {
        self.endpoint.websocket_url()
    }

    /// `grpc+http://127.0.0.1:PORT`, if it listens there.
    #[must_use]
    pub fn grpc_url(&self) -> Option<String> {
        self.endpoint.grpc_url()
    }

    /// The funded accounts, always the same ones.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The topics, by their ids.
    #[must_use]
    pub fn topics(&self) -> &[TopicSpec] {
        &self.topics
    }

    /// The pace that it started with.
    #[must_use]
    pub fn block_time(&self) -> BlockTime {
        self.block_time
    }

    /// Whether it still works; only a fault of its own ends it before it is dropped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Height of the last block; 0 before the first.
    pub fn height(&self) -> Result<u64, CallError> {
        self.call(|node| Ok(node.app.height()))
    }

    /// Makes blocks at once, at most 10,000, and gives the new height.
    pub fn mine(&self, blocks: u64) -> Result<u64, CallError> {
        self.call(move |node| {
            control::mine(node, blocks)?;
            Ok(node.app.height())
        })
    }

    /// Changes the pace of the blocks.
    pub fn set_block_time(&self, block_time: BlockTime) -> Result<(), CallError> {
        self.call(move |node| Ok(control::set_block_time(node, block_time)?))
    }

    /// Sets a balance, in uallo.
    pub fn set_balance(&self, address: &str, amount: u128) -> Result<(), CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.app.set_balance(&address, amount)?))
    }

    /// Sets an account's sequence.
    pub fn set_sequence(&self, address: &str, sequence: u64) -> Result<(), CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.app.set_sequence(&address, sequence)?))
    }

    /// Puts a worker on a topic's whitelist or takes it off.
    pub fn set_whitelisted(&self, topic_id: u64, address: &str, whitelisted: bool) -> Result<(), CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.app.set_whitelisted(topic_id, &address, whitelisted)?))
    }

    /// Registers a worker without a transaction, or removes it.
    pub fn set_registered(&self, topic_id: u64, address: &str, registered: bool) -> Result<(), CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.app.set_registered(topic_id, &address, registered)?))
    }

    /// An inactive topic opens no windows.
    pub fn set_topic_active(&self, topic_id: u64, active: bool) -> Result<(), CallError> {
        self.call(move |node| Ok(node.app.set_topic_active(topic_id, active)?))
    }

    /// Sets the price of gas.
    pub fn set_gas_price(&self, price: GasPrice) -> Result<(), CallError> {
        self.call(move |node| {
            node.app.set_gas_price(price);
            Ok(())
        })
    }

    /// The transactions that wait for a block, oldest first.
    pub fn unconfirmed_txs(&self) -> Result<Vec<Vec<u8>>, CallError> {
        self.call(|node| Ok(node.unconfirmed_txs()))
    }

    /// Inferences that a topic took, oldest first: those of its last 1,000 nonces, about 10,000 at most.
    pub fn submissions(&self, topic_id: u64) -> Result<Vec<Submission>, CallError> {
        self.call(move |node| Ok(node.app.submissions(topic_id)?))
    }

    /// Transactions that took something from an account, oldest first, of the last 100,000 of all
    /// accounts.
    pub fn payments(&self, address: &str) -> Result<Vec<Payment>, CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.app.payments(&address)?))
    }

    /// Sends an inference of a funded account, as another program with the same key would.
    pub fn submit_as(
        &self,
        address: &str,
        topic_id: u64,
        nonce: i64,
        inference: Inference,
    ) -> Result<Submitted, CallError> {
        let address = address.to_owned();
        self.call(move |node| Ok(node.submit_as(&address, topic_id, nonce, inference)?))
    }

    /// Lets something go wrong at the first endpoint.
    pub fn fault(&self, fault: Fault) -> Result<(), CallError> {
        self.endpoint.fault(fault)
    }

    /// Nothing goes wrong any more at the first endpoint.
    pub fn clear_faults(&self) {
        self.endpoint.clear_faults();
    }

    /// Restarts the chain with another version of the emissions module. All nodes restart; the state is
    /// kept.
    pub fn upgrade(&self, version: EmissionsVersion) -> Result<(), CallError> {
        endpoint::carried_out(|closed| {
            self.call(move |node| {
                node.upgrade(version, &closed);
                Ok(())
            })
        })
    }

    fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        self.node.as_ref().ok_or(Stopped)?.run_blocking(job)?
    }
}

/// Opens an endpoint of the chain.
fn serve(
    rpc: SocketAddr,
    grpc: Option<SocketAddr>,
    node: &NodeHandle,
    runtime: &Handle,
    servers: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Endpoint, StartError> {
    let reserve = |address| Port::reserve(address).map_err(|source| StartError::Listen { address, source });
    let ports = Ports { rpc: reserve(rpc)?, grpc: grpc.map(reserve).transpose()? };
    let _entered = runtime.enter();
    let listeners = ports.listen().map_err(|source| StartError::Listen { address: rpc, source })?;
    let (address, grpc) = (ports.rpc.address(), ports.grpc.as_ref().map(Port::address));
    let (faults, calls, (orders, received)) = (Faults::default(), Calls::default(), unbounded_channel());
    let endpoint = Endpoint::new(address, grpc, faults.clone(), calls.clone(), orders.clone());
    let (of_follower, rpc_address) = (faults.clone(), format!("tcp://{address}"));
    let follower = node
        .run_blocking(move |node| node.add_follower(rpc_address, of_follower, orders))
        .map_err(std::io::Error::other)?;
    let server = Server { ports, node: node.clone(), follower, faults, calls, orders: received };
    servers.spawn_on(server.run(listeners, stopping.clone()), runtime);
    Ok(endpoint)
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.stopping.cancel();
        // The node's thread ends with its last handle: the server's is dropped with the server.
        self.node = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the local chain panicked");
            }
        }
    }
}
