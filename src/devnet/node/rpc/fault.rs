//! A fault: which calls it hits, and what becomes of them.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    jsonrpc::RpcError,
    methods,
    params::{Args, Kind, Param},
};
use crate::devnet::node::Ending;

/// The method that means all of them.
const ALL: &str = "*";

/// Names of what is no method but can be hit like one.
const WEBSOCKET: &str = "websocket";
const EVENT: &str = "event";

/// Methods that only a websocket has.
pub(super) const SUBSCRIPTIONS: [&str; 3] = ["subscribe", "unsubscribe", "unsubscribe_all"];

/// Methods that bring a transaction into the mempool.
const BROADCASTS: [&str; 2] = ["broadcast_tx_sync", "broadcast_tx_async"];

/// What a fault may hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Target<'a> {
    /// A call of a method; of `abci_query` with its path.
    Call { method: &'a str, path: &'a str },
    /// The handshake of `/websocket`.
    Websocket,
    /// A frame that a subscription is about to send.
    Event,
}

impl<'a> Target<'a> {
    /// A call without a path.
    pub fn call(method: &'a str) -> Self {
        Self::Call { method, path: "" }
    }
}

/// Most copies of a frame: far beyond what any client bears.
const MAX_FRAMES: u32 = 100_000;

/// Largest lag: within the states that the chain keeps, with some that may be made meanwhile.
const MAX_LAG: u64 = 900;

/// Longest delay.
const MAX_DELAY: Duration = Duration::from_secs(3600);

/// Something that goes wrong with the next calls of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Name of a method, or a path of `abci_query`; `*` is each method but `devnet_*`; `websocket` is the
    /// handshake of one, `event` a frame that a subscription sends.
    pub method: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls it hits; `None`: all until the faults are cleared.
    pub times: Option<u64>,
}

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

/// A fault that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFault {
    /// A typing error would be a fault that never strikes.
    #[error("method: no method is called `{0}`")]
    Method(String),
    /// The control methods always work: they clear the faults.
    #[error("method: `{0}` steers the chain and has no faults")]
    Control(String),
    /// It would hit nothing.
    #[error("times must be at least 1")]
    Times,
    /// Not a final answer of HTTP.
    #[error("status must be from 200 to 599")]
    Status,
    /// Longer than any test.
    #[error("seconds must be at most 3600")]
    Delay,
    /// A state that is not kept any more.
    #[error("blocks must be from 1 to 900")]
    Lag,
    /// One copy is no flood.
    #[error("frames must be from 2 to 100000")]
    Frames,
    /// 0 is no refusal.
    #[error("code must not be 0")]
    Code,
}

impl Fault {
    /// A fault of every method, until it is cleared.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { method: ALL.into(), kind, times: None }
    }

    /// Only the calls of one method.
    #[must_use]
    pub fn on(self, method: impl Into<String>) -> Self {
        Self { method: method.into(), ..self }
    }

    /// Only the next calls, so many of them.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The parameters of `devnet_fault`, in order.
    pub(in crate::devnet::node) const PARAMS: &[Param] = &[
        ("method", Kind::Json),
        ("kind", Kind::Json),
        ("times", Kind::Json),
        ("seconds", Kind::Json),
        ("status", Kind::Json),
        ("code", Kind::Json),
        ("codespace", Kind::Json),
        ("blocks", Kind::Json),
        ("frames", Kind::Json),
    ];

    /// What a call of `devnet_fault` asks for.
    pub(in crate::devnet::node) fn from_args(args: &Args) -> Result<Self, RpcError> {
        let given = Self::PARAMS.iter().filter_map(|(name, _)| {
            let value = args.json(name);
            (!value.is_null()).then(|| ((*name).to_owned(), value.clone()))
        });
        let given = Value::Object(given.collect());
        let invalid = |error: serde_json::Error| RpcError::InvalidParams(error.to_string());
        let kind = FaultKind::deserialize(&given).map_err(invalid)?;
        if kind.ending().is_some() {
            return Ok(Self::new(kind));
        }
        let Calls { method, times } = Calls::deserialize(&given).map_err(invalid)?;
        Ok(Self { method, kind, times })
    }

    /// Whether it can strike at all.
    pub(super) fn validate(&self) -> Result<(), InvalidFault> {
        let method = self.method.as_str();
        if method.starts_with("devnet_") {
            return Err(InvalidFault::Control(method.into()));
        }
        let beside = [ALL, WEBSOCKET, EVENT].contains(&method) || SUBSCRIPTIONS.contains(&method);
        if !beside && !method.starts_with('/') && methods::find(method).is_none() {
            return Err(InvalidFault::Method(method.chars().take(60).collect()));
        }
        if self.times == Some(0) {
            return Err(InvalidFault::Times);
        }
        match &self.kind {
            FaultKind::HttpStatus { status } if !(200..600).contains(status) => Err(InvalidFault::Status),
            FaultKind::Delay { time } if *time > MAX_DELAY => Err(InvalidFault::Delay),
            FaultKind::CheckCode { code: 0, .. } => Err(InvalidFault::Code),
            FaultKind::Lag { blocks } if !(1..=MAX_LAG).contains(blocks) => Err(InvalidFault::Lag),
            FaultKind::Flood { frames } if !(2..=MAX_FRAMES).contains(frames) => Err(InvalidFault::Frames),
            _ => Ok(()),
        }
    }

    /// Whether it strikes what subscriptions send by themselves.
    pub(super) fn is_of_frames(&self) -> bool {
        [ALL, EVENT].contains(&self.method.as_str())
    }

    /// Whether it strikes this.
    pub(super) fn hits(&self, target: Target<'_>) -> bool {
        let all = self.method == ALL;
        match (target, &self.kind) {
            (Target::Call { method, .. }, FaultKind::CheckCode { .. }) => {
                let sends = BROADCASTS.contains(&method) || method == "check_tx";
                sends && (all || self.method == method)
            }
            (Target::Call { method, .. }, FaultKind::MempoolFull) => {
                BROADCASTS.contains(&method) && (all || self.method == method)
            }
            (Target::Event, FaultKind::Flood { .. }) => self.is_of_frames(),
            (_, FaultKind::CheckCode { .. } | FaultKind::MempoolFull | FaultKind::Flood { .. }) => false,
            (Target::Call { method, path }, _) => all || self.method == method || self.method == path,
            (Target::Websocket, _) => all || self.method == WEBSOCKET,
            // Frames come by themselves, so that a test could not say which call is the next. Only a
            // connection that has gone silent takes them with it.
            (Target::Event, FaultKind::HalfOpen) => self.is_of_frames(),
            (
                Target::Event,
                FaultKind::Lag { .. }
                | FaultKind::Ahead { .. }
                | FaultKind::CatchingUp
                | FaultKind::WrongChainId
                | FaultKind::NoGrpc
                | FaultKind::NoIndex,
            ) => false,
            (Target::Event, _) => self.method == EVENT,
        }
    }
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

/// The part of the parameters that all kinds have.
#[derive(Deserialize)]
struct Calls {
    method: String,
    times: Option<u64>,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?)
        .map_err(|error| serde::de::Error::custom(format!("seconds: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(params: &Value) -> Result<Fault, String> {
        let args = Args::from_json(Fault::PARAMS, params).map_err(|error| error.to_string())?;
        Fault::from_args(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_of_the_table_can_be_asked_for_and_needs_its_fields() {
        let values =
            json!({"seconds": 0.5, "status": 503, "code": 13, "codespace": "sdk", "blocks": 3, "frames": 9});
        for (kind, fields, _) in FaultKind::MEANINGS {
            let mut params = json!({"method": "*", "kind": kind});
            for field in *fields {
                let error = parse(&params).unwrap_err();
                assert!(error.contains(&format!("`{field}`")), "{kind}: {error}");
                params[field] = values[field].clone();
            }
            parse(&params).unwrap().validate().unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (params, text) in [
            (json!({"method": "*", "kind": "explode"}), "unknown variant `explode`"),
            (json!({"method": "*"}), "missing field `kind`"),
            (json!({"kind": "error"}), "missing field `method`"),
            (json!({"method": "*", "kind": "delay", "seconds": -1}), "seconds: "),
            (json!({"method": "*", "kind": "error", "times": "3"}), "expected u64"),
        ] {
            let error = parse(&params).unwrap_err();
            assert!(error.contains(text), "{params}: {error}");
        }
        let error = FaultKind::Error;
        for (fault, why) in [
            (Fault::new(error.clone()).on("sttus"), InvalidFault::Method("sttus".into())),
            (Fault::new(error.clone()).on("devnet_mine"), InvalidFault::Control("devnet_mine".into())),
            (Fault::new(error).times(0), InvalidFault::Times),
            (Fault::new(FaultKind::HttpStatus { status: 101 }), InvalidFault::Status),
            (Fault::new(FaultKind::Delay { time: MAX_DELAY * 2 }), InvalidFault::Delay),
            (Fault::new(FaultKind::CheckCode { code: 0, codespace: "sdk".into() }), InvalidFault::Code),
            (Fault::new(FaultKind::Flood { frames: 1 }), InvalidFault::Frames),
        ] {
            assert_eq!(fault.validate(), Err(why));
        }
    }

    #[test]
    fn a_star_means_calls_and_frames_only_when_the_connection_is_dead() {
        let (error, dead) = (Fault::new(FaultKind::Error), Fault::new(FaultKind::HalfOpen));
        let (status, subscribe) = (Target::call("status"), Target::call("subscribe"));
        assert!(error.hits(status) && error.hits(subscribe) && error.hits(Target::Websocket));
        assert!(!error.hits(Target::Event) && dead.hits(Target::Event));
        assert!(error.clone().on("event").hits(Target::Event) && !error.clone().on("status").hits(subscribe));
        assert!(!dead.on("subscribe").hits(Target::Event));
        let flood = Fault::new(FaultKind::Flood { frames: 2 });
        assert!(flood.hits(Target::Event) && !flood.hits(status) && !flood.hits(Target::Websocket));
        let code = Fault::new(FaultKind::CheckCode { code: 1, codespace: "sdk".into() });
        assert!(code.hits(Target::call("broadcast_tx_sync")) && !code.hits(status));
        let full = Fault::new(FaultKind::MempoolFull);
        assert!(full.hits(Target::call("broadcast_tx_async")) && !full.hits(Target::call("check_tx")));
        let path = "/cosmos.tx.v1beta1.Service/Simulate";
        let simulate = error.on(path);
        simulate.validate().unwrap();
        assert!(simulate.hits(Target::Call { method: "abci_query", path }));
        assert!(!simulate.hits(Target::Call { method: "abci_query", path: "/other" }));
    }
}
