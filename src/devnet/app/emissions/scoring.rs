//! What the reputers' losses make of scores and rewards.
//!
//! Simpler than the chain: an inferer's score is by how much the loss would be higher without it, as
//! the reputers say in the mean; a reputer's is always the same; rewards go by positive scores.

use std::sync::Arc;

use bigdecimal::{BigDecimal, ToPrimitive, Zero};
use serde_json::json;

use super::{
    admission::{ActiveSet, EmaScore, Scores},
    event::TypedEvent,
    network::BundleJson,
    number,
    topic::{ACTIVE_QUANTILE, ClosedNonce, MERIT_SORTITION_ALPHA, Topic},
};
use crate::{
    chain::messages::{EmissionsVersion, ValueBundle, WorkerAttributedValue},
    devnet::{
        abci::Event,
        app::{address::Address, ledger::Ledger},
    },
};

/// uallo that the inferers of an epoch share, and its reputers as well.
const EPOCH_REWARD: u64 = 1_000_000_000_000_000_000;

/// Score of every reputer: what the chain gives who is contradicted by nobody.
const REPUTER_SCORE: u64 = 100;

/// What the reputers say of the network's losses at a nonce.
pub fn network_loss(
    topic: &Topic,
    nonce: u64,
    losses: &ActiveSet<ValueBundle>,
    version: EmissionsVersion,
) -> Event {
    TypedEvent::new(version, "EventNetworkLossSet")
        .number("topic_id", topic.spec.id)
        .number("block_height", nonce)
        .number("nonce", nonce)
        .json("value_bundle", &serde_json::Value::Null)
        .json("bundle", &losses.values().next().map(|bundle| BundleJson::from(&**bundle)))
        .build()
}

/// Scores the reputers and the inferers of a nonce and pays them.
pub fn score(
    topic: &mut Topic,
    nonce: u64,
    height: u64,
    losses: &ActiveSet<ValueBundle>,
    version: EmissionsVersion,
    ledger: &mut Ledger,
    events: &mut Vec<Event>,
) {
    let Some(closed) = topic.closed.get(&nonce).cloned() else { return };
    let told = Telling { version, topic: topic.spec.id, nonce };
    let reputers: Vec<_> = losses.keys().map(|reputer| (*reputer, BigDecimal::from(REPUTER_SCORE))).collect();
    let inferers: Vec<_> =
        closed.window.inferences.keys().map(|inferer| (*inferer, mean_score(*inferer, losses))).collect();
    for (actors, scores, averages) in [
        (Actors::Reputers, &reputers, &mut topic.reputer_scores),
        (Actors::Inferers, &inferers, &mut topic.inferer_scores),
    ] {
        let emas = average(averages, nonce, scores);
        events.extend([told.scores(actors, scores), told.emas(actors, scores, &emas)]);
    }
    for (actors, scores) in [(Actors::Inferers, &inferers), (Actors::Reputers, &reputers)] {
        let fractions = fractions(scores);
        let rewards: Vec<BigDecimal> =
            fractions.iter().map(|fraction| fraction * BigDecimal::from(EPOCH_REWARD)).collect();
        events.push(told.rewards(actors, scores, &rewards, height));
        for ((actor, _), (fraction, reward)) in scores.iter().zip(fractions.iter().zip(&rewards)) {
            let whole = reward.to_u128().unwrap_or(0);
            match actors {
                Actors::Inferers => {
                    topic.reward_fractions.insert_mut(*actor, fraction.clone());
                    ledger.set_balance(*actor, ledger.balance(*actor).saturating_add(whole));
                }
                // What a reputer earns is staked.
                Actors::Reputers => {
                    let stake = topic.stakes.get(actor).copied().unwrap_or(0);
                    topic.stakes.insert_mut(*actor, stake.saturating_add(whole));
                }
            }
        }
    }
    let closed = ClosedNonce { scores: inferers, reputer_scores: reputers, ..(*closed).clone() };
    topic.closed.insert_mut(nonce, Arc::new(closed));
}

/// Moves the averages of the active actors, and what those of the others drift towards. Gives them.
fn average(averages: &mut Scores, nonce: u64, scores: &[(Address, BigDecimal)]) -> Vec<BigDecimal> {
    let alpha = number::parse(MERIT_SORTITION_ALPHA);
    let emas: Vec<BigDecimal> = scores
        .iter()
        .map(|(actor, score)| {
            let value = number::ema(&alpha, score, &averages.ema(*actor).value);
            averages.set(*actor, EmaScore { nonce, value: value.clone() });
            value
        })
        .collect();
    averages.set_quantile(number::quantile(emas.clone(), &number::parse(ACTIVE_QUANTILE)));
    emas
}

/// Whose scores they are.
#[derive(Debug, Clone, Copy)]
enum Actors {
    Inferers,
    Reputers,
}

/// The events of a nonce's scores.
#[derive(Debug, Clone, Copy)]
struct Telling {
    version: EmissionsVersion,
    topic: u64,
    nonce: u64,
}

impl Telling {
    fn event(self, name: &str, actors: Actors, scores: &[(Address, BigDecimal)]) -> TypedEvent {
        let actor_type = match actors {
            Actors::Inferers => "ACTOR_TYPE_INFERER_UNSPECIFIED",
            Actors::Reputers => "ACTOR_TYPE_REPUTER",
        };
        TypedEvent::new(self.version, name)
            .number("topic_id", self.topic)
            .text("actor_type", actor_type)
            .texts("addresses", scores.iter().map(|(actor, _)| actor))
    }

    fn scores(self, actors: Actors, scores: &[(Address, BigDecimal)]) -> Event {
        self.event("EventScoresSet", actors, scores)
            .number("block_height", self.nonce)
            .decimals("scores", scores.iter().map(|(_, score)| number::canonical(score)))
            .build()
    }

    fn emas(self, actors: Actors, scores: &[(Address, BigDecimal)], emas: &[BigDecimal]) -> Event {
        self.event("EventEMAScoresSet", actors, scores)
            .number("nonce", self.nonce)
            .decimals("scores", emas.iter().map(number::canonical))
            .json("is_active", &json!(vec![true; emas.len()]))
            .build()
    }

    /// `height` is that of the block that pays.
    fn rewards(
        self,
        actors: Actors,
        scores: &[(Address, BigDecimal)],
        rewards: &[BigDecimal],
        height: u64,
    ) -> Event {
        self.event("EventRewardsSettled", actors, scores)
            .number("block_height", self.nonce)
            .number("block_height_tx", height)
            .decimals("rewards", rewards.iter().map(number::canonical))
            .build()
    }
}

/// By how much the reputers say that the loss would be higher without this inferer.
fn mean_score(inferer: Address, losses: &ActiveSet<ValueBundle>) -> BigDecimal {
    let inferer = inferer.to_string();
    let without = |row: &&WorkerAttributedValue| row.worker == inferer;
    let gains: Vec<BigDecimal> = losses
        .values()
        .filter_map(|bundle| {
            let loss = bundle.one_out_inferer_values.iter().find(without)?;
            Some(number::parse(&loss.value) - number::parse(&bundle.combined_value))
        })
        .collect();
    number::mean(&gains)
}

/// Parts of the reward, by positive scores; equal ones when nobody has any.
fn fractions(scores: &[(Address, BigDecimal)]) -> Vec<BigDecimal> {
    let positive =
        |score: &BigDecimal| if score > &BigDecimal::zero() { score.clone() } else { BigDecimal::zero() };
    let sum: BigDecimal = scores.iter().map(|(_, score)| positive(score)).sum();
    let count = BigDecimal::from(scores.len() as u64);
    scores.iter().map(|(_, score)| if sum.is_zero() { 1 / &count } else { positive(score) / &sum }).collect()
}
