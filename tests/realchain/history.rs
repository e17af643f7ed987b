//! Blocks and transactions that a chain has: two chains have others, of the same shape.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::account::base64;
use crate::node::Node;
use crate::script::{Answer, recording};

/// The newest block, and the newest transaction of the first account with its block, each by the recording of one like
/// it.
pub fn answers(node: &Node) -> Vec<Answer> {
    let ask = |method: &str, params: &Value| node.rpc.try_call(method, params).unwrap();
    let mut all = vec![("block.latest", shape_of(&[ask("block", &json!({}))]))];
    let query = format!("message.sender='{}'", node.accounts[0].address());
    let newest = json!({"query": query, "prove": false, "page": "1", "per_page": "1", "order_by": "desc"});
    let found = node.rpc.call("tx_search", &newest).unwrap();
    let Some(tx) = found["txs"].get(0) else {
        node.skip("a transaction that exists: the first account has sent none");
        return all;
    };
    let hash = base64(&hex::decode(tx["hash"].as_str().unwrap()).unwrap());
    let height = json!({"height": tx["height"]});
    // A local chain makes no money in each block, so that only one with a window has events of its own.
    let topic = node.topic(node.topic_id).unwrap();
    let opening = node.window(topic.id, "").next_window_start_block - topic.epoch_length;
    let of_opening = json!({"height": opening.to_string()});
    all.extend([
        ("tx_search", shape_of(&[ask("tx_search", &newest)])),
        ("tx/payload_ok.delivered", shape_of(&[ask("tx", &json!({"hash": hash, "prove": false}))])),
        ("block.opening", shape_of(&[ask("block", &height)])),
        (
            "block_results.closing",
            shape_of(&[height, of_opening].map(|height| ask("block_results", &height))),
        ),
    ]);
    all
}

/// The shape of what a v0.17.0 node was recorded to say.
pub fn recorded(name: &str) -> Value {
    shape_of(&[recording(name)["response"].take()])
}

/// The places of answers, with the kinds of what is there. Rows of a list are one place; what is nothing is none.
fn shape_of(answers: &[Value]) -> Value {
    let mut places = BTreeSet::new();
    answers.iter().for_each(|answer| add_places(answer, "", &mut places));
    json!(places)
}

fn add_places(value: &Value, place: &str, places: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, field)| add_places(field, &format!("{place}/{key}"), places));
            return;
        }
        Value::Array(rows) => {
            let rows = rows.iter().filter(|row| row.is_object());
            rows.for_each(|row| add_places(row, &format!("{place}/#"), places));
            "list"
        }
        Value::Null => return,
        Value::Bool(_) => "truth",
        Value::Number(_) => "number",
        Value::String(_) => "text",
    };
    places.insert(format!("{place}: {kind}"));
}
