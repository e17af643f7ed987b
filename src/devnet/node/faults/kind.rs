//! What can go wrong with a call, as JSON has it and as the reference page tells it.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::devnet::node::order::Ending;

/// What becomes of a call. [`FaultKind::MEANINGS`] has the exact words.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// An error of JSON-RPC instead of the result.
    Error,
    /// A late answer.
    Delay {
        /// How late, at most an hour.
        #[serde(rename = "seconds", deserialize_with = "seconds")]
        time: Duration,
    },
    /// Lost on the way there.
    DropRequest,
    /// Lost on the way back.
    DropReply,
    /// A proxy's refusal.
    HttpStatus {
        /// From 200 to 599.
        status: u16,
    },
    /// A proxy's page.
    Html,
    /// An answer that cannot be read.
    Garbage,
    /// No answer and no end.
    HalfOpen,
    /// A refusal by CheckTx.
    CheckCode {
        /// Not 0.
        code: u32,
        /// `sdk`, `emissions`, ...
        codespace: String,
    },
    /// Refusals of a node whose mempool is full.
    MempoolFull,
    /// Answers of a node that is behind.
    Lag {
        /// How far, at most 900.
        blocks: u64,
    },
    /// Heights that the chain has not reached.
    Ahead {
        /// How many too many.
        blocks: u32,
    },
    /// Answers of a node of another chain.
    WrongChainId,
    /// Answers of a node that has just begun to follow the chain.
    CatchingUp,
    /// Answers of a node that has no block yet.
    NoBlock,
    /// Answers of a node whose gRPC and REST are off.
    NoGrpc,
    /// Answers of a node that keeps no index of transactions and blocks.
    NoIndex,
    /// A websocket that says everything again and again.
    Flood {
        /// How often each frame is sent, from 2 to 100,000.
        frames: u32,
    },
    /// The node stops in order and starts again, once and now.
    Restart,
    /// The node is killed and starts again, once and now.
    Crash,
    /// The validator is killed in the middle of a block, which it replays when it starts again, once and now.
    CrashInBlock,
}

impl FaultKind {
    /// How the node ends, if it does so at once.
    pub(in crate::devnet) fn ending(&self) -> Option<Ending> {
        match self {
            Self::Restart => Some(Ending::InOrder),
            Self::Crash => Some(Ending::Killed),
            Self::CrashInBlock => Some(Ending::KilledInBlock),
            _ => None,
        }
    }

    /// Each kind as JSON has it, with its fields and what it does: the table of the reference page.
    pub const MEANINGS: &[(&str, &[&str], &str)] = &[
        (
            "error",
            &[],
            "not acted on; error -32603 of JSON-RPC. Instead of an `event`, its subscription is cancelled with the \
             words for a client that is too slow, and the connection stays",
        ),
        ("delay", &["seconds"], "acted on at once, answered so much later"),
        ("drop_request", &[], "not acted on; the connection is closed without an answer"),
        ("drop_reply", &[], "acted on; the connection is closed without an answer"),
        (
            "http_status",
            &["status"],
            "not acted on; a short text with this status from 200 to 599, and `Retry-After: 1` for 429 and 503. \
             A websocket that is open is closed",
        ),
        ("html", &[], "not acted on; a page of HTML with status 200"),
        ("garbage", &[], "acted on; status 200 with bytes that are not JSON"),
        (
            "half_open",
            &[],
            "not acted on; the connection stays open and nothing comes over it any more. While a fault of `*` \
             or `event` is in force, websockets that are open fall silent too",
        ),
        (
            "check_code",
            &["code", "codespace"],
            "not acted on; CheckTx refuses the transaction with this code. Hits `broadcast_tx_sync`, \
             `broadcast_tx_async` and `check_tx` only",
        ),
        (
            "mempool_full",
            &[],
            "answered by a node whose mempool has no room: error -32603 of JSON-RPC, `mempool is full`; over gRPC sdk 20. \
             Hits `broadcast_tx_sync` and `broadcast_tx_async` only",
        ),
        (
            "lag",
            &["blocks"],
            "answered by a node that is so many blocks behind, from 1 to 900: heights, states, CheckTx and Simulate \
             are those of then. A transaction that only such a node takes is answered with code 0 and comes into no \
             block. While a fault of `*` or `event` is in force, subscriptions hear of blocks so much later; a larger \
             lag tells of blocks again",
        ),
        (
            "ahead",
            &["blocks"],
            "answered by a node that is wrong about itself: `status` and `abci_query` name a height that is so many \
             blocks too high. Blocks, states and subscriptions are as they should be",
        ),
        (
            "wrong_chain_id",
            &[],
            "answered by a node of another chain: `status`, `genesis` and node info say so, and CheckTx holds \
             signatures to it",
        ),
        (
            "catching_up",
            &[],
            "answered by a node that says `catching_up` and begins 100 blocks behind. While a fault of `*` or `event` \
             is in force it takes 5 blocks with each block of the chain, and subscriptions hear of all of them",
        ),
        (
            "no_block",
            &[],
            "answered by a node that has just been set up: `status` says height 0 and `catching_up`, there are no \
             blocks, every query is refused with sdk 26 `please wait for first block`, and CheckTx knows no account",
        ),
        (
            "no_grpc",
            &[],
            "answered by a node whose gRPC and REST are off: Simulate and the other services of the node are unknown \
             query paths, those of the modules are there; with `*` its gRPC port refuses connections",
        ),
        (
            "no_index",
            &[],
            "answered by a node that keeps no index: `tx`, `tx_search` and `block_search` say that it is disabled",
        ),
        (
            "flood",
            &["frames"],
            "a frame that a subscription sends is sent so many times, from 2 to 100000. Hits those only, as `*` or \
             `event`",
        ),
        (
            "restart",
            &[],
            "once and now, without `method` and `times`: subscribers are told, all connections are cut, and new ones \
             are refused for a block time, a second at most. Until the next block CheckTx takes account numbers for 0 \
             (sdk 4) and Simulate the height; at first Simulate is an unknown query path. The node of the first \
             endpoint is the validator: it makes no block meanwhile and forgets its mempool",
        ),
        ("crash", &[], "as `restart`, by SIGKILL: subscribers are told nothing"),
        (
            "crash_in_block",
            &[],
            "as `crash`, just after the validator has written the next block, with what waits for one: it executes \
             the block as it starts again, and tells no subscriber of it. At another endpoint as `crash`",
        ),
    ];
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?)
        .map_err(|error| serde::de::Error::custom(format!("seconds: {error}")))
}
