//! What the chain has of the worker: the truth that the journal is held against.

use base64::Engine as _;
use bootstrap::chain::messages::InsertWorkerPayloadRequest;
use prost::Message as _;
use serde_json::Value;

use crate::bench::http_get;
use crate::stage::Stage;

/// Which window a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    pub topic: u64,
    pub nonce: i64,
}

impl Payload {
    /// `None` for a transaction with another message.
    pub fn of_tx(bytes: &[u8]) -> Option<Self> {
        let tx = cosmrs::Tx::from_bytes(bytes).ok()?;
        let message = tx.body.messages.first()?;
        if !message.type_url.ends_with(".InsertWorkerPayloadRequest") {
            return None;
        }
        let bundle = InsertWorkerPayloadRequest::decode(&*message.value).ok()?.worker_data_bundle?;
        Some(Self { topic: bundle.topic_id, nonce: bundle.nonce?.block_height })
    }
}

/// A transaction that took something from the worker's account.
#[derive(Debug, Clone)]
pub struct Paid {
    /// `None`: it was a registration.
    pub payload: Option<Payload>,
    pub hash: String,
    pub height: i64,
    pub fee: u128,
    pub code: u64,
    pub codespace: String,
    pub log: String,
}

/// All of them, oldest first.
pub fn paid(stage: &Stage) -> Vec<Paid> {
    let address = stage.bench.devnet.address().to_string();
    let rows = stage.payments().into_iter();
    rows.map(|row| {
        let answer: Value = http_get(&address, &format!("/tx?hash=0x{}", row.tx_hash));
        let found = &answer["result"];
        let bytes = found["tx"].as_str().expect("what was paid for is in a block");
        let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
        let text = |name: &str| found["tx_result"][name].as_str().unwrap_or_default().to_owned();
        Paid {
            payload: Payload::of_tx(&bytes),
            hash: row.tx_hash,
            height: i64::try_from(row.height).unwrap(),
            fee: row.fee,
            code: row.code.into(),
            codespace: text("codespace"),
            log: text("log"),
        }
    })
    .collect()
}
