//! Topics and the module's parameters.

use super::queries;
use crate::chain::messages::{Nonce, Params, Topic};

queries! {
    /// The topics that open a window in a block; the answer's pages are not read.
    "GetActiveTopicsAtBlock" GetActiveTopicsAtBlockRequest { block_height: i64 = (int64, tag = "1") }
    => GetActiveTopicsAtBlockResponse {
        /// The topics.
        topics: Vec<Topic> = (message, repeated, tag = "1"),
    }

    /// Parameters of the module; the cheapest way to see which version a chain speaks.
    "GetParams" GetParamsRequest {}
    => GetParamsResponse {
        /// The parameters.
        params: Option<Params> = (message, optional, tag = "1"),
    }

    /// A topic. A missing one is the error `topic does not exist`.
    "GetTopic" GetTopicRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetTopicResponse {
        /// The topic.
        topic: Option<Topic> = (message, optional, tag = "1"),
        /// A decimal without exponent.
        weight: String = (string, tag = "2"),
        /// Int, uallo.
        effective_revenue: String = (string, tag = "3"),
        /// Int, uallo.
        topic_stake: String = (string, tag = "4"),
    }

    /// Whether a topic exists.
    "TopicExists" TopicExistsRequest { topic_id: u64 = (uint64, tag = "1") }
    => TopicExistsResponse {
        /// The answer.
        exists: bool = (bool, tag = "1"),
    }

    /// Whether a topic opens windows.
    "IsTopicActive" IsTopicActiveRequest { topic_id: u64 = (uint64, tag = "1") }
    => IsTopicActiveResponse {
        /// The answer.
        is_active: bool = (bool, tag = "1"),
    }

    /// The block at which a topic is due next.
    "GetNextChurningBlockByTopicId" GetNextChurningBlockByTopicIdRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetNextChurningBlockByTopicIdResponse {
        /// A height.
        block_height: i64 = (int64, tag = "1"),
    }

    /// When a worker window last closed with data. None yet is the error `collections: not found`.
    "GetTopicLastWorkerCommitInfo" GetTopicLastWorkerCommitInfoRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetTopicLastWorkerCommitInfoResponse {
        /// The last one.
        last_commit: Option<TimestampedActorNonce> = (message, optional, tag = "1"),
    }

    /// When a reputer window last closed with data. None yet is the error `collections: not found`.
    "GetTopicLastReputerCommitInfo" GetTopicLastReputerCommitInfoRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetTopicLastReputerCommitInfoResponse {
        /// The last one.
        last_commit: Option<TimestampedActorNonce> = (message, optional, tag = "1"),
    }
}

/// When a window closed. Field 2 does not exist.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct TimestampedActorNonce {
    /// Height of the closing block.
    #[prost(int64, tag = "1")]
    pub block_height: i64,
    /// The window's nonce.
    #[prost(message, optional, tag = "3")]
    pub nonce: Option<Nonce>,
}
