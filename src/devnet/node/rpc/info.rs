//! Methods that tell of the node and ask the application.

use serde_json::{Value, json};

use super::{blocks::block, jsonrpc::RpcError, params::Args};
use crate::devnet::{
    encoding::base64,
    node::{
        block::{Block, Validator, rfc3339},
        cometbft_json,
        view::View,
    },
};

/// The version that the recorded node said of itself.
const COMETBFT_VERSION: &str = "0.38.19";

/// The validator's power.
const VOTING_POWER: &str = "10000000";

pub(super) fn status(view: &View<'_>) -> Value {
    let validator = Validator::get();
    let hash = |block: Option<&Block>| block.map_or(json!(""), |block| json!(block.id.hash));
    let app_hash =
        |block: Option<&Block>| block.map_or_else(String::new, |block| block.header.app_hash.clone());
    let height = |block: Option<&Block>| block.map_or(0, |block| block.header.height).to_string();
    let time = |block: Option<&Block>| {
        block.map_or_else(|| "0001-01-01T00:00:00Z".into(), |block| rfc3339(block.header.time))
    };
    let latest = view.latest().map(AsRef::as_ref);
    let earliest = view.earliest().map(AsRef::as_ref);
    json!({
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": "0"},
            "id": validator.address.to_lowercase(),
            "listen_addr": "tcp://127.0.0.1:26656",
            "network": view.chain_id,
            "version": COMETBFT_VERSION,
            "channels": "402021222330386061",
            "moniker": "devnet",
            "other": {"tx_index": "on", "rpc_address": view.rpc_address()},
        },
        "sync_info": {
            "latest_block_hash": hash(latest),
            "latest_app_hash": app_hash(latest),
            "latest_block_height": view.claimed(latest.map_or(0, |block| block.header.height)),
            "latest_block_time": time(latest),
            "earliest_block_hash": hash(earliest),
            "earliest_app_hash": app_hash(earliest),
            "earliest_block_height": height(earliest),
            "earliest_block_time": time(earliest),
            "catching_up": view.catching_up,
        },
        "validator_info": {
            "address": validator.address,
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": validator.public_key},
            "voting_power": VOTING_POWER,
        },
    })
}

pub(super) fn net_info() -> Value {
    json!({"listening": true, "listeners": ["Listener(@)"], "n_peers": "0", "peers": []})
}

pub(super) fn abci_info(view: &View<'_>) -> Value {
    let app_hash = view.latest().map_or_else(String::new, |block| base64(&block.executed.app_hash));
    json!({"response": {
        "data": "AlloraApp",
        "version": view.node.app.version(),
        "last_block_height": view.head.to_string(),
        "last_block_app_hash": app_hash,
    }})
}

pub(super) fn abci_query(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let height = args.integer("height").unwrap_or(0);
    let answer = view.query(args.text("path"), args.bytes("data"), height);
    Ok(json!({"response": {
        "code": answer.code,
        "log": answer.log,
        "info": "",
        "index": "0",
        "key": null,
        "value": answer.value.as_deref().map(base64),
        "proofOps": null,
        "height": view.claimed(answer.height),
        "codespace": answer.codespace,
    }}))
}

pub(super) fn validators(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let height = block(view, args)?.header.height;
    let validator = Validator::get();
    Ok(json!({
        "block_height": height.to_string(),
        "validators": [{
            "address": validator.address,
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": validator.public_key},
            "voting_power": VOTING_POWER,
            "proposer_priority": "0",
        }],
        "count": "1",
        "total": "1",
    }))
}

pub(super) fn consensus_params(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    // Without a height it is those of the block that comes next.
    let height = match args.integer("height") {
        None => view.head + 1,
        Some(_) => block(view, args)?.header.height,
    };
    Ok(json!({"block_height": height.to_string(), "consensus_params": cometbft_json::consensus_params()}))
}

pub(super) fn genesis(view: &View<'_>) -> Value {
    let validator = Validator::get();
    json!({"genesis": {
        "genesis_time": rfc3339(view.node.genesis_time),
        "chain_id": view.chain_id,
        "initial_height": "1",
        "consensus_params": cometbft_json::consensus_params(),
        "validators": [{
            "address": validator.address,
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": validator.public_key},
            "power": VOTING_POWER,
            "name": "devnet",
        }],
        "app_hash": "",
        "app_state": {},
    }})
}
