//! Addresses: registrations, whitelists, scores, stake.

use super::address;
use crate::{
    chain::messages::{Score, query::*},
    devnet::app::{
        address::Address,
        emissions::{
            Emissions,
            admission::{EmaScore, Scores},
            number,
            topic::{Topic, signed},
        },
        error::AbciError,
        query::{Answer, answer, not_found},
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
            "GetInfererScoreEma" => answer(data, |request: GetInfererScoreEmaRequest| {
                let score = self.ema(request.topic_id, &request.inferer, |topic| &topic.inferer_scores)?;
                Ok(GetInfererScoreEmaResponse { score: Some(score) })
            }),
            "GetForecasterScoreEma" => answer(data, |request: GetForecasterScoreEmaRequest| {
                let score =
                    self.ema(request.topic_id, &request.forecaster, |topic| &topic.forecaster_scores)?;
                Ok(GetForecasterScoreEmaResponse { score: Some(score) })
            }),
            "GetCurrentLowestInfererScore" => answer(data, |request: GetCurrentLowestInfererScoreRequest| {
                let id = request.topic_id;
                let topic = self.get(id)?;
                let window = topic.windows.last().map(|(_, window)| window);
                let window = window.or_else(|| topic.closed.last().map(|(_, closed)| &closed.window));
                let lowest = window.and_then(|window| topic.inferer_scores.lowest(&window.inferences));
                let (address, ema) = lowest
                    .ok_or_else(|| not_found(format!("no lowest inferer score found for topic {id}")))?;
                Ok(GetCurrentLowestInfererScoreResponse { score: Some(score(id, address, &ema)) })
            }),
            "GetWorkerInferenceScoresAtBlock" => {
                answer(data, |request: GetWorkerInferenceScoresAtBlockRequest| {
                    let closed = self.closed(request.topic_id, request.block_height);
                    let scores = closed.into_iter().flat_map(|closed| {
                        let nonce = closed.nonce;
                        closed.scores.iter().map(move |(address, value)| {
                            score(request.topic_id, *address, &EmaScore { nonce, value: value.clone() })
                        })
                    });
                    let scores = crate::chain::messages::Scores { scores: scores.collect() };
                    Ok(GetWorkerInferenceScoresAtBlockResponse { scores: Some(scores) })
                })
            }
            "GetWorkerForecastScoresAtBlock" => answer(data, |_: GetWorkerForecastScoresAtBlockRequest| {
                Ok(GetWorkerForecastScoresAtBlockResponse { scores: Some(Default::default()) })
            }),
            "GetPreviousInferenceRewardFraction" => {
                answer(data, |request: GetPreviousInferenceRewardFractionRequest| {
                    let worker = address(&request.worker)?;
                    let fraction =
                        self.topic(request.topic_id).and_then(|topic| topic.reward_fractions.get(&worker));
                    Ok(GetPreviousInferenceRewardFractionResponse {
                        reward_fraction: fraction.map_or_else(|| "0".into(), number::canonical),
                        not_found: fraction.is_none(),
                    })
                })
            }
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

    fn ema(&self, id: u64, actor: &str, of: impl Fn(&Topic) -> &Scores) -> Result<Score, AbciError> {
        let address = address(actor)?;
        Ok(score(id, address, &of(self.get(id)?).ema(address)))
    }
}

fn score(topic_id: u64, address: Address, ema: &EmaScore) -> Score {
    Score {
        topic_id,
        block_height: signed(ema.nonce),
        address: address.to_string(),
        score: number::canonical(&ema.value),
    }
}
