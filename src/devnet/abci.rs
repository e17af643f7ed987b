//! What a node asks of its application: ABCI, as far as one local validator needs it.
//!
//! `app` answers in these types; `node`, `rpc` and `websocket` turn them into CometBFT's JSON.

use time::OffsetDateTime;

/// One event of a block or a transaction. Values are the attribute's text as the chain has it: the
/// JSON of the field for typed events (`"69"` with its quotes), plain text for the SDK's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `emissions.v10.EventWorkerSubmissionWindowOpened`, `coin_spent`, ...
    pub kind: String,
    /// In the order in which the chain writes them.
    pub attributes: Vec<(String, String)>,
}

impl Event {
    /// An event of the SDK's own, whose values are plain texts.
    pub fn plain<'a>(kind: &str, attributes: impl IntoIterator<Item = (&'a str, &'a String)>) -> Self {
        let attributes = attributes.into_iter().map(|(key, value)| (key.into(), value.clone())).collect();
        Self { kind: kind.into(), attributes }
    }

    /// Bytes of memory, about.
    pub fn size(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(key, value)| 48 + key.len() + value.len()).sum();
        64 + self.kind.len() + attributes
    }
}

/// What became of a transaction, in CheckTx, in Simulate or in a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecTxResult {
    /// 0 is success.
    pub code: u32,
    /// Empty on success; `sdk`, `emissions`, `feemarket`, `undefined`.
    pub codespace: String,
    /// The error's text, empty on success.
    pub log: String,
    /// Protobuf `TxMsgData`.
    pub data: Vec<u8>,
    /// The transaction's gas limit.
    pub gas_wanted: u64,
    /// Gas that was used.
    pub gas_used: u64,
    /// Events of the ante handler, the messages and the post handler.
    pub events: Vec<Event>,
}

impl ExecTxResult {
    /// Bytes of memory, about.
    pub fn size(&self) -> usize {
        256 + self.log.len() + self.data.len() + self.events.iter().map(Event::size).sum::<usize>()
    }
}

/// Answer to `abci_query`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryResponse {
    /// 0 is success.
    pub code: u32,
    /// Empty on success.
    pub codespace: String,
    /// The error's text, empty on success.
    pub log: String,
    /// Protobuf response; `None` on an error.
    pub value: Option<Vec<u8>>,
    /// The height whose state was read; 0 when no module was reached.
    pub height: u64,
}

/// A block as it was executed and committed.
#[derive(Debug, Clone)]
pub struct FinalizedBlock {
    /// Height, from 1.
    pub height: u64,
    /// Time of the header.
    pub time: OffsetDateTime,
    /// `TxRaw` bytes, in order, with what became of each.
    pub txs: Vec<(Vec<u8>, ExecTxResult)>,
    /// Begin-block and end-block events; the attribute `mode` says which.
    pub events: Vec<Event>,
    /// Hash of the state after this block.
    pub app_hash: Vec<u8>,
}
