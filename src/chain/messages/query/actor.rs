//! What an address may do in a topic.

use super::queries;

/// Who owns a registration. `emissions.v3.OffchainNode`; fields 1 and 2 do not exist.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OffchainNode {
    /// The owner's address.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// The address that is registered.
    #[prost(string, tag = "4")]
    pub node_address: String,
}

queries! {
    /// Who owns a worker's registration. An address that never registered is refused with sdk 18.
    "GetWorkerNodeInfo" GetWorkerNodeInfoRequest { address: String = (string, tag = "2") }
    => GetWorkerNodeInfoResponse {
        /// The registration.
        node_info: Option<OffchainNode> = (message, optional, tag = "1"),
    }

    /// Whether an address is a worker of a topic.
    "IsWorkerRegisteredInTopicId" IsWorkerRegisteredInTopicIdRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => IsWorkerRegisteredInTopicIdResponse {
        /// The answer.
        is_registered: bool = (bool, tag = "1"),
    }

    /// Whether an address is a reputer of a topic.
    "IsReputerRegisteredInTopicId" IsReputerRegisteredInTopicIdRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => IsReputerRegisteredInTopicIdResponse {
        /// The answer.
        is_registered: bool = (bool, tag = "1"),
    }

    /// Whether the whitelists let an address submit as a worker; says nothing of its registration.
    "CanSubmitWorkerPayload" CanSubmitWorkerPayloadRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => CanSubmitWorkerPayloadResponse {
        /// The answer.
        can_submit_worker_payload: bool = (bool, tag = "1"),
    }

    /// Whether the whitelists let an address submit as a reputer; says nothing of its registration.
    "CanSubmitReputerPayload" CanSubmitReputerPayloadRequest {
        topic_id: u64 = (uint64, tag = "1"),
        address: String = (string, tag = "2"),
    } => CanSubmitReputerPayloadResponse {
        /// The answer.
        can_submit_reputer_payload: bool = (bool, tag = "1"),
    }
}
