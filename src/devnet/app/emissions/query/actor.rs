//! Addresses: registrations, whitelists, weights, stake.

use super::address;
use crate::{
    chain::messages::query::*,
    devnet::app::{
        answer::{Answer, answer},
        emissions::Emissions,
        error::sdk,
    },
};

impl Emissions {
    pub(super) fn actor_query(&self, method: &str, data: &[u8]) -> Option<Answer> {
        Some(match method {
            "IsWorkerRegisteredInTopicId" => answer(data, |request: IsWorkerRegisteredInTopicIdRequest| {
                let address = address(&request.address)?;
                let is_registered =
                    self.topic(request.topic_id).is_some_and(|topic| topic.workers.contains_key(&address));
                Ok(IsWorkerRegisteredInTopicIdResponse { is_registered })
            }),
            "IsReputerRegisteredInTopicId" => answer(data, |request: IsReputerRegisteredInTopicIdRequest| {
                let address = address(&request.address)?;
                let is_registered =
                    self.topic(request.topic_id).is_some_and(|topic| topic.reputers.contains_key(&address));
                Ok(IsReputerRegisteredInTopicIdResponse { is_registered })
            }),
            "CanSubmitWorkerPayload" => answer(data, |request: CanSubmitWorkerPayloadRequest| {
                let may = self.may_submit(request.topic_id, address(&request.address)?);
                Ok(CanSubmitWorkerPayloadResponse { can_submit_worker_payload: may })
            }),
            "CanSubmitReputerPayload" => answer(data, |request: CanSubmitReputerPayloadRequest| {
                address(&request.address)?;
                Ok(CanSubmitReputerPayloadResponse { can_submit_reputer_payload: true })
            }),
            "GetLatestInfererWeight" => answer(data, |request: GetLatestInfererWeightRequest| {
                let actor = address(&request.actor_id)?;
                let scored = self
                    .topic(request.topic_id)
                    .is_some_and(|topic| topic.reward_fractions.contains_key(&actor));
                Ok(GetLatestInfererWeightResponse { weight: if scored { "1" } else { "0" }.into() })
            }),
            "GetCountInfererInclusionsInTopic" => {
                answer(data, |request: GetCountInfererInclusionsInTopicRequest| {
                    let inferer = address(&request.inferer)?;
                    let count = self
                        .topic(request.topic_id)
                        .and_then(|topic| topic.inclusions.get(&inferer).copied());
                    Ok(GetCountInfererInclusionsInTopicResponse { count: count.unwrap_or(0) })
                })
            }
            "GetWorkerNodeInfo" => answer(data, |request: GetWorkerNodeInfoRequest| {
                let worker = address(&request.address)?;
                let owner = self.topics.values().find_map(|topic| topic.workers.get(&worker));
                let owner = owner.ok_or_else(|| {
                    sdk::INVALID_REQUEST.wrap(format!(
                        "collections: not found: key '{worker}' of type github.com/cosmos/gogoproto/emissions.v3.OffchainNode"
                    ))
                })?;
                let node_info = OffchainNode { owner: owner.to_string(), node_address: worker.to_string() };
                Ok(GetWorkerNodeInfoResponse { node_info: Some(node_info) })
            }),
            "GetStakeFromReputerInTopicInSelf" => {
                answer(data, |request: GetStakeFromReputerInTopicInSelfRequest| {
                    let reputer = address(&request.reputer_address)?;
                    let stake =
                        self.topic(request.topic_id).and_then(|topic| topic.stakes.get(&reputer).copied());
                    Ok(GetStakeFromReputerInTopicInSelfResponse { amount: stake.unwrap_or(0).to_string() })
                })
            }
            "GetReputerStakeInTopic" => answer(data, |request: GetReputerStakeInTopicRequest| {
                let reputer = address(&request.address)?;
                let stake = self.topic(request.topic_id).map_or(0, |topic| topic.stake(reputer));
                Ok(GetReputerStakeInTopicResponse { amount: stake.to_string() })
            }),
            _ => return None,
        })
    }
}
