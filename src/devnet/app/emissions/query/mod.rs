//! Answers of the module's query service.
//!
//! | file | answers about |
//! |---|---|
//! | `window` | windows and nonces |
//! | `actor` | addresses: registrations, whitelists, weights, stake |
//! | `score` | scores |
//! | `inference` | inferences and forecasts |

mod actor;
mod inference;
mod score;
mod window;

use std::sync::Arc;

use super::{
    Emissions,
    topic::{ClosedNonce, Topic, signed},
};
use crate::{
    chain::messages::{Nonce, query::*},
    devnet::app::{
        address::Address,
        answer::{Answer, answer, internal, unknown_path},
        error::{AbciError, sdk},
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
            "GetActiveTopicsAtBlock" => answer(data, |request: GetActiveTopicsAtBlockRequest| {
                let opens =
                    |topic: &&Arc<Topic>| topic.active && signed(topic.next_nonce) == request.block_height;
                let topics = self.topics.values().filter(opens);
                let topics = topics.map(|topic| topic.to_message(self.version, &self.creator)).collect();
                Ok(GetActiveTopicsAtBlockResponse { topics })
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
                .or_else(|| self.score_query(method, data))
                .or_else(|| self.inference_query(method, data))
                .unwrap_or_else(unknown_path),
        }
    }

    fn get(&self, id: u64) -> Result<&Topic, AbciError> {
        self.topic(id).ok_or_else(|| sdk::UNKNOWN_REQUEST.wrap("error getting topic: topic does not exist"))
    }

    /// What is kept of a nonce that has closed.
    fn closed(&self, id: u64, nonce: i64) -> Option<&Arc<ClosedNonce>> {
        self.topic(id)?.closed.get(&u64::try_from(nonce).ok()?)
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
