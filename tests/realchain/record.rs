//! What the chain has of an account: the truth that a journal is held against, read from the blocks themselves.

use std::collections::{BTreeMap, BTreeSet};

use bootstrap::chain::messages::query::GetInferencesAtBlockRequest;
use bootstrap::chain::tx::TxHash;
use serde_json::{Value, json};

use crate::bench::PATIENCE;
use crate::node::Node;
use crate::payload::Payload;
use crate::rpc::{bytes, number};

/// A transaction that took something from the account.
#[derive(Debug, Clone)]
pub struct Paid {
    pub hash: String,
    pub height: i64,
    pub code: u64,
    pub log: String,
    /// All that it took, in uallo.
    pub spent: u128,
    pub gas_limit: u64,
    pub gas_used: u64,
    /// `None`: it was no answer to a window.
    pub payload: Option<Payload>,
    /// What the chain says that it took into the active set, if it did.
    pub admitted: Option<Value>,
}

/// Some blocks, as they concern a topic and an account.
#[derive(Debug, Default)]
pub struct Record {
    /// Windows that opened, with their last blocks.
    pub windows: BTreeMap<i64, i64>,
    /// In the order of the blocks.
    pub paid: Vec<Paid>,
    /// Windows in which the account is not in the active set, or not any more.
    pub outside: BTreeSet<i64>,
    /// What came in by transactions and rewards, in uallo.
    pub received: u128,
    /// Nonces up to this one are forgotten.
    pub pruned: i64,
}

impl Record {
    /// Reads these blocks.
    pub fn read(node: &Node, topic_id: u64, address: &str, heights: std::ops::RangeInclusive<i64>) -> Self {
        let mut record = Self::default();
        for height in heights {
            let params = json!({"height": height.to_string()});
            // Another node may not have the newest block yet, and its results come a moment after it.
            let [block, results] = ["block", "block_results"].map(|method| {
                node.rpc
                    .until(&format!("{method} {height}"), PATIENCE, || node.rpc.call(method, &params).ok())
            });
            for event in results["finalize_block_events"].as_array().into_iter().flatten() {
                record.received += received(event, address);
                record.windows.extend(opening(event, topic_id));
                record.pruned = record.pruned.max(pruned(event, topic_id).unwrap_or(0));
            }
            let txs = block["block"]["data"]["txs"].as_array().into_iter().flatten();
            let results = results["txs_results"].as_array().into_iter().flatten();
            for (tx, result) in txs.zip(results) {
                let events = || result["events"].as_array().into_iter().flatten();
                record.received += events().map(|event| received(event, address)).sum::<u128>();
                record.outside.extend(events().filter_map(|event| outside(event, topic_id, address)));
                let spent = events().map(|event| amount(event, "coin_spent", "spender", address)).sum();
                if spent > 0 {
                    let tx = bytes(tx);
                    record.paid.push(Paid {
                        hash: TxHash::of(&tx).to_string(),
                        height,
                        code: result["code"].as_u64().unwrap(),
                        log: result["log"].as_str().unwrap_or_default().to_owned(),
                        spent,
                        gas_limit: cosmrs::Tx::from_bytes(&tx).unwrap().auth_info.fee.gas_limit,
                        gas_used: number(&result["gas_used"]).unsigned_abs(),
                        payload: Payload::of_tx(&tx),
                        admitted: events().find_map(|event| admitted(event, address)),
                    });
                }
            }
        }
        record
    }

    /// What was paid for the answer to a window.
    pub fn paid_for(&self, topic: u64, nonce: i64) -> Vec<&Paid> {
        let wanted = Some(Payload { topic, nonce });
        self.paid.iter().filter(|paid| paid.payload == wanted).collect()
    }

    /// All that was spent, in uallo.
    pub fn spent(&self) -> u128 {
        self.paid.iter().map(|paid| paid.spent).sum()
    }
}

/// Whether the chain keeps an inference of the account for a window that has closed.
pub fn has_inference(node: &Node, topic_id: u64, nonce: i64, address: &str) -> bool {
    let answer = node.rpc.query(&GetInferencesAtBlockRequest { topic_id, block_height: nonce }).unwrap();
    answer.inferences.unwrap_or_default().inferences.iter().any(|inference| inference.inferer == address)
}

fn attribute<'a>(event: &'a Value, key: &str) -> Option<&'a str> {
    let attributes = event["attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["key"] == key)?["value"].as_str()
}

/// A typed attribute, which is JSON.
fn typed(event: &Value, key: &str) -> Option<Value> {
    serde_json::from_str(attribute(event, key)?).ok()
}

fn is_a(event: &Value, name: &str) -> bool {
    event["type"].as_str().is_some_and(|kind| kind.rsplit('.').next() == Some(name))
}

/// Whether it tells of this topic. Numbers of 64 bits are texts.
fn is_of(event: &Value, topic_id: u64) -> Option<bool> {
    Some(typed(event, "topic_id")?.as_str()?.parse() == Ok(topic_id))
}

/// uallo of a bank event of this kind with this address.
fn amount(event: &Value, kind: &str, role: &str, address: &str) -> u128 {
    if event["type"] != kind || attribute(event, role) != Some(address) {
        return 0;
    }
    // Coins of several denominations are in one text.
    let mut coins = attribute(event, "amount").into_iter().flat_map(|amount| amount.split(','));
    coins.find_map(|coin| coin.strip_suffix("uallo")?.parse().ok()).unwrap_or(0)
}

fn received(event: &Value, address: &str) -> u128 {
    amount(event, "coin_received", "receiver", address)
}

fn opening(event: &Value, topic_id: u64) -> Option<(i64, i64)> {
    let is_wanted = is_a(event, "EventWorkerSubmissionWindowOpened") && is_of(event, topic_id)?;
    let height = |key| Some(number(&typed(event, key)?));
    is_wanted.then_some((height("nonce_block_height")?, height("window_end_block")?))
}

/// The last nonce of which the chain forgets everything.
fn pruned(event: &Value, topic_id: u64) -> Option<i64> {
    let is_wanted = is_a(event, "EventPruneRecords") && is_of(event, topic_id)?;
    is_wanted.then(|| Some(number(&typed(event, "block_height")?)))?
}

/// The nonce for which a transaction left the account outside of the active set.
fn outside(event: &Value, topic_id: u64, address: &str) -> Option<i64> {
    let is_wanted = is_a(event, "EventEMAScoresSet")
        && is_of(event, topic_id)?
        && typed(event, "actor_type")? == "ACTOR_TYPE_INFERER_UNSPECIFIED"
        && typed(event, "addresses")?.as_array()?.iter().any(|of| of == address)
        && typed(event, "is_active")? == serde_json::json!([false]);
    is_wanted.then(|| Some(number(&typed(event, "nonce")?)))?
}

/// The numbers of an inference that was admitted.
fn admitted(event: &Value, address: &str) -> Option<Value> {
    let is_wanted = is_a(event, "EventInsertInfererPayload") && typed(event, "inferer")? == address;
    // Before v10 there was one number.
    is_wanted.then(|| typed(event, "values").or_else(|| typed(event, "value")))?
}
