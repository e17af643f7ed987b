//! Submission windows and their nonces.

use super::queries;
use crate::chain::messages::{Nonces, ReputerRequestNonces};

queries! {
    /// Worker nonces that nobody closed yet.
    "GetUnfulfilledWorkerNonces" GetUnfulfilledWorkerNoncesRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetUnfulfilledWorkerNoncesResponse {
        /// An empty list when none is open.
        nonces: Option<Nonces> = (message, optional, tag = "1"),
    }

    /// Worker nonces whose window is open at the height of the query.
    "GetOpenWorkerSubmissionWindows" GetOpenWorkerSubmissionWindowsRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetOpenWorkerSubmissionWindowsResponse {
        /// An empty list when none is open.
        nonces: Option<Nonces> = (message, optional, tag = "1"),
    }

    /// Reputer nonces of every epoch in flight; most of them are not open yet.
    "GetUnfulfilledReputerNonces" GetUnfulfilledReputerNoncesRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetUnfulfilledReputerNoncesResponse {
        /// An empty list when there is none.
        nonces: Option<ReputerRequestNonces> = (message, optional, tag = "1"),
    }

    /// Reputer nonces whose window is open at the height of the query.
    "GetOpenReputerSubmissionWindows" GetOpenReputerSubmissionWindowsRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetOpenReputerSubmissionWindowsResponse {
        /// An empty list when none is open.
        nonces: Option<ReputerRequestNonces> = (message, optional, tag = "1"),
    }

    /// Whether one worker nonce is still open.
    "IsWorkerNonceUnfulfilled" IsWorkerNonceUnfulfilledRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => IsWorkerNonceUnfulfilledResponse {
        /// The answer.
        is_worker_nonce_unfulfilled: bool = (bool, tag = "1"),
    }

    /// Whether one reputer nonce is still open.
    "IsReputerNonceUnfulfilled" IsReputerNonceUnfulfilledRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => IsReputerNonceUnfulfilledResponse {
        /// The answer.
        is_reputer_nonce_unfulfilled: bool = (bool, tag = "1"),
    }

    /// All that a worker needs to know of the window at hand. The address may be empty.
    "GetWorkerSubmissionWindowStatus" GetWorkerSubmissionWindowStatusRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => GetWorkerSubmissionWindowStatusResponse {
        /// Whether a window is open at the height of the query. When not, the next three are 0.
        is_open: bool = (bool, tag = "1"),
        /// The newest open nonce.
        current_nonce_block_height: i64 = (int64, tag = "2"),
        /// The nonce itself, though the first block that can hold a payload is the one after.
        window_start_block: i64 = (int64, tag = "3"),
        /// Last block that can hold a payload.
        window_end_block: i64 = (int64, tag = "4"),
        /// 0 when the topic is not active.
        next_window_start_block: i64 = (int64, tag = "5"),
        /// 0 when the topic is not active.
        next_window_end_block: i64 = (int64, tag = "6"),
        /// Whether the address is a worker of the topic.
        is_registered: bool = (bool, tag = "7"),
        /// Whether the address may submit.
        is_whitelisted: bool = (bool, tag = "8"),
        /// Whether the topic is active.
        is_topic_active: bool = (bool, tag = "9"),
    }

    /// All that a reputer needs to know of the window at hand. The address may be empty.
    "GetReputerSubmissionWindowStatus" GetReputerSubmissionWindowStatusRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => GetReputerSubmissionWindowStatusResponse {
        /// Whether a window is open at the height of the query. When not, the next three are 0.
        is_open: bool = (bool, tag = "1"),
        /// The newest open nonce.
        current_nonce_block_height: i64 = (int64, tag = "2"),
        /// First block of the window.
        window_start_block: i64 = (int64, tag = "3"),
        /// Last block of the window.
        window_end_block: i64 = (int64, tag = "4"),
        /// 0 when the topic is not active.
        next_window_start_block: i64 = (int64, tag = "5"),
        /// 0 when the topic is not active.
        next_window_end_block: i64 = (int64, tag = "6"),
        /// Whether the address is a reputer of the topic.
        is_registered: bool = (bool, tag = "7"),
        /// Whether the address may submit.
        is_whitelisted: bool = (bool, tag = "8"),
        /// Whether the topic is active.
        is_topic_active: bool = (bool, tag = "9"),
    }
}
