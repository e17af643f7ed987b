//! Methods that send, find and list transactions.

use serde_json::{Value, json};

use super::{
    jsonrpc::RpcError,
    page::{self, Order, Page},
    params::Args,
};
use crate::devnet::{
    encoding::base64,
    node::{
        block::{Block, Hash},
        cometbft_json,
        query_language::Query,
        tx_attributes,
        view::View,
    },
};

pub(super) fn tx(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    view.check_index("transaction")?;
    let hash = args.bytes("hash");
    let found = hash.try_into().ok().and_then(|hash| view.tx(Hash(hash)));
    found
        .map(|(block, index)| cometbft_json::tx_response(block, index))
        .ok_or_else(|| RpcError::Internal(format!("tx ({}) not found", hex::encode_upper(hash))))
}

pub(super) fn tx_search(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    view.check_index("transaction")?;
    let query: Query = args.text("query").parse().map_err(RpcError::internal)?;
    let mut found: Vec<(&Block, usize)> = view
        .blocks()
        .flat_map(|block| (0..block.executed.txs.len()).map(move |index| (block.as_ref(), index)))
        .filter(|(block, index)| query.matches(&tx_attributes(block, *index)))
        .collect();
    if Order::of(args)? == Order::Descending {
        found.reverse();
    }
    let total = found.len();
    let txs: Value = Page::of(args, total)?
        .select(found)
        .map(|(block, index)| cometbft_json::tx_response(block, index))
        .collect();
    Ok(json!({"txs": txs, "total_count": total.to_string()}))
}

pub(super) fn unconfirmed_txs(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let limit = page::length(args.integer("limit"));
    let txs: Vec<String> = view.node.mempool.iter().take(limit).map(|tx| base64(tx)).collect();
    let count = txs.len();
    let mut answer = mempool_counts(view, txs.into());
    answer["n_txs"] = count.to_string().into();
    Ok(answer)
}

pub(super) fn mempool_counts(view: &View<'_>, txs: Value) -> Value {
    let count = view.node.mempool.len().to_string();
    json!({"n_txs": count, "total": count, "total_bytes": view.node.mempool.bytes().to_string(), "txs": txs})
}

pub(super) fn check_tx(view: &mut View<'_>, args: &Args) -> Value {
    let mut result = cometbft_json::tx_result(&view.check_tx(args.bytes("tx")));
    // Here absent data is an empty text.
    if result["data"].is_null() {
        result["data"] = "".into();
    }
    result
}

pub(super) fn broadcast_tx_sync(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let tx = args.bytes("tx");
    let result = view.broadcast_tx(tx.to_vec()).map_err(RpcError::internal)?;
    Ok(json!({
        "code": result.code,
        "data": base64(&result.data),
        "log": result.log,
        "codespace": result.codespace,
        "hash": Hash::of(tx),
    }))
}

/// Does not say what CheckTx said, only that the bytes came in.
pub(super) fn broadcast_tx_async(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let tx = args.bytes("tx");
    view.broadcast_tx(tx.to_vec()).map_err(RpcError::internal)?;
    Ok(json!({"code": 0, "data": "", "log": "", "codespace": "", "hash": Hash::of(tx)}))
}

/// What a node says of a transaction that CheckTx refuses.
pub(super) fn refused(args: &Args, code: u32, codespace: &str) -> Value {
    json!({
        "code": code,
        "data": "",
        "log": "refused by a fault of devnet_fault",
        "codespace": codespace,
        "hash": Hash::of(args.bytes("tx")),
    })
}
