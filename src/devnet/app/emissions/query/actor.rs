//! Addresses: registrations, whitelists, weights, stake.

use super::{actor, address};
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
                let worker = actor(&request.address)?;
                let is_registered = self.found(request.topic_id)?.workers.contains_key(&worker);
                Ok(IsWorkerRegisteredInTopicIdResponse { is_registered })
            }),
            "IsReputerRegisteredInTopicId" => answer(data, |request: IsReputerRegisteredInTopicIdRequest| {
                let reputer = actor(&request.address)?;
                let is_registered = self.found(request.topic_id)?.reputers.contains_key(&reputer);
                Ok(IsReputerRegisteredInTopicIdResponse { is_registered })
            }),
            "CanSubmitWorkerPayload" => answer(data, |request: CanSubmitWorkerPayloadRequest| {
                let may = self.may_submit(request.topic_id, actor(&request.address)?);
                Ok(CanSubmitWorkerPayloadResponse { can_submit_worker_payload: may })
            }),
            "CanSubmitReputerPayload" => answer(data, |request: CanSubmitReputerPayloadRequest| {
                actor(&request.address)?;
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
