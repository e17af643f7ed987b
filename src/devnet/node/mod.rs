//! The node: one validator that owns the application, the mempool and the blocks.
//!
//! Plain and synchronous; `thread` gives it a thread and keeps its clock.
//!
//! | file | noun |
//! |---|---|
//! | `thread` | the thread that owns the node |
//! | `mempool` | transactions that wait |
//! | `block`, `block_store`, `block_proto` | blocks, those that are kept, and as gRPC has them |
//! | `follower`, `view` | the node behind an endpoint, and what it shows, which may be old |
//! | `event_bus`, `query_language` | who hears of what |
//! | `order` | what an endpoint is told to do |
//! | `faults` | what goes wrong at an endpoint on request |
//! | `rpc` | the door: JSON-RPC over HTTP and websocket |
//! | `grpc` | the other door, to the same queries |
//! | `cometbft_json` | CometBFT's JSON of all that |
//! | `control`, `submit_as` | the methods that steer the chain |

mod block;
mod block_proto;
mod block_store;
mod cometbft_json;
pub(super) mod control;
mod event_bus;
pub(super) mod faults;
#[cfg(test)]
mod fidelity;
pub(super) mod follower;
mod grpc;
mod mempool;
pub(super) mod order;
mod query_language;
pub(super) mod rpc;
pub(super) mod submit_as;
pub(super) mod thread;
mod view;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio::sync::mpsc::UnboundedSender;

use self::{
    block::{Block, Hash},
    block_store::BlockStore,
    event_bus::EventBus,
    faults::Faults,
    follower::{Follower, FollowerId},
    mempool::{Mempool, Refused},
    order::{Done, Ending, Order},
    query_language::Attributes,
};
use super::{
    Account,
    abci::{Event, ExecTxResult},
    app::{App, Uptime},
    options::BlockTime,
};
use crate::chain::messages::EmissionsVersion;

/// How long a node that restarts is away: a block time, a second at most, or this with blocks by hand.
const DOWN_AT_MOST: Duration = Duration::from_secs(1);
const DOWN_BY_HAND: Duration = Duration::from_millis(100);

/// Bytes of transactions in one block; the public networks' consensus parameter.
const MAX_BLOCK_BYTES: usize = 22_020_096;

/// Everything that the chain knows.
#[derive(Debug)]
pub(super) struct Node {
    /// Genesis' chain id.
    chain_id: String,
    /// The time of the first block.
    genesis_time: OffsetDateTime,
    /// The funded accounts, with their keys.
    accounts: Vec<Account>,
    pub app: App,
    mempool: Mempool,
    blocks: BlockStore,
    clock: Clock,
    /// Who serves the endpoints.
    followers: BTreeMap<FollowerId, Follower>,
    next_follower: u64,
}

/// When the next block is due.
#[derive(Debug)]
struct Clock {
    block_time: BlockTime,
    due: Option<Instant>,
}

impl Clock {
    fn new(block_time: BlockTime) -> Self {
        let due = match block_time {
            BlockTime::Every(interval) => Some(Instant::now() + interval),
            BlockTime::Manual => None,
        };
        Self { block_time, due }
    }

    /// Starts again after a pause.
    fn delay(&mut self, pause: Duration) {
        if let (BlockTime::Every(interval), Some(due)) = (self.block_time, &mut self.due) {
            *due = Instant::now() + pause + interval;
        }
    }

    /// Sets the next tick after one; a node that was late does not try to catch up.
    fn advance(&mut self) {
        if let (BlockTime::Every(interval), Some(due)) = (self.block_time, self.due) {
            self.due = Some((due + interval).max(Instant::now()));
        }
    }
}

impl Node {
    /// A node before its first block.
    pub fn new(
        accounts: Vec<Account>,
        app: App,
        block_time: BlockTime,
        genesis_time: OffsetDateTime,
    ) -> Self {
        let mut clock = Clock::new(block_time);
        // The first block at once: before it a node has little to say.
        clock.due = clock.due.map(|_| Instant::now());
        Self {
            chain_id: app.chain_id().into(),
            accounts,
            genesis_time,
            app,
            mempool: Mempool::default(),
            blocks: BlockStore::default(),
            clock,
            followers: BTreeMap::new(),
            next_follower: FollowerId::VALIDATOR.0,
        }
    }

    /// Gives a new endpoint a node of its own. The first one is the validator's.
    pub fn add_follower(
        &mut self,
        rpc_address: String,
        faults: Faults,
        orders: UnboundedSender<Order>,
    ) -> FollowerId {
        let id = FollowerId(self.next_follower);
        self.next_follower += 1;
        self.followers.insert(id, Follower::new(rpc_address, faults, orders, self.app.height()));
        id
    }

    /// Its endpoint is closed for good.
    fn remove_follower(&mut self, id: FollowerId) {
        self.followers.remove(&id);
    }

    /// Restarts the node behind an endpoint; `closed` hears when its connections are cut. The validator makes
    /// no block while it is down, and the transactions of its mempool are lost.
    pub fn restart(&mut self, id: FollowerId, ending: Ending, closed: Option<Done>) {
        let down = match self.clock.block_time {
            BlockTime::Every(interval) => interval.min(DOWN_AT_MOST),
            BlockTime::Manual => DOWN_BY_HAND,
        };
        if ending == Ending::KilledInBlock && id == FollowerId::VALIDATOR {
            let latest = self.commit_block();
            if let Some(follower) = self.followers.get_mut(&id) {
                follower.passed(latest);
            }
        }
        if let Some(follower) = self.followers.get_mut(&id) {
            follower.uptime = Uptime::Starting;
            if ending != Ending::InOrder {
                // Nobody is left to be told.
                follower.events = EventBus::default();
            }
            // Without a server there is nothing to close.
            let _ = follower.orders.send(Order::Restart { down, closed });
        }
        if id == FollowerId::VALIDATOR {
            self.app.restart();
            self.mempool = Mempool::default();
            self.clock.delay(down);
        }
    }

    /// Restarts the chain with another version of the emissions module.
    pub fn upgrade(&mut self, version: EmissionsVersion, closed: &Done) {
        self.app.upgrade(version);
        let all: Vec<_> = self.followers.keys().copied().collect();
        all.into_iter().for_each(|id| self.restart(id, Ending::InOrder, Some(closed.clone())));
    }

    /// Time until the next block; `None` when none is due by the clock.
    fn until_next_block(&self) -> Option<Duration> {
        self.clock.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Makes the block that the clock asks for.
    fn tick(&mut self) {
        self.produce_block();
        self.clock.advance();
    }

    /// From now on blocks are made at another pace.
    fn set_block_time(&mut self, block_time: BlockTime) {
        self.clock = Clock::new(block_time);
    }

    /// CheckTx, and into the mempool when it passes.
    fn broadcast_tx(&mut self, tx: Vec<u8>) -> Result<ExecTxResult, Refused> {
        self.mempool.admit(&tx)?;
        let result = self.app.check_tx(&tx);
        if result.code == 0 {
            self.mempool.push(tx);
        } else {
            self.mempool.forget(&tx);
        }
        Ok(result)
    }

    /// The transactions that wait for a block, oldest first.
    pub fn unconfirmed_txs(&self) -> Vec<Vec<u8>> {
        self.mempool.iter().cloned().collect()
    }

    /// Executes and commits the next block, then tells of it: who hears of a block can read its
    /// state.
    fn produce_block(&mut self) {
        let latest = self.commit_block();
        for follower in self.followers.values_mut() {
            for height in follower.advance(latest) {
                if let Some(block) = self.blocks.at(height) {
                    publish(&mut follower.events, block);
                }
            }
        }
    }

    /// Executes and commits the next block, and gives its height.
    fn commit_block(&mut self) -> u64 {
        let previous = self.blocks.latest().cloned();
        // Time never stands still from block to block, even when many are made at once.
        let time = previous.as_ref().map_or(self.genesis_time, |block| {
            OffsetDateTime::now_utc().max(block.header.time + Duration::from_millis(1))
        });
        let txs = self.mempool.reap(MAX_BLOCK_BYTES);
        let executed = self.app.finalize_block(time, txs);
        for (tx, _) in executed.txs.iter().filter(|(_, result)| result.code != 0) {
            self.mempool.forget(tx);
        }
        let Self { mempool, app, .. } = self;
        mempool.recheck(|tx| app.recheck_tx(tx).code == 0);
        let block = Arc::new(Block::new(&self.chain_id, previous.as_deref(), executed));
        let latest = block.header.height;
        self.blocks.push(block);
        latest
    }
}

/// Tells the subscribers of an endpoint of a block.
fn publish(events: &mut EventBus, block: &Block) {
    if events.is_empty() {
        return;
    }
    let flat = block_attributes(&block.executed.events);
    events.publish(&with_event(flat.clone(), "NewBlock"), || cometbft_json::new_block_event(block));
    events.publish(&with_event(Attributes::new(), "NewBlockHeader"), || {
        cometbft_json::new_block_header_event(block)
    });
    events.publish(&with_event(flat, "NewBlockEvents"), || cometbft_json::new_block_events_event(block));
    for index in 0..block.executed.txs.len() {
        events.publish(&tx_attributes(block, index), || cometbft_json::tx_event(block, index));
    }
}

fn with_event(mut attributes: Attributes, event: &str) -> Attributes {
    attributes.insert("tm.event".into(), vec![event.into()]);
    attributes
}

/// What queries see of a block's own events.
fn block_attributes(events: &[Event]) -> Attributes {
    let mut attributes = Attributes::new();
    for event in events {
        for (key, value) in &event.attributes {
            attributes.entry(format!("{}.{key}", event.kind)).or_default().push(value.clone());
        }
    }
    attributes
}

/// What queries see of a transaction.
fn tx_attributes(block: &Block, index: usize) -> Attributes {
    let Some((tx, result)) = block.executed.txs.get(index) else { return Attributes::new() };
    let mut attributes = with_event(block_attributes(&result.events), "Tx");
    attributes.insert("tx.hash".into(), vec![Hash::of(tx).to_string()]);
    attributes.insert("tx.height".into(), vec![block.header.height.to_string()]);
    attributes
}
