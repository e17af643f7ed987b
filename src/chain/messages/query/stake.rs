//! Stake of reputers.

use super::queries;

queries! {
    /// What a reputer staked on itself. The address comes first here.
    "GetStakeFromReputerInTopicInSelf" GetStakeFromReputerInTopicInSelfRequest {
        reputer_address: String = (string, tag = "1"),
        topic_id: u64 = (uint64, tag = "2"),
    } => GetStakeFromReputerInTopicInSelfResponse {
        /// Int, uallo.
        amount: String = (string, tag = "1"),
    }

    /// A reputer's stake with that of its delegators. The address comes first here.
    "GetReputerStakeInTopic" GetReputerStakeInTopicRequest {
        address: String = (string, tag = "1"),
        topic_id: u64 = (uint64, tag = "2"),
    } => GetReputerStakeInTopicResponse {
        /// Int, uallo.
        amount: String = (string, tag = "1"),
    }
}
