//! A websocket frame, as far as a worker reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer};

use super::{ChainEvent, Interest};
use crate::chain::delivered::DeliveredTx;
use crate::chain::outcome::{Refusal, Stage, Verdict};
use crate::chain::query::Window;
use crate::chain::tx::TxHash;
use crate::chain::typed_event::TypedEvent;

/// What a frame says.
#[derive(Debug)]
pub enum Frame {
    /// A subscription is in force.
    Acknowledged,
    /// What happened; nothing for a frame that is of no interest.
    Told(Vec<ChainEvent>),
}

/// Why the connection that brought a frame is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is not JSON-RPC, or not the event that it says it is.
    #[error("not a frame: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The node refused or ended a subscription.
    #[error("the node refused or ended a subscription: {text}")]
    Refused {
        /// What the table of the chain's answers says.
        verdict: Verdict,
        /// What the node said.
        text: String,
    },
}

impl Frame {
    /// Reads the text of a frame; windows of other topics are left out.
    ///
    /// # Errors
    /// [`FrameError`]: the connection is to be given up.
    pub fn read(text: &str, interest: &Interest) -> Result<Self, FrameError> {
        let frame: RawFrame = serde_json::from_str(text)?;
        if let Some(RawError { code, message, data }) = frame.error {
            let refusal = Refusal { stage: Stage::Rpc, codespace: "", code, text: &data };
            let text = format!("{message} ({code}) {data}").trim_end().to_owned();
            return Err(FrameError::Refused { verdict: refusal.verdict(), text });
        }
        Ok(match frame.result {
            Some(RawResult { data: Some(data) }) => Self::Told(data.events(interest)),
            Some(RawResult { data: None }) => Self::Acknowledged,
            None => Self::Told(Vec::new()),
        })
    }
}

#[derive(Debug, Deserialize)]
struct RawFrame {
    result: Option<RawResult>,
    error: Option<RawError>,
}

#[derive(Debug, Deserialize)]
struct RawResult {
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct RawError {
    code: i64,
    message: String,
    #[serde(default)]
    data: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "value")]
enum Data {
    #[serde(rename = "tendermint/event/NewBlockHeader")]
    NewBlockHeader { header: Header },
    #[serde(rename = "tendermint/event/NewBlockEvents")]
    NewBlockEvents {
        #[serde(deserialize_with = "number")]
        height: u64,
        #[serde(default)]
        events: Vec<TypedEvent>,
    },
    #[serde(rename = "tendermint/event/Tx")]
    Tx {
        #[serde(rename = "TxResult")]
        result: TxResult,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
struct Header {
    chain_id: String,
    #[serde(deserialize_with = "number")]
    height: u64,
    #[serde(with = "time::serde::rfc3339")]
    time: time::OffsetDateTime,
}

/// In a frame `code` and `codespace` are absent when 0 or empty.
#[derive(Debug, Deserialize)]
struct TxResult {
    #[serde(deserialize_with = "number")]
    height: u64,
    tx: String,
    result: ExecResult,
}

#[derive(Debug, Deserialize)]
struct ExecResult {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    codespace: String,
    #[serde(default)]
    log: String,
    #[serde(default, deserialize_with = "number")]
    gas_wanted: u64,
    #[serde(default, deserialize_with = "number")]
    gas_used: u64,
    #[serde(default)]
    events: Vec<TypedEvent>,
}

impl Data {
    fn events(self, interest: &Interest) -> Vec<ChainEvent> {
        match self {
            Self::NewBlockHeader { header: Header { chain_id, height, time } } => {
                vec![ChainEvent::Block { height, time, chain_id }]
            }
            Self::NewBlockEvents { height, events } => {
                // A block opens one window of a topic at most.
                let opened = events.iter().find_map(|event| event.opening(interest.topic_id, height));
                let told =
                    |Window { nonce, end }| ChainEvent::WindowOpened { nonce, window_end: end, height };
                opened.map(told).into_iter().collect()
            }
            Self::Tx { result } => delivered(result).map(Box::new).map(ChainEvent::Tx).into_iter().collect(),
            Self::Unknown => Vec::new(),
        }
    }
}

/// CometBFT writes 64-bit numbers as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn delivered(tx: TxResult) -> Option<DeliveredTx> {
    let bytes = BASE64.decode(&tx.tx).ok()?;
    let TxResult { height, result, .. } = tx;
    let ExecResult { code, codespace, log, gas_wanted, gas_used, events } = result;
    Some(DeliveredTx { hash: TxHash::of(&bytes), height, code, codespace, log, gas_wanted, gas_used, events })
}
