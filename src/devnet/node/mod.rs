//! The node: one validator that owns the application, the mempool and the blocks.
//!
//! Plain and synchronous; `thread` gives it a thread and keeps its clock.
//!
//! | file | noun |
//! |---|---|
//! | `thread` | the thread that owns the node |
//! | `mempool` | transactions that wait |
//! | `block`, `block_store` | blocks, and those that are kept |
//! | `event_bus`, `query_language` | who hears of what |
//! | `rpc` | the door: JSON-RPC over HTTP and websocket, and its faults |
//! | `cometbft_json` | CometBFT's JSON of all that |
//! | `control`, `submit_as` | the methods that steer the chain |

mod block;
mod block_store;
mod cometbft_json;
pub(super) mod control;
mod event_bus;
mod mempool;
mod query_language;
pub(super) mod rpc;
pub(super) mod submit_as;
pub(super) mod thread;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use self::{
    block::{Block, Hash},
    block_store::BlockStore,
    event_bus::EventBus,
    mempool::{Mempool, Refused},
    query_language::Attributes,
    rpc::faults::Faults,
};
use super::{
    Account,
    abci::{Event, ExecTxResult},
    app::App,
    options::BlockTime,
};

/// Bytes of transactions in one block; the public networks' consensus parameter.
const MAX_BLOCK_BYTES: usize = 22_020_096;

/// Everything that the chain knows.
#[derive(Debug)]
pub(super) struct Node {
    /// Genesis' chain id.
    chain_id: String,
    /// When it was started.
    genesis_time: OffsetDateTime,
    /// Where `status` says that it listens.
    rpc_address: String,
    /// The funded accounts, with their keys.
    accounts: Vec<Account>,
    pub app: App,
    mempool: Mempool,
    blocks: BlockStore,
    events: EventBus,
    clock: Clock,
    /// What goes wrong with calls.
    pub faults: Faults,
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

    /// Sets the next tick after one; a node that was late does not try to catch up.
    fn advance(&mut self) {
        if let (BlockTime::Every(interval), Some(due)) = (self.block_time, self.due) {
            self.due = Some((due + interval).max(Instant::now()));
        }
    }
}

impl Node {
    /// A node before its first block.
    pub fn new(accounts: Vec<Account>, rpc_address: String, app: App, block_time: BlockTime) -> Self {
        let mut clock = Clock::new(block_time);
        // The first block at once: before it a node has little to say.
        clock.due = clock.due.map(|_| Instant::now());
        Self {
            chain_id: app.chain_id().into(),
            accounts,
            genesis_time: OffsetDateTime::now_utc(),
            rpc_address,
            app,
            mempool: Mempool::default(),
            blocks: BlockStore::default(),
            events: EventBus::default(),
            clock,
            faults: Faults::default(),
        }
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

    /// Executes and commits the next block, then tells of it: who hears of a block can read its
    /// state.
    fn produce_block(&mut self) {
        let previous = self.blocks.latest().cloned();
        let now = OffsetDateTime::now_utc();
        // Time never stands still from block to block, even when many are made at once.
        let time =
            previous.as_ref().map_or(now, |block| now.max(block.header.time + Duration::from_millis(1)));
        let txs = self.mempool.reap(MAX_BLOCK_BYTES);
        let executed = self.app.finalize_block(time, txs);
        for (tx, _) in executed.txs.iter().filter(|(_, result)| result.code != 0) {
            self.mempool.forget(tx);
        }
        let Self { mempool, app, .. } = self;
        mempool.recheck(|tx| app.recheck_tx(tx).code == 0);
        let block = Arc::new(Block::new(&self.chain_id, previous.as_deref(), executed));
        self.blocks.push(Arc::clone(&block));
        self.publish(&block);
    }

    fn publish(&mut self, block: &Block) {
        let flat = block_attributes(&block.executed.events);
        self.events.publish(&with_event(flat.clone(), "NewBlock"), || cometbft_json::new_block_event(block));
        self.events.publish(&with_event(Attributes::new(), "NewBlockHeader"), || {
            cometbft_json::new_block_header_event(block)
        });
        self.events
            .publish(&with_event(flat, "NewBlockEvents"), || cometbft_json::new_block_events_event(block));
        for index in 0..block.executed.txs.len() {
            self.events.publish(&tx_attributes(block, index), || cometbft_json::tx_event(block, index));
        }
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
