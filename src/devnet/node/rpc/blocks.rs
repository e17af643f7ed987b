//! Methods that read blocks.

use serde_json::{Value, json};

use super::{
    jsonrpc::RpcError,
    page::{Order, Page},
    params::Args,
};
use crate::devnet::node::{
    block::{Block, Hash},
    block_attributes, cometbft_json,
    query_language::Query,
    view::View,
};

/// Headers of one `blockchain`; CometBFT's limit.
const MAX_HEADERS: u64 = 20;

/// The block of the height that was asked for, or the latest. The texts are CometBFT's.
pub(super) fn block<'a>(view: &'a View<'_>, args: &Args) -> Result<&'a Block, RpcError> {
    let latest = view.latest().map_or(0, |block| block.header.height);
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
    let earliest = view.earliest().map_or(0, |block| block.header.height);
    view.at(height).map(AsRef::as_ref).ok_or_else(|| {
        RpcError::Internal(format!("height {height} is not available, lowest height is {earliest}"))
    })
}

pub(super) fn block_by_hash(view: &View<'_>, args: &Args) -> Value {
    by_hash(view, args).map_or_else(
        || json!({"block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "block": null}),
        cometbft_json::block_response,
    )
}

pub(super) fn commit(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let block = block(view, args)?;
    // The votes for the newest block are not in a block yet.
    let canonical = view.latest().is_some_and(|latest| latest.header.height != block.header.height);
    Ok(json!({"signed_header": {"header": block.header, "commit": block.commit}, "canonical": canonical}))
}

fn by_hash<'a>(view: &'a View<'_>, args: &Args) -> Option<&'a Block> {
    let hash = args.bytes("hash").try_into().ok()?;
    view.by_hash(Hash(hash)).map(AsRef::as_ref)
}

pub(super) fn header(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    Ok(json!({"header": block(view, args)?.header}))
}

pub(super) fn header_by_hash(view: &View<'_>, args: &Args) -> Value {
    json!({"header": by_hash(view, args).map(|block| &block.header)})
}

/// Headers from one height to another, newest first.
pub(super) fn blockchain(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    let height = |name: &str, default: u64| match args.integer(name).unwrap_or(0) {
        0 => Ok(default),
        height => u64::try_from(height).map_err(|_| RpcError::internal("heights must be non-negative")),
    };
    let latest = view.latest().map_or(0, |block| block.header.height);
    let earliest = view.earliest().map_or(0, |block| block.header.height);
    let max = height("maxHeight", latest)?.min(latest);
    let min = height("minHeight", earliest)?.max(earliest).max((max + 1).saturating_sub(MAX_HEADERS));
    if min > max {
        return Err(RpcError::Internal(format!("min height {min} can't be greater than max height {max}")));
    }
    let metas: Value = (min..=max)
        .rev()
        .filter_map(|height| view.at(height))
        .map(|block| {
            let txs = &block.executed.txs;
            json!({
                "block_id": block.id,
                "block_size": txs.iter().map(|(tx, _)| tx.len()).sum::<usize>().to_string(),
                "header": block.header,
                "num_txs": txs.len().to_string(),
            })
        })
        .collect();
    Ok(json!({"last_height": latest.to_string(), "block_metas": metas}))
}

/// Blocks by the events of their beginning and end, and by `block.height`.
pub(super) fn block_search(view: &mut View<'_>, args: &Args) -> Result<Value, RpcError> {
    view.check_index("block")?;
    let query: Query = args.text("query").parse().map_err(RpcError::internal)?;
    let matches = |block: &&std::sync::Arc<Block>| {
        let mut attributes = block_attributes(&block.executed.events);
        attributes.insert("block.height".into(), vec![block.header.height.to_string()]);
        query.matches(&attributes)
    };
    let mut found: Vec<_> = view.blocks().filter(matches).collect();
    // Unlike a search for transactions: the newest first unless asked otherwise.
    if args.text("order_by").is_empty() || Order::of(args)? == Order::Descending {
        found.reverse();
    }
    let total = found.len();
    let blocks: Value =
        Page::of(args, total)?.select(found).map(|block| cometbft_json::block_response(block)).collect();
    Ok(json!({"blocks": blocks, "total_count": total.to_string()}))
}
