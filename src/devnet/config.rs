//! What a client of this chain must know, for machines to read.

use serde::Serialize;

use super::{Account, Devnet};

/// The facts of a running chain; the file of `devnet --config-out`.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// `localnet`, or with a suffix of its own.
    pub chain_id: String,
    /// JSON-RPC, `http://...`
    pub rpc: String,
    /// `ws://.../websocket`
    pub websocket: String,
    /// gRPC, `grpc+http://...`; null when it is off.
    pub grpc: Option<String>,
    /// Null when blocks are made by hand.
    pub block_time_seconds: Option<f64>,
    /// By their ids.
    pub topics: Vec<TopicConfig>,
    /// Funded, with keys that are public on purpose.
    pub accounts: Vec<Account>,
}

/// A topic of [`Config`].
#[derive(Debug, Clone, Serialize)]
pub struct TopicConfig {
    /// From 1.
    pub id: u64,
    /// Blocks from one worker nonce to the next.
    pub epoch_length: u64,
    /// Blocks in which a payload is taken after its nonce.
    pub worker_submission_window: u64,
}

impl Devnet {
    /// The facts that a client needs.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            chain_id: self.chain_id().to_owned(),
            rpc: self.rpc_url(),
            websocket: self.websocket_url(),
            grpc: self.grpc_url(),
            block_time_seconds: self.block_time().seconds(),
            topics: self
                .topics()
                .iter()
                .map(|topic| TopicConfig {
                    id: topic.id,
                    epoch_length: topic.epoch_length,
                    worker_submission_window: topic.worker_submission_window,
                })
                .collect(),
            accounts: self.accounts().to_vec(),
        }
    }
}
