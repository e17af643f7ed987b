//! What the chain has of the worker: the truth that the journal is held against.

use base64::Engine as _;
use serde_json::Value;

use crate::bench::http_get;
use crate::payload::Payload;
use crate::stage::Stage;

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
