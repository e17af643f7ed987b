//! Inferences and forecasts.

use std::sync::Arc;

use super::actor;
use crate::{
    chain::messages::{
        EmissionsVersion, Forecasts, Inference, Inferences, NetworkInferenceBundle, ValueBundle,
        query::{self, v9, *},
    },
    devnet::{
        app::{
            address::Address,
            answer::{Answer, Response, answer, invalid_argument, not_found},
            emissions::{
                Emissions, number,
                topic::{ClosedNonce, StoredInference, Topic, signed},
            },
            error::AbciError,
        },
        genesis::TopicOutput,
    },
};

impl Emissions {
    pub(super) fn inference_query(&self, method: &str, data: &[u8]) -> Option<Answer> {
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
                self.found(request.topic_id)?;
                let closed = self.closed(request.topic_id, request.block_height);
                Ok(GetInferencesAtBlockResponse { inferences: Some(inferences(closed, v9)) })
            }),
            "GetLatestTopicInferences" => answer(data, |request: GetLatestTopicInferencesRequest| {
                let closed = self.found(request.topic_id)?.closed.last().map(|(_, closed)| closed);
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

    /// A topic whose network inferences may be asked for by this method.
    fn network_topic(&self, id: u64, method: &str) -> Result<&Topic, AbciError> {
        let topic = self.get(id)?;
        if method.ends_with("OutlierResistant") && matches!(topic.spec.output, TopicOutput::Multi { .. }) {
            let text = "outlier resistant network inferences are not supported for multi-label topics";
            return Err(invalid_argument(text));
        }
        Ok(topic)
    }

    /// What a worker has in a window that is open.
    fn latest(&self, id: u64, worker: &str, what: &str) -> Result<&StoredInference, AbciError> {
        let address = actor(worker)?;
        let latest =
            self.found(id)?.windows.values().filter_map(|window| window.inferences.get(&address)).next_back();
        latest
            .map(AsRef::as_ref)
            .ok_or_else(|| not_found(format!("latest {what} not found for topic {id} worker {worker}")))
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

impl Response for NetworkResponse {
    fn encode(&self) -> Vec<u8> {
        use prost::Message as _;
        match self {
            Self::V9(response) => response.encode_to_vec(),
            Self::V10(response) => response.encode_to_vec(),
        }
    }
}
