//! Faults on request, as a client without any patience of its own sees them.

use std::time::{Duration, Instant};

use bootstrap::devnet::{CallError, Devnet, Fault, FaultKind};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{PATIENCE, Socket, base64, call, manual, request, result, send, transfer};

/// Nothing comes in this time: short, since a correct chain makes a test wait for all of it.
const SILENCE: Duration = Duration::from_millis(300);

/// Asks for a fault over JSON-RPC.
async fn fault(devnet: &Devnet, params: Value) {
    assert_eq!(result(devnet, "devnet_fault", params).await, json!({}));
}

async fn post(devnet: &Devnet, method: &str, params: Value) -> reqwest::Result<reqwest::Response> {
    send(devnet.endpoint(), request(method, params)).await
}

async fn waiting(devnet: &Devnet) -> Value {
    result(devnet, "num_unconfirmed_txs", json!({})).await["total"].clone()
}

#[tokio::test]
async fn a_fault_hits_as_many_calls_of_its_method_as_it_says() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    fault(&devnet, json!({"method": "status", "kind": "error", "times": 2})).await;
    for _ in 0..2 {
        assert_eq!(call(&devnet, "status", json!({})).await["error"]["code"], -32603);
        result(&devnet, "health", json!({})).await;
    }
    result(&devnet, "status", json!({})).await;

    fault(&devnet, json!({"method": "*", "kind": "error"})).await;
    for method in ["status", "health", "abci_info"] {
        assert_eq!(call(&devnet, method, json!({})).await["error"]["code"], -32603, "{method}");
    }
    result(&devnet, "devnet_mine", json!({})).await;
    result(&devnet, "devnet_clearFaults", json!({})).await;
    result(&devnet, "status", json!({})).await;
}

#[tokio::test]
async fn a_lost_request_does_nothing_and_a_lost_reply_has_done_it() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let tx = json!({"tx": base64(&transfer(&devnet, 0, 0).bytes)});
    for (kind, left) in [("drop_request", "0"), ("drop_reply", "1")] {
        fault(&devnet, json!({"method": "broadcast_tx_sync", "kind": kind, "times": 1})).await;
        let lost = post(&devnet, "broadcast_tx_sync", tx.clone()).await;
        assert!(lost.is_err(), "{kind}: {lost:?}");
        assert_eq!(waiting(&devnet).await, left, "{kind}");
    }
    let again = call(&devnet, "broadcast_tx_sync", tx).await;
    assert_eq!(again["error"]["data"], "tx already exists in cache");
}

#[tokio::test]
async fn proxies_answer_for_the_node() {
    let devnet = manual();
    for status in [429, 502, 503] {
        fault(&devnet, json!({"method": "*", "kind": "http_status", "status": status, "times": 1})).await;
        let answer = post(&devnet, "health", json!({})).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status != 502);
    }
    fault(&devnet, json!({"method": "health", "kind": "html", "times": 1})).await;
    let page = reqwest::get(format!("{}/health", devnet.rpc_url())).await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("<html>"));
    fault(&devnet, json!({"method": "health", "kind": "garbage", "times": 1})).await;
    let spoilt = post(&devnet, "health", json!({})).await.unwrap();
    assert_eq!(spoilt.status(), 200);
    assert!(spoilt.json::<Value>().await.is_err());
}

#[tokio::test]
async fn answers_come_late_or_never() {
    let devnet = manual();
    let begun = Instant::now();
    fault(&devnet, json!({"method": "health", "kind": "delay", "seconds": 0.2, "times": 1})).await;
    result(&devnet, "health", json!({})).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));

    fault(&devnet, json!({"method": "health", "kind": "half_open", "times": 1})).await;
    assert!(timeout(SILENCE, post(&devnet, "health", json!({}))).await.is_err());
    result(&devnet, "health", json!({})).await;
}

#[tokio::test]
async fn checktx_refuses_with_any_code_and_keeps_nothing() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let tx = transfer(&devnet, 0, 0);
    fault(&devnet, json!({"method": "*", "kind": "check_code", "code": 20, "codespace": "sdk", "times": 1}))
        .await;
    let params = json!({"tx": base64(&tx.bytes)});
    let refused = result(&devnet, "broadcast_tx_sync", params.clone()).await;
    assert_eq!((&refused["code"], &refused["codespace"]), (&json!(20), &json!("sdk")));
    assert_eq!(refused["hash"], tx.hash.to_string());
    assert_eq!(waiting(&devnet).await, "0");
    assert_eq!(result(&devnet, "broadcast_tx_sync", params).await["code"], 0);
}

#[tokio::test]
async fn a_full_mempool_takes_nothing_until_it_has_room() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let params = json!({"tx": base64(&transfer(&devnet, 0, 0).bytes)});
    fault(&devnet, json!({"method": "*", "kind": "mempool_full", "times": 1})).await;
    assert_eq!(result(&devnet, "check_tx", params.clone()).await["code"], 0);
    let full = call(&devnet, "broadcast_tx_sync", params.clone()).await;
    assert_eq!(full["error"]["code"], -32603);
    let text = full["error"]["data"].as_str().unwrap();
    assert!(text.starts_with("mempool is full: number of txs 5000 (max: 5000), total txs bytes "), "{text}");
    assert_eq!(waiting(&devnet).await, "0");
    assert_eq!(result(&devnet, "broadcast_tx_sync", params).await["code"], 0);
}

#[tokio::test]
async fn one_query_of_many_can_be_hit() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let path = "/cosmos.tx.v1beta1.Service/Simulate";
    fault(&devnet, json!({"method": path, "kind": "error"})).await;
    let simulated = call(&devnet, "abci_query", json!({"path": path, "data": ""})).await;
    assert_eq!(simulated["error"]["code"], -32603);
    let account = json!({"path": "/cosmos.auth.v1beta1.Query/AccountInfo", "data": ""});
    result(&devnet, "abci_query", account).await;
}

#[tokio::test]
async fn a_websocket_is_refused_cut_or_spoilt() {
    let devnet = manual();
    devnet.fault(Fault::new(FaultKind::HttpStatus { status: 503 }).on("websocket").times(1)).unwrap();
    let refused = tokio_tungstenite::connect_async(devnet.websocket_url()).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");

    let mut socket = Socket::open(&devnet).await;
    devnet.fault(Fault::new(FaultKind::Error).on("subscribe").times(1)).unwrap();
    let answer = socket.call(1, "subscribe", json!({"query": "tm.event='NewBlock'"})).await;
    assert_eq!(answer["error"]["code"], -32603);
    socket.subscribe(1, "tm.event='NewBlock'").await;

    devnet.fault(Fault::new(FaultKind::Garbage).on("event").times(1)).unwrap();
    devnet.mine(1).unwrap();
    assert!(serde_json::from_slice::<Value>(&socket.bytes().await).is_err());
    devnet.mine(1).unwrap();
    assert_eq!(socket.next().await["id"], 1);

    devnet.fault(Fault::new(FaultKind::Error).on("event").times(1)).unwrap();
    devnet.mine(1).unwrap();
    let cancelled = socket.next().await;
    assert_eq!((&cancelled["id"], &cancelled["error"]["code"]), (&json!(1), &json!(-32000)));
    let again = socket.call(2, "subscribe", json!({"query": "tm.event='NewBlock'"})).await;
    assert_eq!(again["result"], json!({}), "the place is free");

    devnet.fault(Fault::new(FaultKind::DropReply).on("unsubscribe").times(1)).unwrap();
    socket.request(3, "unsubscribe", json!({"query": "tm.event='NewBlock'"})).await;
    socket.ends_without_goodbye().await;
}

#[tokio::test]
async fn a_websocket_floods_as_often_as_it_is_told() {
    let devnet = manual();
    let mut socket = Socket::open(&devnet).await;
    socket.subscribe(1, "tm.event='NewBlock'").await;
    devnet.fault(Fault::new(FaultKind::Flood { frames: 300 }).times(1)).unwrap();
    devnet.mine(2).unwrap();
    let first = socket.next().await;
    for _ in 1..300 {
        assert_eq!(socket.next().await, first);
    }
    assert_ne!(socket.next().await, first, "of the next block");
}

#[tokio::test]
async fn a_node_without_an_index_says_so_and_has_its_blocks() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    fault(&devnet, json!({"method": "*", "kind": "no_index"})).await;
    for (method, params, what) in [
        ("tx", json!({"hash": base64(&[0; 32])}), "transaction"),
        ("tx_search", json!({"query": "tx.height=1"}), "transaction"),
        ("block_search", json!({"query": "block.height=1"}), "block"),
    ] {
        let answer = call(&devnet, method, params).await;
        assert_eq!(answer["error"]["data"], format!("{what} indexing is disabled"), "{method}");
    }
    result(&devnet, "block_results", json!({"height": "1"})).await;
}

#[tokio::test]
async fn a_half_open_websocket_stays_open_and_silent() {
    let devnet = manual();
    let mut open = Socket::open(&devnet).await;
    open.subscribe(1, "tm.event='NewBlock'").await;
    devnet.fault(Fault::new(FaultKind::HalfOpen)).unwrap();
    devnet.mine(3).unwrap();
    open.is_silent(SILENCE).await;
    devnet.clear_faults();
    devnet.mine(1).unwrap();
    open.request(2, "health", json!({})).await;
    open.is_silent(SILENCE).await;
    let mut fresh = Socket::open(&devnet).await;
    assert_eq!(fresh.call(1, "health", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn what_is_no_fault_is_refused_by_name() {
    let devnet = manual();
    for (params, named) in [
        (json!({"method": "*", "kind": "explode"}), "explode"),
        (json!({"method": "*", "kind": "delay"}), "seconds"),
        (json!({"method": "*", "kind": "http_status", "status": 99}), "status"),
        (json!({"method": "*", "kind": "check_code", "code": 5}), "codespace"),
        (json!({"method": "stats", "kind": "error"}), "stats"),
        (json!({"method": "devnet_mine", "kind": "error"}), "devnet_mine"),
        (json!({"kind": "error"}), "method"),
        (json!({"method": "*", "kind": "error", "times": 0}), "times"),
        (json!({"method": "event", "kind": "flood", "frames": 1}), "frames"),
    ] {
        let answer = call(&devnet, "devnet_fault", params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
        assert!(answer["error"]["data"].as_str().unwrap().contains(named), "{params}: {answer}");
    }
    let error = devnet.fault(Fault::new(FaultKind::Html).on("stats")).unwrap_err();
    assert!(matches!(error, CallError::Invalid(_)), "{error}");
    let patience = Duration::from_secs(4000);
    assert!(devnet.fault(Fault::new(FaultKind::Delay { time: patience })).is_err());
    timeout(PATIENCE, result(&devnet, "health", json!({}))).await.unwrap();
}
