//! The methods by their names: CometBFT's own, and those that steer the chain.

use serde_json::{Value, json};

use super::{
    blocks, info,
    jsonrpc::RpcError,
    params::{Args, Kind, Param},
    txs,
};
use crate::devnet::node::{cometbft_json, control, view::View};

/// A method: its name, its parameters in order, and what it does.
#[derive(Debug)]
pub(in crate::devnet::node) struct Method {
    pub name: &'static str,
    pub params: &'static [Param],
    pub call: fn(&mut View<'_>, &Args) -> Result<Value, RpcError>,
}

impl Method {
    /// Whether it steers the chain. Faults do not hit those.
    pub fn is_control(&self) -> bool {
        self.name.starts_with("devnet_")
    }
}

/// Finds a method by its name.
pub(in crate::devnet::node) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().chain(control::METHODS).find(|method| method.name == name)
}

/// Methods that only a websocket has.
pub(in crate::devnet::node) const SUBSCRIPTIONS: [&str; 3] = ["subscribe", "unsubscribe", "unsubscribe_all"];

const TX: &[Param] = &[("tx", Kind::Tx)];
const HEIGHT: &[Param] = &[("height", Kind::Integer)];
const HASH: &[Param] = &[("hash", Kind::Base64)];
const TX_SEARCH: &[Param] = &[
    ("query", Kind::Text),
    ("prove", Kind::Bool),
    ("page", Kind::Integer),
    ("per_page", Kind::Integer),
    ("order_by", Kind::Text),
];
const BLOCK_SEARCH: &[Param] =
    &[("query", Kind::Text), ("page", Kind::Integer), ("per_page", Kind::Integer), ("order_by", Kind::Text)];
const ABCI_QUERY: &[Param] =
    &[("path", Kind::Text), ("data", Kind::Hex), ("height", Kind::Integer), ("prove", Kind::Bool)];
const VALIDATORS: &[Param] =
    &[("height", Kind::Integer), ("page", Kind::Integer), ("per_page", Kind::Integer)];

/// The same order as in CometBFT's own table.
const METHODS: &[Method] = &[
    Method { name: "health", params: &[], call: |_, _| Ok(json!({})) },
    Method { name: "status", params: &[], call: |view, _| Ok(info::status(view)) },
    Method { name: "net_info", params: &[], call: |_, _| Ok(info::net_info()) },
    Method {
        name: "blockchain",
        params: &[("minHeight", Kind::Integer), ("maxHeight", Kind::Integer)],
        call: blocks::blockchain,
    },
    Method { name: "genesis", params: &[], call: |view, _| Ok(info::genesis(view)) },
    Method {
        name: "block",
        params: HEIGHT,
        call: |view, args| Ok(cometbft_json::block_response(blocks::block(view, args)?)),
    },
    Method { name: "block_by_hash", params: HASH, call: |view, args| Ok(blocks::block_by_hash(view, args)) },
    Method {
        name: "block_results",
        params: HEIGHT,
        call: |view, args| Ok(cometbft_json::block_results(blocks::block(view, args)?)),
    },
    Method { name: "commit", params: HEIGHT, call: blocks::commit },
    Method { name: "header", params: HEIGHT, call: blocks::header },
    Method {
        name: "header_by_hash",
        params: HASH,
        call: |view, args| Ok(blocks::header_by_hash(view, args)),
    },
    Method { name: "check_tx", params: TX, call: |view, args| Ok(txs::check_tx(view, args)) },
    Method { name: "tx", params: &[("hash", Kind::Base64), ("prove", Kind::Bool)], call: txs::tx },
    Method { name: "tx_search", params: TX_SEARCH, call: txs::tx_search },
    Method { name: "block_search", params: BLOCK_SEARCH, call: blocks::block_search },
    Method { name: "validators", params: VALIDATORS, call: info::validators },
    Method { name: "consensus_params", params: HEIGHT, call: info::consensus_params },
    Method { name: "unconfirmed_txs", params: &[("limit", Kind::Integer)], call: txs::unconfirmed_txs },
    Method {
        name: "num_unconfirmed_txs",
        params: &[],
        call: |view, _| Ok(txs::mempool_counts(view, Value::Null)),
    },
    Method { name: "broadcast_tx_sync", params: TX, call: txs::broadcast_tx_sync },
    Method { name: "broadcast_tx_async", params: TX, call: txs::broadcast_tx_async },
    Method { name: "abci_query", params: ABCI_QUERY, call: info::abci_query },
    Method { name: "abci_info", params: &[], call: |view, _| Ok(info::abci_info(view)) },
];
