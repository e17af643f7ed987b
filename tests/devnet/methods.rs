//! CometBFT's methods over HTTP, held against what a real node answered.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{assert_same_shape, base64, call, capture, manual, post, result, transfer};

/// Sends the request of a capture, with other parameters if there are any, and compares.
async fn same_shape(devnet: &bootstrap::devnet::Devnet, name: &str, params: Option<Value>) -> Value {
    let recorded = capture(name);
    let mut request = recorded["request"].clone();
    if let Some(params) = params {
        request["params"] = params;
    }
    let (status, answer) = post(devnet, request.to_string()).await;
    assert_eq!(json!(status), recorded["http_status"], "{name}");
    assert_same_shape(&answer, &recorded["response"], name);
    answer
}

#[tokio::test]
async fn answers_have_the_shape_of_a_real_nodes() {
    let devnet = manual();
    devnet.mine(2).unwrap();
    let tx = transfer(&devnet, 0, 0);
    for name in ["health", "net_info", "status", "abci_info", "num_unconfirmed_txs", "consensus_params"] {
        same_shape(&devnet, name, None).await;
    }
    let sent = same_shape(&devnet, "tx/payload_ok", Some(json!({"tx": base64(&tx.bytes)}))).await;
    assert_eq!(sent["result"]["hash"], json!(tx.hash.to_string()));
    let waiting = same_shape(&devnet, "unconfirmed_txs.one", None).await;
    assert_eq!(waiting["result"]["txs"], json!([base64(&tx.bytes)]));
    let other = transfer(&devnet, 1, 0);
    same_shape(&devnet, "broadcast_tx_async", Some(json!({"tx": base64(&other.bytes)}))).await;
    devnet.mine(1).unwrap();

    for name in ["block.latest", "commit.latest"] {
        same_shape(&devnet, name, None).await;
    }
    same_shape(&devnet, "block.opening", Some(json!({"height": "2"}))).await;
    let opening = same_shape(&devnet, "block_results.opening", Some(json!({"height": "1"}))).await;
    assert_eq!(opening["result"]["txs_results"], Value::Null);
    same_shape(&devnet, "block_results.closing", Some(json!({"height": "3"}))).await;
    let hash = base64(tx.hash.as_bytes());
    let delivered =
        same_shape(&devnet, "tx/payload_ok.delivered", Some(json!({"hash": hash, "prove": false}))).await;
    assert_eq!(delivered["result"]["height"], "3");
    let query = format!("tx.hash='{}'", tx.hash);
    let params = json!({"query": query, "prove": false, "page": "1", "per_page": "1", "order_by": "asc"});
    let found = same_shape(&devnet, "tx_search", Some(params)).await;
    assert_eq!(found["result"]["total_count"], "1");
    same_shape(&devnet, "check_tx", Some(json!({"tx": base64(&transfer(&devnet, 2, 0).bytes)}))).await;
}

#[tokio::test]
async fn errors_are_those_of_a_real_node() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    for name in [
        "no_such_method",
        "tx.missing",
        "tx/not_base64",
        "abci_query/data_0x",
        "abci_query/data_0x0801",
        "abci_query/data_not_hex",
    ] {
        let recorded = capture(name);
        let (status, answer) = post(&devnet, recorded["request"].to_string()).await;
        assert_eq!(json!(status), recorded["http_status"], "{name}");
        assert_eq!(answer, recorded["response"], "{name}");
    }
    for name in ["block.future", "block_results.future"] {
        let recorded = capture(name);
        let (_, answer) = post(&devnet, recorded["request"].to_string()).await;
        let text = recorded["response"].to_string().replace("2366", "1");
        assert_eq!(answer.to_string(), text, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_cometbfts_words() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let parse = |why: &str| json!({"code": -32700, "message": "Parse error. Invalid JSON", "data": format!("error unmarshaling request: {why}")});
    for (body, why) in [
        ("not json", "invalid character 'o' in literal null (expecting 'u')"),
        (r#"{"jsonrpc": "2.0""#, "unexpected end of JSON input"),
        (r#"{"id": true, "method": "health"}"#, "json-rpc ID (true) is of unknown type (bool)"),
        (
            r#"{"id": 1, "method": 5}"#,
            "json: cannot unmarshal number into Go struct field .method of type string",
        ),
    ] {
        let (status, answer) = post(&devnet, body).await;
        assert_eq!((status, answer), (500, json!({"jsonrpc": "2.0", "error": parse(why)})), "{body}");
    }
    let (_, answer) = post(&devnet, r#"{"id": 1.7, "method": "health"}"#).await;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    let batch: Vec<_> = (0..11).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "health"})).collect();
    let (status, answer) = post(&devnet, json!(batch).to_string()).await;
    assert_eq!(
        (status, &answer["error"]["code"], &answer["error"]["data"]),
        (200, &json!(-32600), &json!("batch request exceeds maximum (10) allowed number of requests"))
    );
}

#[tokio::test]
async fn a_method_by_its_uri_takes_any_verb_and_subscriptions_are_no_such_methods() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let url = |path: &str| format!("{}/{path}", devnet.rpc_url());
    let posted = reqwest::Client::new().post(url("health")).send().await.unwrap();
    assert_eq!(posted.json::<Value>().await.unwrap(), json!({"jsonrpc": "2.0", "id": -1, "result": {}}));
    let subscribe = reqwest::get(url("subscribe?query=\"tm.event='NewBlock'\"")).await.unwrap();
    assert_eq!(subscribe.status(), 404);
    assert_eq!(subscribe.json::<Value>().await.unwrap()["error"]["code"], -32601);
    // As people type it.
    let mut stream =
        tokio::net::TcpStream::connect(devnet.rpc_url().trim_start_matches("http://")).await.unwrap();
    let typed =
        b"GET /block_search?query=\"block.height>0\" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(typed).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"total_count\":\"1\""), "{answer}");
    let unquoted = reqwest::get(url("abci_query?path=/a")).await.unwrap();
    assert_eq!(unquoted.status(), 500);
    assert_eq!(
        unquoted.json::<Value>().await.unwrap()["error"]["data"],
        "error converting http params to arguments: invalid character '/' looking for beginning of value"
    );
}

#[tokio::test]
async fn the_same_transaction_is_in_the_cache_while_it_waits_and_after_its_block() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let tx = json!({"tx": base64(&transfer(&devnet, 0, 0).bytes)});
    assert_eq!(result(&devnet, "broadcast_tx_sync", tx.clone()).await["code"], 0);
    let recorded = capture("tx/same_tx_in_mempool");
    assert_eq!(call(&devnet, "broadcast_tx_sync", tx.clone()).await, recorded["response"]);
    devnet.mine(1).unwrap();
    assert_eq!(call(&devnet, "broadcast_tx_sync", tx).await, recorded["response"]);
    assert_eq!(result(&devnet, "num_unconfirmed_txs", json!({})).await["total"], "0");
}

#[tokio::test]
async fn a_transaction_that_checktx_refuses_may_come_again() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let early = json!({"tx": base64(&transfer(&devnet, 0, 1).bytes)});
    for _ in 0..2 {
        assert_eq!(result(&devnet, "broadcast_tx_sync", early.clone()).await["code"], 32);
    }
    let first = json!({"tx": base64(&transfer(&devnet, 0, 0).bytes)});
    assert_eq!(result(&devnet, "broadcast_tx_sync", first).await["code"], 0);
    assert_eq!(result(&devnet, "broadcast_tx_sync", early).await["code"], 0);
    devnet.mine(1).unwrap();
    let block = result(&devnet, "block", json!({"height": "2"})).await;
    assert_eq!(block["block"]["data"]["txs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn by_name_by_position_by_uri_and_in_a_batch() {
    let devnet = manual();
    devnet.mine(2).unwrap();
    let named = result(&devnet, "block", json!({"height": "1"})).await;
    assert_eq!(named, result(&devnet, "block", json!(["1"])).await);
    let uri = |path: &str| reqwest::get(format!("{}/{path}", devnet.rpc_url()));
    let answer: Value = uri("block?height=1").await.unwrap().json().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]), (&json!(-1), &named));
    let query: Value = uri("abci_query?path=\"/nope\"&data=0x0801").await.unwrap().json().await.unwrap();
    assert_eq!(query["result"]["response"]["code"], 6);
    assert_eq!(uri("nothing_here").await.unwrap().status(), 404);
    let wrong = uri("block?height=high").await.unwrap();
    assert_eq!(wrong.status(), 500);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["code"], -32602);

    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "health"},
        {"jsonrpc": "2.0", "method": "devnet_mine"},
        {"jsonrpc": "2.0", "id": 2, "method": "nope"},
    ]);
    let (_, answers) = post(&devnet, batch.to_string()).await;
    assert_eq!(
        answers,
        json!([
            {"jsonrpc": "2.0", "id": "a", "result": {}},
            {"jsonrpc": "2.0", "id": 2, "error": {"code": -32601, "message": "Method not found"}},
        ])
    );
    assert_eq!(devnet.height().unwrap(), 2, "a request without an id is not run");
}

#[tokio::test]
async fn blocks_point_at_each_other_and_can_be_found() {
    let devnet = manual();
    assert_eq!(result(&devnet, "status", json!({})).await["sync_info"]["catching_up"], true);
    devnet.mine(40).unwrap();
    assert_eq!(result(&devnet, "status", json!({})).await["sync_info"]["catching_up"], false);
    let block = async |height: u64| result(&devnet, "block", json!({"height": height.to_string()})).await;
    let (seventh, eighth) = (block(7).await, block(8).await);
    assert_eq!(eighth["block"]["header"]["last_block_id"], seventh["block_id"]);
    assert_eq!(eighth["block"]["last_commit"]["height"], "7");
    assert!(seventh["block"]["header"]["time"].as_str() < eighth["block"]["header"]["time"].as_str());
    let chain = result(&devnet, "blockchain", json!({"minHeight": "7", "maxHeight": "8"})).await;
    assert_eq!(chain["block_metas"][0]["block_id"], eighth["block_id"]);
    assert_eq!(chain["block_metas"].as_array().unwrap().len(), 2);
    let found = result(&devnet, "block_search", json!({"query": "block.height < 9", "per_page": "2"})).await;
    assert_eq!((&found["total_count"], &found["blocks"][0]), (&json!("8"), &eighth));
    let beyond = call(&devnet, "tx_search", json!({"query": "tx.height > 0", "page": "2"})).await;
    assert_eq!(beyond["error"]["data"], "page should be within [1, 1] range, given 2");
}
