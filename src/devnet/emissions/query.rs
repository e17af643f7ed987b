//! Answers of the module's query service.

use std::sync::Arc;

use super::{
    Emissions,
    admission::{EmaScore, Scores},
    number,
    topic::{ClosedNonce, Topic, signed},
};
use crate::{
    chain::messages::{
        EmissionsVersion, Forecasts, Inference, Inferences, NetworkInferenceBundle, Nonce, Nonces,
        ReputerRequestNonce, ReputerRequestNonces, Score, ValueBundle,
        query::{self, v9, *},
    },
    devnet::{
        address::Address,
        error::{AbciError, sdk},
        genesis::TopicOutput,
        query::{Answer, answer, internal, invalid_argument, not_found, unknown_path},
    },
};

impl Emissions {
    /// Answers `method` as the chain does after block `height`.
    pub fn query(&self, method: &str, data: &[u8], height: u64) -> Answer {
        match method {
            "GetParams" => {
                answer(data, |_: GetParamsRequest| Ok(GetParamsResponse { params: Some(self.params()) }))
            }
            "GetTopic" => answer(data, |request: GetTopicRequest| {
                let topic = self.get(request.topic_id)?;
                Ok(GetTopicResponse {
                    topic: Some(topic.to_message(self.version, &self.creator)),
                    weight: topic.weight().to_string(),
                    effective_revenue: topic.revenue.to_string(),
                    topic_stake: topic.total_stake().to_string(),
                })
            }),
            "TopicExists" => answer(data, |request: TopicExistsRequest| {
                Ok(TopicExistsResponse { exists: self.topic(request.topic_id).is_some() })
            }),
            "IsTopicActive" => answer(data, |request: IsTopicActiveRequest| {
                Ok(IsTopicActiveResponse { is_active: self.get(request.topic_id)?.active })
            }),
            "GetNextChurningBlockByTopicId" => {
                answer(data, |request: GetNextChurningBlockByTopicIdRequest| {
                    let topic = self.get(request.topic_id)?;
                    let block_height = if topic.active { signed(topic.next_nonce) } else { 0 };
                    Ok(GetNextChurningBlockByTopicIdResponse { block_height })
                })
            }
            "GetTopicLastWorkerCommitInfo" => answer(data, |request: GetTopicLastWorkerCommitInfoRequest| {
                let last = self.get(request.topic_id)?.last_commit;
                Ok(GetTopicLastWorkerCommitInfoResponse {
                    last_commit: Some(self.commit(request.topic_id, last)?),
                })
            }),
            "GetTopicLastReputerCommitInfo" => {
                answer(data, |request: GetTopicLastReputerCommitInfoRequest| {
                    let last = self.get(request.topic_id)?.last_reputer_commit;
                    Ok(GetTopicLastReputerCommitInfoResponse {
                        last_commit: Some(self.commit(request.topic_id, last)?),
                    })
                })
            }
            _ => self
                .window_query(method, data, height)
                .or_else(|| self.actor_query(method, data))
                .or_else(|| self.inference_query(method, data))
                .unwrap_or_else(unknown_path),
        }
    }

    fn window_query(&self, method: &str, data: &[u8], height: u64) -> Option<Answer> {
        let worker = |id| self.worker_nonces(id);
        let reputer = |id| self.topic(id).into_iter().flat_map(|topic| topic.reputer_nonces.keys().copied());
        let open = |id, nonce: &u64| {
            self.topic(id).is_some_and(|topic| {
                (topic.reputer_window_start(*nonce)..=topic.reputer_window_end(*nonce)).contains(&height)
            })
        };
        Some(match method {
            "GetUnfulfilledWorkerNonces" => answer(data, |request: GetUnfulfilledWorkerNoncesRequest| {
                Ok(GetUnfulfilledWorkerNoncesResponse { nonces: Some(nonces(worker(request.topic_id))) })
            }),
            "GetOpenWorkerSubmissionWindows" => {
                answer(data, |request: GetOpenWorkerSubmissionWindowsRequest| {
                    Ok(GetOpenWorkerSubmissionWindowsResponse {
                        nonces: Some(nonces(worker(request.topic_id))),
                    })
                })
            }
            "IsWorkerNonceUnfulfilled" => answer(data, |request: IsWorkerNonceUnfulfilledRequest| {
                Ok(IsWorkerNonceUnfulfilledResponse {
                    is_worker_nonce_unfulfilled: worker(request.topic_id)
                        .any(|nonce| signed(nonce) == request.block_height),
                })
            }),
            "GetUnfulfilledReputerNonces" => answer(data, |request: GetUnfulfilledReputerNoncesRequest| {
                let nonces = reputer_nonces(reputer(request.topic_id));
                Ok(GetUnfulfilledReputerNoncesResponse { nonces: Some(nonces) })
            }),
            "GetOpenReputerSubmissionWindows" => {
                answer(data, |request: GetOpenReputerSubmissionWindowsRequest| {
                    let id = request.topic_id;
                    let nonces = reputer_nonces(reputer(id).filter(|nonce| open(id, nonce)));
                    Ok(GetOpenReputerSubmissionWindowsResponse { nonces: Some(nonces) })
                })
            }
            "IsReputerNonceUnfulfilled" => answer(data, |request: IsReputerNonceUnfulfilledRequest| {
                Ok(IsReputerNonceUnfulfilledResponse {
                    is_reputer_nonce_unfulfilled: reputer(request.topic_id)
                        .any(|nonce| signed(nonce) == request.block_height),
                })
            }),
            "GetWorkerSubmissionWindowStatus" => answer(data, |request| self.worker_window_status(&request)),
            "GetReputerSubmissionWindowStatus" => {
                answer(data, |request| self.reputer_window_status(&request, height))
            }
            _ => return None,
        })
    }

    fn worker_window_status(
        &self,
        request: &GetWorkerSubmissionWindowStatusRequest,
    ) -> Result<GetWorkerSubmissionWindowStatusResponse, AbciError> {
        let topic = self.get(request.topic_id)?;
        let address = optional_address(&request.address)?;
        let mut status = GetWorkerSubmissionWindowStatusResponse {
            is_registered: address.is_some_and(|address| topic.workers.contains_key(&address)),
            is_whitelisted: address.is_some_and(|address| self.may_submit(request.topic_id, address)),
            is_topic_active: topic.active,
            ..Default::default()
        };
        if let Some((nonce, _)) = topic.windows.last() {
            status.is_open = true;
            status.current_nonce_block_height = signed(*nonce);
            status.window_start_block = signed(*nonce);
            status.window_end_block = signed(topic.window_end(*nonce));
        }
        if topic.active {
            status.next_window_start_block = signed(topic.next_nonce);
            status.next_window_end_block = signed(topic.window_end(topic.next_nonce));
        }
        Ok(status)
    }

    fn reputer_window_status(
        &self,
        request: &GetReputerSubmissionWindowStatusRequest,
        height: u64,
    ) -> Result<GetReputerSubmissionWindowStatusResponse, AbciError> {
        let topic = self.get(request.topic_id)?;
        let address = optional_address(&request.address)?;
        let mut status = GetReputerSubmissionWindowStatusResponse {
            is_registered: address.is_some_and(|address| topic.reputers.contains_key(&address)),
            is_whitelisted: address.is_some(),
            is_topic_active: topic.active,
            ..Default::default()
        };
        let (open, waiting): (Vec<u64>, Vec<u64>) = topic
            .reputer_nonces
            .keys()
            .copied()
            .partition(|nonce| topic.reputer_window_start(*nonce) <= height);
        if let Some(nonce) = open.last() {
            status.is_open = true;
            status.current_nonce_block_height = signed(*nonce);
            status.window_start_block = signed(topic.reputer_window_start(*nonce));
            status.window_end_block = signed(topic.reputer_window_end(*nonce));
        }
        if let Some(nonce) = waiting.first() {
            status.next_window_start_block = signed(topic.reputer_window_start(*nonce));
            status.next_window_end_block = signed(topic.reputer_window_end(*nonce));
        }
        Ok(status)
    }

    fn actor_query(&self, method: &str, data: &[u8]) -> Option<Answer> {
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

    fn inference_query(&self, method: &str, data: &[u8]) -> Option<Answer> {
        let v9 = self.version == EmissionsVersion::V9;
        Some(match method {
            "GetLatestNetworkInferences" | "GetLatestNetworkInferencesOutlierResistant" => {
                answer(data, |request: query::GetLatestNetworkInferencesRequest| {
                    let topic = self.network_topic(request.topic_id, method)?;
                    let last = topic.closed.last().map(|(_, closed)| closed);
                    let height = last.map_or(0, |closed| signed(closed.nonce));
                    Ok(network_response(request.topic_id, last, height, v9))
                })
            }
            "GetNetworkInferencesAtBlock" | "GetNetworkInferencesAtBlockOutlierResistant" => {
                answer(data, |request: query::GetNetworkInferencesAtBlockRequest| {
                    let (id, height) = (request.topic_id, request.block_height_last_inference);
                    self.network_topic(id, method)?;
                    let closed = self.closed(id, height);
                    let closed = closed
                        .ok_or_else(|| not_found(format!("no network inferences at block {height}")))?;
                    Ok(network_response(id, Some(closed), 0, v9))
                })
            }
            "GetWorkerLatestInputInferenceByTopicId" if !v9 => {
                answer(data, |request: GetWorkerLatestInputInferenceByTopicIdRequest| {
                    let stored = self.latest(request.topic_id, &request.worker_address, "input inference")?;
                    Ok(GetWorkerLatestInputInferenceByTopicIdResponse {
                        latest_input_inference: Some(stored.input.clone()),
                    })
                })
            }
            "GetWorkerLatestInferenceByTopicId" if v9 => {
                answer(data, |request: v9::GetWorkerLatestInferenceByTopicIdRequest| {
                    let stored = self.latest(request.topic_id, &request.worker_address, "inference")?;
                    Ok(v9::GetWorkerLatestInferenceByTopicIdResponse {
                        latest_inference: Some(Inference {
                            topic_id: stored.input.topic_id,
                            block_height: stored.input.block_height,
                            inferer: stored.input.inferer.clone(),
                            value: stored.input.value.clone(),
                            extra_data: stored.input.extra_data.clone(),
                            proof: stored.input.proof.clone(),
                            values: vec![],
                        }),
                    })
                })
            }
            "GetInferencesAtBlock" => answer(data, |request: GetInferencesAtBlockRequest| {
                let closed = self.closed(request.topic_id, request.block_height);
                Ok(GetInferencesAtBlockResponse { inferences: Some(inferences(closed, v9)) })
            }),
            "GetLatestTopicInferences" => answer(data, |request: GetLatestTopicInferencesRequest| {
                let closed = self
                    .topic(request.topic_id)
                    .and_then(|topic| topic.closed.last())
                    .map(|(_, closed)| closed);
                Ok(GetLatestTopicInferencesResponse {
                    inferences: Some(inferences(closed, v9)),
                    block_height: closed.map_or(0, |closed| signed(closed.nonce)),
                })
            }),
            "GetForecastsAtBlock" => answer(data, |request: GetForecastsAtBlockRequest| {
                let closed = self.closed(request.topic_id, request.block_height);
                let forecasts = closed.into_iter().flat_map(|closed| closed.window.forecasts.values());
                let forecasts =
                    Forecasts { forecasts: forecasts.map(|forecast| (**forecast).clone()).collect() };
                Ok(GetForecastsAtBlockResponse { forecasts: Some(forecasts) })
            }),
            _ => return None,
        })
    }

    fn get(&self, id: u64) -> Result<&Topic, AbciError> {
        self.topic(id).ok_or_else(|| sdk::UNKNOWN_REQUEST.wrap("error getting topic: topic does not exist"))
    }

    /// A topic whose network inferences may be asked for by this method.
    fn network_topic(&self, id: u64, method: &str) -> Result<&Topic, AbciError> {
        let topic = self.get(id)?;
        if method.ends_with("OutlierResistant") && matches!(topic.spec.output, TopicOutput::Multi { .. }) {
            let text = "outlier resistant network inferences are not supported for multi-label topics";
            return Err(invalid_argument(text));
        }
        Ok(topic)
    }

    fn worker_nonces(&self, id: u64) -> impl Iterator<Item = u64> {
        self.topic(id).into_iter().flat_map(|topic| topic.windows.keys().copied())
    }

    fn closed(&self, id: u64, nonce: i64) -> Option<&Arc<ClosedNonce>> {
        self.topic(id)?.closed.get(&u64::try_from(nonce).ok()?)
    }

    fn ema(&self, id: u64, actor: &str, of: impl Fn(&Topic) -> &Scores) -> Result<Score, AbciError> {
        let address = address(actor)?;
        Ok(score(id, address, &of(self.get(id)?).ema(address)))
    }

    /// What a worker has in a window that is open.
    fn latest(&self, id: u64, worker: &str, what: &str) -> Result<&super::topic::StoredInference, AbciError> {
        let address = address(worker)?;
        let windows = self.topic(id).into_iter().flat_map(|topic| topic.windows.values());
        let latest = windows.filter_map(|window| window.inferences.get(&address)).last();
        latest
            .map(AsRef::as_ref)
            .ok_or_else(|| not_found(format!("latest {what} not found for topic {id} worker {worker}")))
    }

    fn commit(&self, id: u64, last: Option<(u64, u64)>) -> Result<TimestampedActorNonce, AbciError> {
        let (height, nonce) = last.ok_or_else(|| {
            internal(format!(
                "collections: not found: key '{id}' of type github.com/cosmos/gogoproto/{}.TimestampedActorNonce",
                self.version.package()
            ))
        })?;
        let nonce = Nonce { block_height: signed(nonce) };
        Ok(TimestampedActorNonce { block_height: signed(height), nonce: Some(nonce) })
    }
}

fn address(text: &str) -> Result<Address, AbciError> {
    Address::parse(text).map_err(|error| sdk::INVALID_REQUEST.wrap(error))
}

fn optional_address(text: &str) -> Result<Option<Address>, AbciError> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

fn nonces(heights: impl Iterator<Item = u64>) -> Nonces {
    Nonces { nonces: heights.map(|height| Nonce { block_height: signed(height) }).collect() }
}

fn reputer_nonces(heights: impl Iterator<Item = u64>) -> ReputerRequestNonces {
    let nonce = |height| ReputerRequestNonce { reputer_nonce: Some(Nonce { block_height: signed(height) }) };
    ReputerRequestNonces { nonces: heights.map(nonce).collect() }
}

fn score(topic_id: u64, address: Address, ema: &EmaScore) -> Score {
    Score {
        topic_id,
        block_height: signed(ema.nonce),
        address: address.to_string(),
        score: number::canonical(&ema.value),
    }
}

/// Stored inferences: v9 has a number, v10 one for each label.
fn inferences(closed: Option<&Arc<ClosedNonce>>, v9: bool) -> Inferences {
    let Some(closed) = closed else { return Inferences::default() };
    let inference = |(address, row): (Address, Vec<bigdecimal::BigDecimal>)| {
        let stored = closed.window.inferences.get(&address)?;
        let texts: Vec<String> = row.iter().map(number::canonical).collect();
        Some(Inference {
            topic_id: stored.input.topic_id,
            block_height: stored.input.block_height,
            inferer: stored.input.inferer.clone(),
            value: if v9 { stored.input.value.clone() } else { String::new() },
            extra_data: stored.input.extra_data.clone(),
            proof: stored.input.proof.clone(),
            values: if v9 { vec![] } else { texts },
        })
    };
    Inferences { inferences: closed.rows().into_iter().filter_map(inference).collect() }
}

/// Both versions have the same field numbers for the bundle (1) and its height (5).
fn network_response(
    topic_id: u64,
    closed: Option<&Arc<ClosedNonce>>,
    inference_block_height: i64,
    v9: bool,
) -> NetworkResponse {
    if v9 {
        let bundle = closed.map_or_else(
            || ValueBundle {
                topic_id,
                combined_value: "0".into(),
                naive_value: "0".into(),
                ..ValueBundle::default()
            },
            |closed| closed.value_bundle(topic_id),
        );
        return NetworkResponse::V9(v9::GetLatestNetworkInferencesResponse {
            network_inferences: Some(bundle),
            inference_block_height,
        });
    }
    let bundle = closed.map_or_else(
        || NetworkInferenceBundle { topic_id, ..NetworkInferenceBundle::default() },
        |closed| closed.network_inference(topic_id),
    );
    NetworkResponse::V10(GetLatestNetworkInferencesResponse {
        network_inferences: Some(bundle),
        inference_block_height,
    })
}

enum NetworkResponse {
    V9(v9::GetLatestNetworkInferencesResponse),
    V10(GetLatestNetworkInferencesResponse),
}

impl crate::devnet::query::Response for NetworkResponse {
    fn encode(&self) -> Vec<u8> {
        use prost::Message as _;
        match self {
            Self::V9(response) => response.encode_to_vec(),
            Self::V10(response) => response.encode_to_vec(),
        }
    }
}
