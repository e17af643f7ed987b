//! Blocks, results and events in the JSON of CometBFT 0.38.
//!
//! There are two dialects: answers of methods write every field, event frames leave out what is
//! zero or empty.

use serde_json::{Value, json};

use super::{
    MAX_BLOCK_BYTES,
    block::{Block, Hash},
};
use crate::devnet::{
    abci::{Event, ExecTxResult},
    encoding::base64,
};

/// Bytes as base64; null when there are none, as Go writes an absent slice.
fn base64_or_null(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { base64(bytes).into() }
}

/// The consensus parameters of the public networks.
pub(super) fn consensus_params() -> Value {
    json!({
        "block": {"max_bytes": MAX_BLOCK_BYTES.to_string(), "max_gas": "-1"},
        "evidence": {
            "max_age_num_blocks": "100000",
            "max_age_duration": "172800000000000",
            "max_bytes": "1048576"
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": "0"},
        "abci": {"vote_extensions_enable_height": "0"}
    })
}

/// The same where they stand among a block's results: zeroes are left out.
fn consensus_param_updates() -> Value {
    let mut params = consensus_params();
    params["version"] = json!({});
    params["abci"] = json!({});
    params
}

/// `{"type", "attributes": [{"key", "value", "index"}]}`; every attribute is indexed.
pub(super) fn events(events: &[Event]) -> Value {
    events
        .iter()
        .map(|event| {
            let attributes: Value = event
                .attributes
                .iter()
                .map(|(key, value)| json!({"key": key, "value": value, "index": true}))
                .collect();
            json!({"type": event.kind, "attributes": attributes})
        })
        .collect()
}

/// The result of a transaction in an answer.
pub(super) fn tx_result(result: &ExecTxResult) -> Value {
    json!({
        "code": result.code,
        "data": base64_or_null(&result.data),
        "log": result.log,
        "info": "",
        "gas_wanted": result.gas_wanted.to_string(),
        "gas_used": result.gas_used.to_string(),
        "events": events(&result.events),
        "codespace": result.codespace,
    })
}

/// The result of a transaction in a frame.
fn tx_result_in_frame(result: &ExecTxResult) -> Value {
    let mut json = tx_result(result);
    if let Value::Object(fields) = &mut json {
        fields.retain(|_, value| !(value.is_null() || *value == 0 || *value == "" || *value == "0"));
    }
    json
}

/// The block without its id.
fn block(block: &Block) -> Value {
    let txs: Value = block.executed.txs.iter().map(|(tx, _)| base64(tx)).collect();
    json!({
        "header": block.header,
        "data": {"txs": txs},
        "evidence": {"evidence": []},
        "last_commit": block.last_commit,
    })
}

/// Answer of `block` and `block_by_hash`.
pub(super) fn block_response(of: &Block) -> Value {
    json!({"block_id": of.id, "block": block(of)})
}

/// Answer of `block_results`.
pub(super) fn block_results(block: &Block) -> Value {
    let txs: Vec<Value> = block.executed.txs.iter().map(|(_, result)| tx_result(result)).collect();
    json!({
        "height": block.header.height.to_string(),
        "txs_results": if txs.is_empty() { Value::Null } else { txs.into() },
        "finalize_block_events": events(&block.executed.events),
        "validator_updates": null,
        "consensus_param_updates": consensus_param_updates(),
        "app_hash": base64(&block.executed.app_hash),
    })
}

/// Answer of `tx`, and an element of `tx_search`.
pub(super) fn tx_response(block: &Block, index: usize) -> Value {
    let Some((tx, result)) = block.executed.txs.get(index) else { return Value::Null };
    json!({
        "hash": Hash::of(tx),
        "height": block.header.height.to_string(),
        "index": index,
        "tx_result": tx_result(result),
        "tx": base64(tx),
    })
}

fn event(kind: &str, value: Value) -> Value {
    json!({"type": format!("tendermint/event/{kind}"), "value": value})
}

/// Data of a `NewBlock` frame.
pub(super) fn new_block_event(of: &Block) -> Value {
    let mut result = json!({
        "events": events(&of.executed.events),
        "validator_updates": [],
        "consensus_param_updates": consensus_param_updates(),
        "app_hash": base64(&of.executed.app_hash),
    });
    if !of.executed.txs.is_empty() {
        result["tx_results"] = of.executed.txs.iter().map(|(_, result)| tx_result_in_frame(result)).collect();
    }
    event("NewBlock", json!({"block": block(of), "block_id": of.id, "result_finalize_block": result}))
}

/// Data of a `NewBlockHeader` frame.
pub(super) fn new_block_header_event(block: &Block) -> Value {
    event("NewBlockHeader", json!({"header": block.header}))
}

/// Data of a `NewBlockEvents` frame.
pub(super) fn new_block_events_event(block: &Block) -> Value {
    event(
        "NewBlockEvents",
        json!({
            "height": block.header.height.to_string(),
            "events": events(&block.executed.events),
            "num_txs": block.executed.txs.len().to_string(),
        }),
    )
}

/// Data of a `Tx` frame.
pub(super) fn tx_event(block: &Block, index: usize) -> Value {
    let Some((tx, result)) = block.executed.txs.get(index) else { return Value::Null };
    let mut fields = json!({
        "height": block.header.height.to_string(),
        "tx": base64(tx),
        "result": tx_result_in_frame(result),
    });
    if index > 0 {
        fields["index"] = index.into();
    }
    event("Tx", json!({"TxResult": fields}))
}
