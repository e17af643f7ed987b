//! A worker's payload in the bytes of a transaction.

use bootstrap::chain::messages::InsertWorkerPayloadRequest;
use prost::Message as _;

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
