//! Inferences of the network and of single workers.

use super::queries;
use crate::chain::messages::{Forecasts, Inferences, InputInference, NetworkInferenceBundle};

queries! {
    /// The network's last inference. Before the first one: a bundle with only `topic_id`, and height 0.
    "GetLatestNetworkInferences" GetLatestNetworkInferencesRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetLatestNetworkInferencesResponse {
        /// The inference.
        network_inferences: Option<NetworkInferenceBundle> = (message, optional, tag = "1"),
        /// Its nonce.
        inference_block_height: i64 = (int64, tag = "5"),
    }

    /// The network's inference at one nonce.
    "GetNetworkInferencesAtBlock" GetNetworkInferencesAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height_last_inference: i64 = (int64, tag = "2"),
    } => GetNetworkInferencesAtBlockResponse {
        /// The inference.
        network_inferences: Option<NetworkInferenceBundle> = (message, optional, tag = "1"),
    }

    /// What a worker submitted in the window that is open, if it was admitted and not evicted since;
    /// otherwise the error `key not found` (sdk 22). v9 has [`super::v9::GetWorkerLatestInferenceByTopicIdRequest`].
    "GetWorkerLatestInputInferenceByTopicId" GetWorkerLatestInputInferenceByTopicIdRequest {
        topic_id: u64 = (uint64, tag = "1"),
        worker_address: String = (string, tag = "2"),
    } => GetWorkerLatestInputInferenceByTopicIdResponse {
        /// As it was sent.
        latest_input_inference: Option<InputInference> = (message, optional, tag = "1"),
    }

    /// Inferences that were admitted at one nonce.
    "GetInferencesAtBlock" GetInferencesAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetInferencesAtBlockResponse {
        /// The inferences.
        inferences: Option<Inferences> = (message, optional, tag = "1"),
    }

    /// Inferences that were admitted at the last nonce.
    "GetLatestTopicInferences" GetLatestTopicInferencesRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetLatestTopicInferencesResponse {
        /// The inferences.
        inferences: Option<Inferences> = (message, optional, tag = "1"),
        /// The nonce.
        block_height: i64 = (int64, tag = "2"),
    }

    /// Forecasts that were admitted at one nonce.
    "GetForecastsAtBlock" GetForecastsAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetForecastsAtBlockResponse {
        /// The forecasts.
        forecasts: Option<Forecasts> = (message, optional, tag = "1"),
    }

    /// How often an inferer was in the active set of a topic.
    "GetCountInfererInclusionsInTopic" GetCountInfererInclusionsInTopicRequest {
        topic_id: u64 = (uint64, tag = "1"),
        inferer: String = (string, tag = "2"),
    } => GetCountInfererInclusionsInTopicResponse {
        /// The count.
        count: u64 = (uint64, tag = "1"),
    }
}
