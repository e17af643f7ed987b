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
        answer::{Answer, answer, internal, not_found, unknown_path},
        error::{AbciError, sdk},
    },
};

/// Answer to [`GetParamsRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Params {
    /// The message in its encoding.
    #[prost(bytes, tag = "1")]
    params: Vec<u8>,
}

impl Emissions {
    /// Answers `method` as the chain does after block `height`.
    pub fn query(&self, method: &str, data: &[u8], height: u64) -> Answer {
        match method {
            "GetParams" => answer(data, |_: GetParamsRequest| Ok(Params { params: self.params() })),
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
                // One that does not exist is not active.
                Ok(IsTopicActiveResponse {
                    is_active: self.topic(request.topic_id).is_some_and(|topic| topic.active),
                })
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
                    let topic = self.topic(request.topic_id).filter(|topic| topic.active);
                    let block_height = topic.map_or(0, |topic| signed(topic.next_nonce));
                    Ok(GetNextChurningBlockByTopicIdResponse { block_height })
                })
            }
            "GetTopicLastWorkerCommitInfo" => answer(data, |request: GetTopicLastWorkerCommitInfoRequest| {
                let last = self.topic(request.topic_id).and_then(|topic| topic.last_commit);
                Ok(GetTopicLastWorkerCommitInfoResponse {
                    last_commit: Some(self.commit(request.topic_id, last)?),
                })
            }),
            "GetTopicLastReputerCommitInfo" => {
                answer(data, |request: GetTopicLastReputerCommitInfoRequest| {
                    let last = self.topic(request.topic_id).and_then(|topic| topic.last_reputer_commit);
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

    /// A topic that must be there, where the query server looks for it itself.
    fn found(&self, id: u64) -> Result<&Topic, AbciError> {
        self.topic(id).ok_or_else(|| not_found(format!("topic {id} not found")))
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

/// An address that the query server looks at before anything else: its error is a registered one.
fn actor(text: &str) -> Result<Address, AbciError> {
    Address::parse(text).map_err(|error| {
        let registered =
            sdk::INVALID_ADDRESS.wrap(format!("invalid address: error validating actor id: {error}"));
        sdk::UNKNOWN_REQUEST.wrap(registered.log)
    })
}
