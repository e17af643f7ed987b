//! Stake of reputers and their delegators, and money for topics.

use super::messages;

messages!(
    AddStakeRequest,
    RemoveStakeRequest,
    DelegateStakeRequest,
    RemoveDelegateStakeRequest,
    RewardDelegateStakeRequest,
    FundTopicRequest,
);

/// A reputer stakes on itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct AddStakeRequest {
    /// The reputer, who signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// Int, uallo.
    #[prost(string, tag = "3")]
    pub amount: String,
}

/// A reputer starts to take its stake back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RemoveStakeRequest {
    /// The reputer, who signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// Int, uallo.
    #[prost(string, tag = "3")]
    pub amount: String,
}

/// Anybody stakes on a reputer other than itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct DelegateStakeRequest {
    /// The delegator, who signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// The reputer's address.
    #[prost(string, tag = "3")]
    pub reputer: String,
    /// Int, uallo.
    #[prost(string, tag = "4")]
    pub amount: String,
}

/// A delegator starts to take its stake back. The order of the fields is not that of [`DelegateStakeRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RemoveDelegateStakeRequest {
    /// The delegator, who signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The reputer's address.
    #[prost(string, tag = "2")]
    pub reputer: String,
    /// The topic.
    #[prost(uint64, tag = "3")]
    pub topic_id: u64,
    /// Int, uallo.
    #[prost(string, tag = "4")]
    pub amount: String,
}

/// A delegator collects its rewards.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RewardDelegateStakeRequest {
    /// The delegator, who signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// The reputer's address.
    #[prost(string, tag = "3")]
    pub reputer: String,
}

/// Pays into a topic.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct FundTopicRequest {
    /// Who pays, and signs.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// Int, uallo.
    #[prost(string, tag = "3")]
    pub amount: String,
}
