//! Joining and leaving a topic, and who may submit there.

use super::messages;

messages!(AddToTopicWorkerWhitelistRequest, RegisterRequest, RemoveRegistrationRequest);

/// Registers the sender, who pays the chain's `registration_fee`. Fields 2 and 3 do not exist.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RegisterRequest {
    /// Signer of the transaction; this address is registered.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "4")]
    pub topic_id: u64,
    /// Owner of the registration, who may be the sender.
    #[prost(string, tag = "5")]
    pub owner: String,
    /// False registers a worker, inferer and forecaster alike.
    #[prost(bool, tag = "6")]
    pub is_reputer: bool,
}

/// Takes the sender's registration back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RemoveRegistrationRequest {
    /// Signer of the transaction.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The topic.
    #[prost(uint64, tag = "2")]
    pub topic_id: u64,
    /// Which of the two registrations.
    #[prost(bool, tag = "3")]
    pub is_reputer: bool,
}

/// Puts a worker on a topic's whitelist, which the topic's creator and the chain's admins may.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct AddToTopicWorkerWhitelistRequest {
    /// Signer of the transaction.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The worker.
    #[prost(string, tag = "2")]
    pub address: String,
    /// The topic.
    #[prost(uint64, tag = "3")]
    pub topic_id: u64,
}
