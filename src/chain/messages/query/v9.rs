//! The queries that v9 answers in another shape, or under another name, than v10.

use super::queries;
use crate::chain::messages::{Inference, ValueBundle};

queries! {
    /// The network's last inference.
    "GetLatestNetworkInferences" GetLatestNetworkInferencesRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetLatestNetworkInferencesResponse {
        /// The inference.
        network_inferences: Option<ValueBundle> = (message, optional, tag = "1"),
        /// Its nonce.
        inference_block_height: i64 = (int64, tag = "5"),
    }

    /// The network's inference at one nonce.
    "GetNetworkInferencesAtBlock" GetNetworkInferencesAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height_last_inference: i64 = (int64, tag = "2"),
    } => GetNetworkInferencesAtBlockResponse {
        /// The inference.
        network_inferences: Option<ValueBundle> = (message, optional, tag = "1"),
    }

    /// What a worker submitted in the window that is open. v10 has
    /// [`super::GetWorkerLatestInputInferenceByTopicIdRequest`].
    "GetWorkerLatestInferenceByTopicId" GetWorkerLatestInferenceByTopicIdRequest {
        topic_id: u64 = (uint64, tag = "1"),
        worker_address: String = (string, tag = "2"),
    } => GetWorkerLatestInferenceByTopicIdResponse {
        /// As it was stored.
        latest_inference: Option<Inference> = (message, optional, tag = "1"),
    }
}
