//! What only a connection shows: the frames of a websocket in their order, and what HTTP refuses.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::{
    chain::messages::{EmissionsVersion, Query as _, query::TopicExistsRequest},
    devnet::{BlockTime, Devnet, Fault, FaultKind, Options},
};

/// Longer than any answer takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Characters of the transaction that was too large.
const TOO_LARGE: usize = 1_467_384;

/// A chain with one block, and what came of a visit to it.
fn visit<T>(visit: impl AsyncFnOnce(&Devnet) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options { block_time: BlockTime::Manual, ..Options::on_free_port() };
    let devnet = Devnet::start(options).unwrap();
    devnet.mine(1).unwrap();
    runtime.block_on(async { timeout(PATIENCE, visit(&devnet)).await.unwrap() })
}

/// The answers to all that was sent over one connection.
pub fn acknowledgements(recording: &Value) -> Value {
    let newblock = "tm.event='NewBlock'";
    let topic = TopicExistsRequest { topic_id: 1 };
    let query = json!({
        "path": TopicExistsRequest::path(EmissionsVersion::V10),
        "data": hex::encode(prost::Message::encode_to_vec(&topic)),
    });
    let request = |id: Value, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    };
    let queries = recording["queries"].as_array().unwrap().iter().enumerate();
    let subscriptions = queries
        .map(|(index, query)| request(format!("s{index}").into(), "subscribe", json!({"query": query})));
    let requests: Vec<String> = subscriptions
        .chain([
            request("u1".into(), "unsubscribe", json!({"query": newblock})),
            request("u2".into(), "unsubscribe", json!({"query": newblock})),
            request(7.into(), "subscribe", json!([newblock])),
            "not json".into(),
            request("aq".into(), "abci_query", query),
        ])
        .collect();
    let frames: Vec<Value> = visit(async |devnet| {
        let (mut socket, _) = connect_async(devnet.websocket_url()).await.unwrap();
        let mut frames = vec![];
        for request in requests {
            socket.send(Message::text(request)).await.unwrap();
            let frame = socket.next().await.unwrap().unwrap();
            frames.push(serde_json::from_str(frame.to_text().unwrap()).unwrap());
        }
        frames
    });
    json!({"queries": recording["queries"], "frames": frames})
}

/// What a subscription hears last of a node that is stopped in order.
pub fn goodbye() -> Value {
    visit(async |devnet| {
        let (mut socket, _) = connect_async(devnet.websocket_url()).await.unwrap();
        let subscribe = json!({
            "jsonrpc": "2.0", "id": "1", "method": "subscribe", "params": {"query": "tm.event='NewBlock'"},
        });
        socket.send(Message::text(subscribe.to_string())).await.unwrap();
        socket.next().await.unwrap().unwrap();
        devnet.fault(Fault::new(FaultKind::Restart)).unwrap();
        let frame = socket.next().await.unwrap().unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    })
}

/// The answer to a request that is longer than a node reads.
pub fn request_too_large() -> Value {
    let params = json!({"tx": "A".repeat(TOO_LARGE)});
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": params});
    visit(async |devnet| {
        let sent = reqwest::Client::new().post(devnet.rpc_url()).body(request.to_string()).send().await;
        let answer = sent.unwrap();
        assert_eq!(answer.status(), 400);
        answer.json().await.unwrap()
    })
}
