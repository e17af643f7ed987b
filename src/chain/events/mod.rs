//! The websocket: blocks, openings of windows, our own transactions.
//!
//! Events are a hint. They save polling and latency; a worker that never gets one still answers its
//! windows. Silence is an error: a connection that brings no block for a few block times, or no frame at all,
//! is replaced, and reconnecting never gives up.
//!
//! `tendermint-rpc` has a websocket client too, but it drops every frame that is neither `NewBlock` nor
//! `Tx`, and the code of a transaction that failed.

mod connection;
mod frame;
mod pulse;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::connection::{Connection, Gone};
use self::pulse::Pulse;
use super::delivered::DeliveredTx;
use super::messages::EmissionsVersion;
use super::pool::Pool;
use crate::wallet::Address;

pub use frame::{Frame, FrameError};

/// Pauses between tries, doubling.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A connection that lasted as long has worked: after it the pauses begin anew, with the best endpoint.
const STEADY: Duration = Duration::from_secs(5);
/// Events that may wait for the worker's loop. Past that the connection waits.
const QUEUE: usize = 256;

/// What the chain told us.
#[derive(Debug, Clone)]
pub enum ChainEvent {
    /// All subscriptions are in force. What happened before is not told again: query the open windows.
    Connected {
        /// The address without credentials.
        endpoint: String,
    },
    /// No events until the next `Connected`.
    Disconnected {
        /// The address without credentials.
        endpoint: String,
        /// Why.
        cause: String,
    },
    /// A block was committed.
    Block {
        /// Its height.
        height: u64,
        /// Its time.
        time: time::OffsetDateTime,
        /// The chain that it says to be of.
        chain_id: String,
    },
    /// A worker window of our topic opened at the end of block `nonce`.
    WindowOpened {
        /// The nonce: the height of the opening block.
        nonce: i64,
        /// The last block that may hold the payload.
        window_end: i64,
        /// Height of the block that brought the event.
        height: u64,
    },
    /// A transaction of our account is in a block.
    Tx(Box<DeliveredTx>),
}

/// What a worker subscribes to.
#[derive(Debug, Clone)]
pub struct Interest {
    /// The topic.
    pub topic_id: u64,
    /// The account.
    pub address: Address,
}

impl Interest {
    /// The queries, those that are missed most first. Openings are asked for by every version of the module:
    /// a chain that is upgraded while we run tells them by another name.
    fn queries(&self) -> Vec<String> {
        let opened = |version: EmissionsVersion| {
            let opened = version.event("EventWorkerSubmissionWindowOpened");
            // An attribute's text is JSON, so the number has quotes of its own.
            format!("tm.event='NewBlockEvents' AND {opened}.topic_id = '\"{}\"'", self.topic_id)
        };
        let blocks = "tm.event='NewBlockHeader'".to_owned();
        let ours = format!("tm.event='Tx' AND message.sender='{}'", self.address);
        let openings = EmissionsVersion::ALL.into_iter().map(opened);
        std::iter::once(blocks).chain(openings).chain([ours]).collect()
    }
}

/// Starts a task that keeps one subscribed connection to the best endpoint, until the receiver is dropped.
pub fn subscribe(pool: Arc<Pool>, interest: Interest) -> mpsc::Receiver<ChainEvent> {
    let (events, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(keep_subscribed(pool, interest, events));
    receiver
}

async fn keep_subscribed(pool: Arc<Pool>, interest: Interest, events: mpsc::Sender<ChainEvent>) {
    let (mut pause, mut turn) = (PAUSE.0, 0_usize);
    let mut pulse = Pulse::default();
    while !events.is_closed() {
        let ranked = pool.ranked();
        let Some(endpoint) = ranked.get(turn % ranked.len().max(1)).map(|endpoint| (*endpoint).clone())
        else {
            tokio::time::sleep(PAUSE.1).await;
            continue;
        };
        let since = Instant::now();
        pulse.starts();
        let mut connection = Connection {
            endpoint: &endpoint,
            interest: &interest,
            chain_id: pool.chain_id(),
            events: &events,
            pulse: &mut pulse,
        };
        let Err(gone) = connection.run().await;
        match &gone {
            Gone::Receiver => return,
            Gone::OtherChain(chain_id) => pool.is_on_other_chain(&endpoint, chain_id),
            _ => {}
        }
        if since.elapsed() >= STEADY {
            (pause, turn) = (PAUSE.0, 0);
        } else {
            turn = turn.wrapping_add(1);
        }
        let told = ChainEvent::Disconnected { endpoint: endpoint.to_string(), cause: gone.to_string() };
        if events.send(told).await.is_err() {
            return;
        }
        // Workers that lost one node together do not come back together.
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}
