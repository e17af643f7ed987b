//! What the reputers' losses make of scores and rewards.
//!
//! Simpler than the chain: an inferer's score is by how much the loss would be higher without it, as
//! the reputers say in the mean; rewards go by positive scores.

use std::sync::Arc;

use bigdecimal::{BigDecimal, ToPrimitive, Zero};
use serde_json::json;

use super::{
    admission::{ActiveSet, EmaScore},
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

/// uallo that the inferers of an epoch share.
const EPOCH_REWARD: u64 = 1_000_000_000_000_000_000;

/// Scores the inferers of a nonce and pays them.
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
    let scores: Vec<(Address, BigDecimal)> =
        closed.window.inferences.keys().map(|inferer| (*inferer, mean_score(*inferer, losses))).collect();
    let alpha = number::parse(MERIT_SORTITION_ALPHA);
    let emas: Vec<BigDecimal> = scores
        .iter()
        .map(|(inferer, score)| {
            let value = number::ema(&alpha, score, &topic.inferer_scores.ema(*inferer).value);
            topic.inferer_scores.set(*inferer, EmaScore { nonce, value: value.clone() });
            value
        })
        .collect();
    topic.inferer_scores.set_quantile(number::quantile(emas.clone(), &number::parse(ACTIVE_QUANTILE)));
    let typed = |name| TypedEvent::new(version, name).number("topic_id", topic.spec.id);
    let actors = |event: TypedEvent| {
        event
            .text("actor_type", "ACTOR_TYPE_INFERER_UNSPECIFIED")
            .texts("addresses", scores.iter().map(|(inferer, _)| inferer))
    };
    let fractions = fractions(&scores);
    let rewards: Vec<BigDecimal> =
        fractions.iter().map(|fraction| fraction * BigDecimal::from(EPOCH_REWARD)).collect();
    events.extend([
        typed("EventNetworkLossSet")
            .number("block_height", nonce)
            .number("nonce", nonce)
            .json("value_bundle", &serde_json::Value::Null)
            .json("bundle", &losses.values().next().map(|bundle| BundleJson::from(&**bundle)))
            .build(),
        actors(typed("EventScoresSet"))
            .number("block_height", nonce)
            .decimals("scores", scores.iter().map(|(_, score)| number::canonical(score)))
            .build(),
        actors(typed("EventEMAScoresSet"))
            .number("nonce", nonce)
            .decimals("scores", emas.iter().map(number::canonical))
            .json("is_active", &json!(vec![true; emas.len()]))
            .build(),
        actors(typed("EventRewardsSettled"))
            .number("block_height", nonce)
            .number("block_height_tx", height)
            .decimals("rewards", rewards.iter().map(number::canonical))
            .build(),
    ]);
    for ((inferer, _), (fraction, reward)) in scores.iter().zip(fractions.iter().zip(&rewards)) {
        topic.reward_fractions.insert_mut(*inferer, fraction.clone());
        let whole = reward.to_u128().unwrap_or(0);
        ledger.set_balance(*inferer, ledger.balance(*inferer).saturating_add(whole));
    }
    topic.closed.insert_mut(nonce, Arc::new(ClosedNonce { scores, ..(*closed).clone() }));
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
