//! CometBFT's own methods.

use serde_json::{Value, json};

use super::{
    jsonrpc::RpcError,
    params::{Args, Kind, Param},
};
use crate::devnet::{
    block::{Block, Hash, Validator, rfc3339},
    cometbft_json, control,
    node::{Node, tx_attributes},
    query_language::Query,
};

/// The version that the recorded node said of itself.
const COMETBFT_VERSION: &str = "0.38.19";

/// The version of the chain's program that this chain behaves like.
const APP_VERSION: &str = "v0.17.0";

/// Results on a page unless the caller says otherwise, and at most; CometBFT's limits.
const PER_PAGE: i64 = 30;
const MAX_PER_PAGE: i64 = 100;

/// The validator's power.
const VOTING_POWER: &str = "10000000";

/// A method: its name, its parameters in order, and what it does.
#[derive(Debug)]
pub(in crate::devnet) struct Method {
    pub name: &'static str,
    pub params: &'static [Param],
    pub call: fn(&mut Node, &Args) -> Result<Value, RpcError>,
}

/// Finds a method by its name.
pub(in crate::devnet) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().chain(control::METHODS).find(|method| method.name == name)
}

const TX: &[Param] = &[("tx", Kind::Base64)];
const HEIGHT: &[Param] = &[("height", Kind::Integer)];
const HASH: &[Param] = &[("hash", Kind::Base64)];
const SEARCH: &[Param] = &[
    ("query", Kind::Text),
    ("prove", Kind::Bool),
    ("page", Kind::Integer),
    ("per_page", Kind::Integer),
    ("order_by", Kind::Text),
];

const METHODS: &[Method] = &[
    Method { name: "health", params: &[], call: |_, _| Ok(json!({})) },
    Method { name: "status", params: &[], call: |node, _| Ok(status(node)) },
    Method { name: "net_info", params: &[], call: |_, _| Ok(net_info()) },
    Method { name: "abci_info", params: &[], call: |node, _| Ok(abci_info(node)) },
    Method {
        name: "abci_query",
        params: &[
            ("path", Kind::Text),
            ("data", Kind::Hex),
            ("height", Kind::Integer),
            ("prove", Kind::Bool),
        ],
        call: abci_query,
    },
    Method {
        name: "block",
        params: HEIGHT,
        call: |node, args| Ok(cometbft_json::block_response(block(node, args)?)),
    },
    Method { name: "block_by_hash", params: HASH, call: |node, args| Ok(block_by_hash(node, args)) },
    Method {
        name: "header",
        params: HEIGHT,
        call: |node, args| Ok(json!({"header": block(node, args)?.header})),
    },
    Method {
        name: "block_results",
        params: HEIGHT,
        call: |node, args| Ok(cometbft_json::block_results(block(node, args)?)),
    },
    Method { name: "commit", params: HEIGHT, call: commit },
    Method {
        name: "validators",
        params: &[("height", Kind::Integer), ("page", Kind::Integer), ("per_page", Kind::Integer)],
        call: validators,
    },
    Method { name: "consensus_params", params: HEIGHT, call: consensus_params },
    Method { name: "tx", params: &[("hash", Kind::Base64), ("prove", Kind::Bool)], call: tx },
    Method { name: "tx_search", params: SEARCH, call: tx_search },
    Method { name: "unconfirmed_txs", params: &[("limit", Kind::Integer)], call: unconfirmed_txs },
    Method {
        name: "num_unconfirmed_txs",
        params: &[],
        call: |node, _| Ok(mempool_counts(node, Value::Null)),
    },
    Method { name: "check_tx", params: TX, call: |node, args| Ok(check_tx(node, args)) },
    Method { name: "broadcast_tx_sync", params: TX, call: broadcast_tx_sync },
    Method { name: "broadcast_tx_async", params: TX, call: broadcast_tx_async },
];

fn status(node: &Node) -> Value {
    let validator = Validator::get();
    let hash = |block: Option<&Block>| block.map_or(json!(""), |block| json!(block.id.hash));
    let app_hash =
        |block: Option<&Block>| block.map_or_else(String::new, |block| block.header.app_hash.clone());
    let height = |block: Option<&Block>| block.map_or(0, |block| block.header.height).to_string();
    let time = |block: Option<&Block>| {
        block.map_or_else(|| "0001-01-01T00:00:00Z".into(), |block| rfc3339(block.header.time))
    };
    let latest = node.blocks.latest().map(AsRef::as_ref);
    let earliest = node.blocks.earliest().map(AsRef::as_ref);
    json!({
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": "0"},
            "id": validator.address.to_lowercase(),
            "listen_addr": "tcp://127.0.0.1:26656",
            "network": node.chain_id,
            "version": COMETBFT_VERSION,
            "channels": "402021222330386061",
            "moniker": "devnet",
            "other": {"tx_index": "on", "rpc_address": node.rpc_address},
        },
        "sync_info": {
            "latest_block_hash": hash(latest),
            "latest_app_hash": app_hash(latest),
            "latest_block_height": height(latest),
            "latest_block_time": time(latest),
            "earliest_block_hash": hash(earliest),
            "earliest_app_hash": app_hash(earliest),
            "earliest_block_height": height(earliest),
            "earliest_block_time": time(earliest),
            // A node that has made no block yet says that it catches up.
            "catching_up": latest.is_none(),
        },
        "validator_info": {
            "address": validator.address,
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": validator.public_key},
            "voting_power": VOTING_POWER,
        },
    })
}

fn net_info() -> Value {
    json!({"listening": true, "listeners": ["Listener(@)"], "n_peers": "0", "peers": []})
}

fn abci_info(node: &Node) -> Value {
    let app_hash = node
        .blocks
        .latest()
        .map_or_else(String::new, |block| cometbft_json::base64(&block.executed.app_hash));
    json!({"response": {
        "data": "AlloraApp",
        "version": APP_VERSION,
        "last_block_height": node.app.height().to_string(),
        "last_block_app_hash": app_hash,
    }})
}

fn abci_query(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let height = u64::try_from(args.integer("height").unwrap_or(0))
        .map_err(|_| RpcError::internal("height cannot be negative"))?;
    let answer = node.app.query(args.text("path"), args.bytes("data"), height);
    Ok(json!({"response": {
        "code": answer.code,
        "log": answer.log,
        "info": "",
        "index": "0",
        "key": null,
        "value": answer.value.as_deref().map(cometbft_json::base64),
        "proofOps": null,
        "height": answer.height.to_string(),
        "codespace": answer.codespace,
    }}))
}

/// The block of the height that was asked for, or the latest. The texts are CometBFT's.
fn block<'a>(node: &'a Node, args: &Args) -> Result<&'a Block, RpcError> {
    let latest = node.blocks.latest().map_or(0, |block| block.header.height);
    let height = match args.integer("height") {
        None => latest,
        Some(height) => match u64::try_from(height) {
            Ok(height) if height > latest => {
                return Err(RpcError::Internal(format!(
                    "height {height} must be less than or equal to the current blockchain height {latest}"
                )));
            }
            Ok(height) if height > 0 => height,
            _ => return Err(RpcError::Internal(format!("height must be greater than 0, but got {height}"))),
        },
    };
    let earliest = node.blocks.earliest().map_or(0, |block| block.header.height);
    node.blocks.at(height).map(AsRef::as_ref).ok_or_else(|| {
        RpcError::Internal(format!("height {height} is not available, lowest height is {earliest}"))
    })
}

fn block_by_hash(node: &Node, args: &Args) -> Value {
    let found = args.bytes("hash").try_into().ok().and_then(|hash| node.blocks.by_hash(Hash(hash)));
    found.map_or_else(
        || json!({"block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "block": null}),
        |block| cometbft_json::block_response(block),
    )
}

fn commit(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let block = block(node, args)?;
    // The votes for the newest block are not in a block yet.
    let canonical = node.blocks.latest().is_some_and(|latest| latest.header.height != block.header.height);
    Ok(json!({"signed_header": {"header": block.header, "commit": block.commit}, "canonical": canonical}))
}

fn validators(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let height = block(node, args)?.header.height;
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

fn consensus_params(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    // Without a height it is those of the block that comes next.
    let height = match args.integer("height") {
        None => node.app.height() + 1,
        Some(_) => block(node, args)?.header.height,
    };
    Ok(json!({"block_height": height.to_string(), "consensus_params": cometbft_json::consensus_params()}))
}

fn tx(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let hash = args.bytes("hash");
    let found = hash.try_into().ok().and_then(|hash| node.blocks.tx(Hash(hash)));
    found
        .map(|(block, index)| cometbft_json::tx_response(block, index))
        .ok_or_else(|| RpcError::Internal(format!("tx ({}) not found", hex::encode_upper(hash))))
}

fn tx_search(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let query: Query = args.text("query").parse().map_err(RpcError::internal)?;
    let mut found: Vec<(&Block, usize)> = node
        .blocks
        .iter()
        .flat_map(|block| (0..block.executed.txs.len()).map(move |index| (block.as_ref(), index)))
        .filter(|(block, index)| query.matches(&tx_attributes(block, *index)))
        .collect();
    match args.text("order_by") {
        "asc" | "" => {}
        "desc" => found.reverse(),
        _ => return Err(RpcError::internal("expected order_by to be either `asc` or `desc` or empty")),
    }
    let total = found.len();
    let (start, length) = page(args, total)?;
    let txs: Value = found
        .into_iter()
        .skip(start)
        .take(length)
        .map(|(block, index)| cometbft_json::tx_response(block, index))
        .collect();
    Ok(json!({"txs": txs, "total_count": total.to_string()}))
}

/// Where the wanted page starts, and how long it is.
fn page(args: &Args, total: usize) -> Result<(usize, usize), RpcError> {
    let per_page = match args.integer("per_page").unwrap_or(PER_PAGE) {
        wanted if wanted < 1 => PER_PAGE,
        wanted => wanted.min(MAX_PER_PAGE),
    };
    let pages = total.div_ceil(usize::try_from(per_page).unwrap_or(1)).max(1);
    let page = args.integer("page").unwrap_or(1);
    match usize::try_from(page) {
        Ok(wanted) if (1..=pages).contains(&wanted) => {
            let length = usize::try_from(per_page).unwrap_or(1);
            Ok(((wanted - 1) * length, length))
        }
        _ => Err(RpcError::Internal(format!("page should be within [1, {pages}] range, given {page}"))),
    }
}

fn unconfirmed_txs(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let limit = match args.integer("limit").unwrap_or(PER_PAGE) {
        wanted if wanted < 1 => PER_PAGE,
        wanted => wanted.min(MAX_PER_PAGE),
    };
    let limit = usize::try_from(limit).unwrap_or(1);
    let txs: Vec<String> = node.mempool.iter().take(limit).map(|tx| cometbft_json::base64(tx)).collect();
    let count = txs.len();
    let mut answer = mempool_counts(node, txs.into());
    answer["n_txs"] = count.to_string().into();
    Ok(answer)
}

fn mempool_counts(node: &Node, txs: Value) -> Value {
    let count = node.mempool.len().to_string();
    json!({"n_txs": count, "total": count, "total_bytes": node.mempool.bytes().to_string(), "txs": txs})
}

fn check_tx(node: &mut Node, args: &Args) -> Value {
    let mut result = cometbft_json::tx_result(&node.app.check_tx(args.bytes("tx")));
    // Here absent data is an empty text.
    if result["data"].is_null() {
        result["data"] = "".into();
    }
    result
}

fn broadcast_tx_sync(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let tx = args.bytes("tx");
    let result = node.broadcast_tx(tx.to_vec()).map_err(RpcError::internal)?;
    Ok(json!({
        "code": result.code,
        "data": cometbft_json::base64(&result.data),
        "log": result.log,
        "codespace": result.codespace,
        "hash": Hash::of(tx),
    }))
}

/// Does not say what CheckTx said, only that the bytes came in.
fn broadcast_tx_async(node: &mut Node, args: &Args) -> Result<Value, RpcError> {
    let tx = args.bytes("tx");
    node.broadcast_tx(tx.to_vec()).map_err(RpcError::internal)?;
    Ok(json!({"code": 0, "data": "", "log": "", "codespace": "", "hash": Hash::of(tx)}))
}
