//! Scores of inferers, forecasters and reputers.

use bigdecimal::BigDecimal;

use super::address;
use crate::{
    chain::messages::{self, Score, query::*},
    devnet::app::{
        address::Address,
        answer::{Answer, answer, not_found},
        emissions::{
            Emissions,
            admission::{EmaScore, Scores},
            number,
            topic::{ClosedNonce, Topic, Window, signed},
        },
        error::AbciError,
    },
};

impl Emissions {
    pub(super) fn score_query(&self, method: &str, data: &[u8]) -> Option<Answer> {
        Some(match method {
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
                let lowest =
                    last_window(topic).and_then(|window| topic.inferer_scores.lowest(&window.inferences));
                let (address, ema) = lowest.ok_or_else(|| no_lowest("inferer", id))?;
                Ok(GetCurrentLowestInfererScoreResponse { score: Some(score(id, address, &ema)) })
            }),
            "GetWorkerInferenceScoresAtBlock" => {
                answer(data, |request: GetWorkerInferenceScoresAtBlockRequest| {
                    let (id, height) = (request.topic_id, request.block_height);
                    let scores = Some(self.scores_at(id, height, |closed| &closed.scores));
                    Ok(GetWorkerInferenceScoresAtBlockResponse { scores })
                })
            }
            "GetWorkerForecastScoresAtBlock" => answer(data, |_: GetWorkerForecastScoresAtBlockRequest| {
                Ok(GetWorkerForecastScoresAtBlockResponse { scores: Some(Default::default()) })
            }),
            "GetInferenceScoresUntilBlock" => answer(data, |request: GetInferenceScoresUntilBlockRequest| {
                let id = request.topic_id;
                let closed = self.topic(id).into_iter().flat_map(|topic| topic.closed.values());
                let closed = closed.filter(|closed| signed(closed.nonce) <= request.block_height);
                let scores = closed.flat_map(|closed| scores(id, closed.nonce, &closed.scores)).collect();
                Ok(GetInferenceScoresUntilBlockResponse { scores })
            }),
            "GetReputerScoreEma" => answer(data, |request: GetReputerScoreEmaRequest| {
                let score = self.ema(request.topic_id, &request.reputer, |topic| &topic.reputer_scores)?;
                Ok(GetReputerScoreEmaResponse { score: Some(score) })
            }),
            "GetReputersScoresAtBlock" => answer(data, |request: GetReputersScoresAtBlockRequest| {
                let (id, height) = (request.topic_id, request.block_height);
                let scores = Some(self.scores_at(id, height, |closed| &closed.reputer_scores));
                Ok(GetReputersScoresAtBlockResponse { scores })
            }),
            "GetCurrentLowestReputerScore" => answer(data, |request: GetCurrentLowestReputerScoreRequest| {
                let id = request.topic_id;
                let topic = self.get(id)?;
                let losses = topic.reputer_nonces.values().rev().find(|losses| !losses.is_empty());
                let lowest = losses.and_then(|losses| topic.reputer_scores.lowest(losses));
                let (address, ema) = lowest.ok_or_else(|| no_lowest("reputer", id))?;
                Ok(GetCurrentLowestReputerScoreResponse { score: Some(score(id, address, &ema)) })
            }),
            "GetCurrentLowestForecasterScore" => {
                answer(data, |request: GetCurrentLowestForecasterScoreRequest| {
                    let id = request.topic_id;
                    let topic = self.get(id)?;
                    let lowest = last_window(topic)
                        .and_then(|window| topic.forecaster_scores.lowest(&window.forecasts));
                    let (address, ema) = lowest.ok_or_else(|| no_lowest("forecaster", id))?;
                    Ok(GetCurrentLowestForecasterScoreResponse { score: Some(score(id, address, &ema)) })
                })
            }
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
            _ => return None,
        })
    }

    /// The scores of a nonce that has closed; none for one that is not known.
    fn scores_at(
        &self,
        id: u64,
        nonce: i64,
        of: impl Fn(&ClosedNonce) -> &[(Address, BigDecimal)],
    ) -> messages::Scores {
        let closed = self.closed(id, nonce);
        let given = closed.map(|closed| scores(id, closed.nonce, of(closed)));
        messages::Scores { scores: given.into_iter().flatten().collect() }
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

/// Scores that were given for a nonce.
fn scores(topic_id: u64, nonce: u64, given: &[(Address, BigDecimal)]) -> impl Iterator<Item = Score> {
    given
        .iter()
        .map(move |(address, value)| score(topic_id, *address, &EmaScore { nonce, value: value.clone() }))
}

/// The window that is open, or else the last one.
fn last_window(topic: &Topic) -> Option<&Window> {
    let open = topic.windows.last().map(|(_, window)| window);
    open.or_else(|| topic.closed.last().map(|(_, closed)| &closed.window))
}

fn no_lowest(actor: &str, topic_id: u64) -> AbciError {
    not_found(format!("no lowest {actor} score found for topic {topic_id}"))
}
