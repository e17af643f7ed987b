//! Subscriptions, frame by frame.

use futures::StreamExt as _;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, Socket, assert_same_shape, base64, capture, manual, result, transfer};

#[tokio::test]
async fn frames_have_the_shape_of_a_real_nodes() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    for name in ["newblock", "hdr", "nbe", "tx_insert_payload", "tx_hash"] {
        let recorded = capture(&format!("websocket/{name}"));
        let mut socket = Socket::open(&devnet).await;
        socket.subscribe("1", recorded["query"].as_str().unwrap()).await;
        if name.starts_with("tx") {
            let sequence = u64::from(name == "tx_hash");
            let tx = base64(&transfer(&devnet, 0, sequence).bytes);
            assert_eq!(result(&devnet, "broadcast_tx_sync", json!({"tx": tx})).await["code"], 0);
        }
        let height = devnet.mine(1).unwrap();
        let frame = socket.next().await;
        assert_same_shape(&frame, &recorded["frame"], name);
        let value = &frame["result"]["data"]["value"];
        let told = [
            &value["height"],
            &value["header"]["height"],
            &value["block"]["header"]["height"],
            &value["TxResult"]["height"],
        ];
        assert!(told.contains(&&json!(height.to_string())), "{frame}");
    }
}

#[tokio::test]
async fn places_come_back_and_other_methods_are_answered_too() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut socket = Socket::open(&devnet).await;
    for height in 0..5 {
        socket.subscribe(height, &format!("tx.height = {height}")).await;
    }
    assert_eq!(
        socket.call("x", "subscribe", json!({"query": "tm.event='NewBlock'"})).await["error"]["data"],
        "max_subscriptions_per_client 5 reached"
    );
    assert_eq!(socket.call("y", "unsubscribe_all", json!({})).await["result"], json!({}));
    let again = socket.call("z", "subscribe", json!({"query": "bad query"})).await;
    assert!(again["error"]["data"].as_str().unwrap().starts_with("failed to parse query"), "{again}");
    // Unlike over HTTP, wrong arguments are an internal error.
    let wrong = socket.call("w", "block", json!({"height": 1})).await;
    assert_eq!((&wrong["id"], &wrong["error"]["code"]), (&json!("w"), &json!(-32603)), "{wrong}");
    assert_eq!(
        socket.call("s", "status", json!({})).await["result"]["node_info"]["network"],
        devnet.chain_id()
    );
}

#[tokio::test]
async fn who_hears_of_a_block_can_read_it() {
    let devnet = manual();
    let mut socket = Socket::open(&devnet).await;
    socket.subscribe(1, "tm.event='NewBlockHeader'").await;
    for _ in 0..20 {
        devnet.mine(1).unwrap();
        let frame = socket.next().await;
        let height = &frame["result"]["data"]["value"]["header"]["height"];
        let block = result(&devnet, "block_results", json!({"height": height})).await;
        assert_eq!(&block["height"], height);
    }
}

#[tokio::test]
async fn a_client_without_its_subscription_hears_nothing() {
    let devnet = manual();
    let mut socket = Socket::open(&devnet).await;
    socket.subscribe("blocks", "tm.event='NewBlock'").await;
    socket.subscribe("headers", "tm.event='NewBlockHeader'").await;
    socket.call("u", "unsubscribe", json!({"query": "tm.event='NewBlock'"})).await;
    devnet.mine(2).unwrap();
    for _ in 0..2 {
        assert_eq!(socket.next().await["id"], "headers");
    }
}

#[tokio::test]
async fn many_clients_hear_the_same() {
    let devnet = manual();
    let mut clients = vec![];
    for id in 0..200 {
        let mut socket = Socket::open(&devnet).await;
        socket.subscribe(id, "tm.event='NewBlockEvents'").await;
        clients.push(socket);
    }
    devnet.mine(2).unwrap();
    for (id, client) in clients.iter_mut().enumerate() {
        for height in ["1", "2"] {
            let frame = client.next().await;
            assert_eq!(frame["id"], id);
            assert_eq!(frame["result"]["data"]["value"]["height"], height);
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_the_chain_goes_on() {
    let devnet = manual();
    let mut slow = Socket::open(&devnet).await;
    slow.subscribe(1, "tm.event='NewBlock'").await;
    // More than the client's buffer and the sockets' together hold.
    for _ in 0..30 {
        devnet.mine(1_000).unwrap();
    }
    let mut quick = Socket::open(&devnet).await;
    quick.subscribe(1, "tm.event='NewBlock'").await;
    devnet.mine(1).unwrap();
    assert_eq!(quick.next().await["result"]["data"]["value"]["block"]["header"]["height"], "30001");
    let mut frames = 0;
    let end = loop {
        match timeout(PATIENCE, slow.0.next()).await.unwrap() {
            Some(Ok(_)) => frames += 1,
            other => break other,
        }
    };
    assert!(frames < 30_000, "{frames}");
    assert!(!matches!(end, Some(Ok(Message::Close(_)))), "{end:?}");
}

#[tokio::test]
async fn a_stopping_chain_says_so_and_closes_without_a_close_frame() {
    let devnet = manual();
    let mut socket = Socket::open(&devnet).await;
    socket.subscribe("1", "tm.event='NewBlock'").await;
    drop(devnet);
    assert_eq!(socket.next().await, capture("websocket/error_frame_at_stop"));
    socket.ends_without_goodbye().await;
}
