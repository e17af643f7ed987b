//! A fault: which calls it hits, and how often.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::kind::FaultKind;
use crate::devnet::node::rpc::{
    jsonrpc::RpcError,
    methods::{self, SUBSCRIPTIONS},
    params::{Args, Kind, Param},
};

/// The method that means all of them.
const ALL: &str = "*";

/// Names of what is no method but can be hit like one.
const WEBSOCKET: &str = "websocket";
const EVENT: &str = "event";

/// Methods that bring a transaction into the mempool.
const BROADCASTS: [&str; 2] = ["broadcast_tx_sync", "broadcast_tx_async"];

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

/// Most copies of a frame: far beyond what any client bears.
const MAX_FRAMES: u32 = 100_000;

/// Largest lag: within the states that the chain keeps, with some that may be made meanwhile.
const MAX_LAG: u64 = 900;

/// Longest delay.
const MAX_DELAY: Duration = Duration::from_secs(3600);

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
        let Common { method, times } = Common::deserialize(&given).map_err(invalid)?;
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

    /// Counts a hit; true after the last one.
    pub(super) fn use_up(&mut self) -> bool {
        match &mut self.times {
            None => false,
            Some(left) => {
                *left -= 1;
                *left == 0
            }
        }
    }
}

impl From<InvalidFault> for RpcError {
    fn from(error: InvalidFault) -> Self {
        Self::InvalidParams(error.to_string())
    }
}

/// The part of the parameters that all kinds have.
#[derive(Deserialize)]
struct Common {
    method: String,
    times: Option<u64>,
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
