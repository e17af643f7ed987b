//! Several endpoints of one chain, and nodes that are behind, of another chain, or have just started.

use std::time::Duration;

use bootstrap::{
    chain::{
        messages::{EmissionsVersion, RegisterRequest},
        payload::Inference,
    },
    devnet::{BlockTime, Devnet, Endpoint, Fault, FaultKind, Options},
};
use cosmrs::proto::cosmos::{
    auth::v1beta1::QueryAccountInfoRequest, base::tendermint::v1beta1::GetSyncingRequest,
    tx::v1beta1::SimulateRequest,
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{
    Socket, base64, capture, manual, query, request, result, result_at, send, sign, start, transfer,
    transfer_of, until,
};

const V10: EmissionsVersion = EmissionsVersion::V10;
const UNKNOWN_PATH: &str = "unknown query path: unknown request";
const BLOCKS: &str = "tm.event='NewBlockHeader'";

async fn broadcast(endpoint: &Endpoint, tx: &[u8]) -> Value {
    result_at(endpoint, "broadcast_tx_sync", json!({"tx": base64(tx)})).await
}

async fn sync_info(endpoint: &Endpoint) -> Value {
    result_at(endpoint, "status", json!({})).await["sync_info"].take()
}

async fn height(endpoint: &Endpoint) -> u64 {
    sync_info(endpoint).await["latest_block_height"].as_str().unwrap().parse().unwrap()
}

async fn sequence(endpoint: &Endpoint, devnet: &Devnet, account: usize) -> u64 {
    let address = devnet.accounts()[account].address.clone();
    query(endpoint, V10, QueryAccountInfoRequest { address }).await.unwrap().info.unwrap().sequence
}

async fn simulate(devnet: &Devnet, tx: &[u8]) -> Result<(), String> {
    let simulation = SimulateRequest { tx_bytes: tx.to_vec(), ..Default::default() };
    query(devnet.endpoint(), V10, simulation).await.map(drop)
}

/// Height of the next block that a subscriber hears of.
async fn told(socket: &mut Socket) -> u64 {
    let frame = socket.next().await;
    frame["result"]["data"]["value"]["header"]["height"].as_str().unwrap().parse().unwrap()
}

/// Waits until an endpoint takes connections again.
async fn is_back(endpoint: &Endpoint) {
    until("the endpoint", async || send(endpoint, request("health", json!({}))).await.ok()).await;
}

#[tokio::test]
async fn endpoints_share_the_chain_and_nothing_that_goes_wrong() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let (one, other) = (devnet.open_endpoint().unwrap(), devnet.open_endpoint().unwrap());
    one.fault(Fault::new(FaultKind::Error)).unwrap();
    let at_one: Value = send(&one, request("health", json!({}))).await.unwrap().json().await.unwrap();
    assert_eq!(at_one["error"]["code"], -32603);
    assert_eq!(broadcast(&other, &transfer(&devnet, 0, 0).bytes).await["code"], 0);
    assert_eq!(result(&devnet, "num_unconfirmed_txs", json!({})).await["total"], "1");
    let mut socket = Socket::open_at(&other).await;
    socket.subscribe(1, BLOCKS).await;
    devnet.mine(1).unwrap();
    assert_eq!(told(&mut socket).await, 2);
    one.clear_faults();
    assert_eq!(height(&one).await, 2);
}

#[tokio::test]
async fn a_closed_endpoint_refuses_and_comes_back_at_its_address() {
    let devnet = manual();
    let endpoint = devnet.open_endpoint().unwrap();
    let mut socket = Socket::open_at(&endpoint).await;
    socket.subscribe("1", BLOCKS).await;
    endpoint.close().unwrap();
    assert_eq!(socket.next().await, capture("websocket/error_frame_at_stop"));
    socket.ends_without_goodbye().await;
    let refused = send(&endpoint, request("health", json!({}))).await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    devnet.mine(3).unwrap();
    endpoint.open().unwrap();
    assert_eq!(height(&endpoint).await, 3);
}

#[tokio::test]
async fn a_node_that_is_behind_answers_from_its_old_state() {
    let devnet = manual();
    let behind = devnet.open_endpoint().unwrap();
    devnet.mine(5).unwrap();
    let (first, second) = (transfer(&devnet, 0, 0), transfer(&devnet, 0, 1));
    assert_eq!(broadcast(devnet.endpoint(), &first.bytes).await["code"], 0);
    devnet.mine(1).unwrap();
    assert_eq!(sequence(&behind, &devnet, 0).await, 1);

    behind.fault(Fault::new(FaultKind::Lag { blocks: 2 })).unwrap();
    assert_eq!(height(&behind).await, 4);
    assert_eq!(sequence(&behind, &devnet, 0).await, 0);
    assert_eq!(sequence(devnet.endpoint(), &devnet, 0).await, 1);
    let hash = base64(first.hash.as_bytes());
    let unknown = send(&behind, request("tx", json!({"hash": hash}))).await.unwrap();
    assert!(unknown.text().await.unwrap().contains("not found"));
    let early = broadcast(&behind, &second.bytes).await;
    assert_eq!((&early["code"], &early["codespace"]), (&json!(32), &json!("sdk")));
    // Another transaction with the sequence that the old state expects: taken here, and for nothing.
    let other = transfer_of(&devnet, 0, 0, 6);
    assert_eq!(broadcast(&behind, &other.bytes).await["code"], 0);
    assert_eq!(result(&devnet, "num_unconfirmed_txs", json!({})).await["total"], "0");
    // The head of a node can go back.
    behind.fault(Fault::new(FaultKind::Lag { blocks: 4 })).unwrap();
    assert_eq!(height(&behind).await, 2);
    behind.clear_faults();
    assert_eq!(height(&behind).await, 6);
}

#[tokio::test]
async fn a_node_that_is_wrong_about_itself_names_heights_that_are_too_high() {
    let devnet = manual();
    let wrong = devnet.open_endpoint().unwrap();
    devnet.mine(5).unwrap();
    wrong.fault(Fault::new(FaultKind::Ahead { blocks: 1_000 })).unwrap();
    assert_eq!((height(&wrong).await, height(devnet.endpoint()).await), (1_005, 5));
    let query = json!({"path": "/feemarket.feemarket.v1.Query/Params", "data": ""});
    let answer = result_at(&wrong, "abci_query", query).await;
    assert_eq!(answer["response"]["height"], "1005");
    wrong.clear_faults();
    assert_eq!(height(&wrong).await, 5);
    let counted = [("/feemarket.feemarket.v1.Query/Params", 1), ("status", 2)];
    assert_eq!(wrong.calls(), counted.map(|(name, count)| (name.to_owned(), count)).into());
}

#[tokio::test]
async fn a_node_without_a_block_answers_nothing_until_it_has_one() {
    let devnet = manual();
    let fresh = devnet.open_endpoint().unwrap();
    devnet.mine(3).unwrap();
    fresh.fault(Fault::new(FaultKind::NoBlock)).unwrap();
    let info = sync_info(&fresh).await;
    assert_eq!((&info["catching_up"], &info["latest_block_height"]), (&json!(true), &json!("0")));
    assert_eq!(info["earliest_block_height"], "0");
    let request = QueryAccountInfoRequest { address: devnet.accounts()[0].address.clone() };
    let refused = query(&fresh, V10, request).await.unwrap_err();
    assert!(refused.contains("AlloraApp is not ready; please wait for first block"), "{refused}");
    assert_eq!(broadcast(&fresh, &transfer(&devnet, 0, 0).bytes).await["code"], 9);
    fresh.clear_faults();
    assert_eq!(height(&fresh).await, 3);
}

#[tokio::test]
async fn subscribers_of_a_node_that_is_behind_hear_late_and_then_of_all() {
    let devnet = manual();
    let behind = devnet.open_endpoint().unwrap();
    devnet.mine(10).unwrap();
    let mut socket = Socket::open_at(&behind).await;
    socket.subscribe(1, BLOCKS).await;
    behind.fault(Fault::new(FaultKind::Lag { blocks: 2 })).unwrap();
    devnet.mine(4).unwrap();
    // The head went back to 9.
    for height in 10..=12 {
        assert_eq!(told(&mut socket).await, height);
    }
    behind.clear_faults();
    devnet.mine(1).unwrap();
    for height in 13..=15 {
        assert_eq!(told(&mut socket).await, height);
    }
}

#[tokio::test]
async fn a_node_that_catches_up_says_so_and_pours_out_the_past() {
    let devnet = manual();
    let behind = devnet.open_endpoint().unwrap();
    devnet.mine(150).unwrap();
    let mut socket = Socket::open_at(&behind).await;
    socket.subscribe(1, BLOCKS).await;
    behind.fault(Fault::new(FaultKind::CatchingUp)).unwrap();
    let info = sync_info(&behind).await;
    assert_eq!((&info["catching_up"], &info["latest_block_height"]), (&json!(true), &json!("50")));
    assert!(query(&behind, V10, GetSyncingRequest {}).await.unwrap().syncing);
    devnet.mine(1).unwrap();
    for height in 51..=55 {
        assert_eq!(told(&mut socket).await, height);
    }
    devnet.mine(30).unwrap();
    assert_eq!(height(&behind).await, 181, "caught up");
    assert_eq!(sync_info(devnet.endpoint()).await["catching_up"], false);
    behind.clear_faults();
    assert_eq!(sync_info(&behind).await["catching_up"], false);
}

#[tokio::test]
async fn a_node_of_another_chain_holds_signatures_to_its_own() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    result(&devnet, "devnet_fault", json!({"method": "*", "kind": "wrong_chain_id", "times": 2})).await;
    let network = result(&devnet, "status", json!({})).await["node_info"]["network"].take();
    assert_ne!(network, devnet.chain_id());
    let refused = broadcast(devnet.endpoint(), &transfer(&devnet, 1, 0).bytes).await;
    assert_eq!(refused["code"], 4);
    assert!(refused["log"].as_str().unwrap().contains(network.as_str().unwrap()), "{refused}");
    let status = result(&devnet, "status", json!({})).await;
    assert_eq!(status["node_info"]["network"], devnet.chain_id());
}

#[tokio::test]
async fn a_restart_loses_the_mempool_and_refuses_until_the_next_block() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let tx = transfer(&devnet, 1, 0).bytes;
    assert_eq!(broadcast(devnet.endpoint(), &tx).await["code"], 0);
    let mut socket = Socket::open(&devnet).await;
    socket.subscribe("1", BLOCKS).await;
    assert_eq!(result(&devnet, "devnet_fault", json!({"kind": "restart"})).await, json!({}));
    assert_eq!(socket.next().await, capture("websocket/error_frame_at_stop"));
    socket.ends_without_goodbye().await;
    is_back(devnet.endpoint()).await;

    assert_eq!(result(&devnet, "num_unconfirmed_txs", json!({})).await["total"], "0");
    let refused = broadcast(devnet.endpoint(), &tx).await;
    assert_eq!((&refused["code"], &refused["codespace"]), (&json!(4), &json!("sdk")));
    assert!(refused["log"].as_str().unwrap().contains("please verify account number (0)"), "{refused}");
    assert_eq!(simulate(&devnet, &tx).await.unwrap_err(), UNKNOWN_PATH);
    assert_eq!(sequence(devnet.endpoint(), &devnet, 1).await, 0);
    simulate(&devnet, &tx).await.unwrap();
    devnet.mine(1).unwrap();
    assert_eq!(broadcast(devnet.endpoint(), &tx).await["code"], 0);
}

#[tokio::test]
async fn the_node_of_a_further_endpoint_restarts_alone() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let endpoint = devnet.open_endpoint().unwrap();
    let tx = transfer(&devnet, 1, 0).bytes;
    assert_eq!(broadcast(&endpoint, &tx).await["code"], 0);
    endpoint.fault(Fault::new(FaultKind::Restart)).unwrap();
    assert_eq!(result(&devnet, "num_unconfirmed_txs", json!({})).await["total"], "1");
    is_back(&endpoint).await;
    let next = transfer(&devnet, 2, 0).bytes;
    assert_eq!(broadcast(&endpoint, &next).await["code"], 4);
    assert_eq!(broadcast(devnet.endpoint(), &next).await["code"], 0);
}

#[tokio::test]
async fn a_validator_killed_in_a_block_has_it_afterwards_and_told_nobody() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let other = devnet.open_endpoint().unwrap();
    let tx = transfer(&devnet, 1, 0).bytes;
    assert_eq!(broadcast(devnet.endpoint(), &tx).await["code"], 0);
    let (mut at_validator, mut at_other) = (Socket::open(&devnet).await, Socket::open_at(&other).await);
    for socket in [&mut at_validator, &mut at_other] {
        socket.subscribe(1, BLOCKS).await;
    }
    devnet.fault(Fault::new(FaultKind::CrashInBlock)).unwrap();
    at_validator.ends_without_goodbye().await;
    is_back(devnet.endpoint()).await;

    assert_eq!((height(devnet.endpoint()).await, sequence(devnet.endpoint(), &devnet, 1).await), (2, 1));
    let next = transfer(&devnet, 1, 1).bytes;
    assert_eq!(broadcast(devnet.endpoint(), &next).await["code"], 4, "it has just started");
    let mut again = Socket::open(&devnet).await;
    again.subscribe(1, BLOCKS).await;
    devnet.mine(1).unwrap();
    assert_eq!(told(&mut again).await, 3);
    assert_eq!((told(&mut at_other).await, told(&mut at_other).await), (2, 3), "of those that it gets then");
}

#[tokio::test]
async fn a_validator_that_restarts_makes_no_block_meanwhile() {
    let clock = BlockTime::Every(Duration::from_millis(300));
    let devnet = start(Options { block_time: clock, ..Options::on_free_port() });
    let watcher = devnet.open_endpoint().unwrap();
    let mut socket = Socket::open_at(&watcher).await;
    socket.subscribe(1, BLOCKS).await;
    let first = told(&mut socket).await;
    let made_at = async |height: u64| {
        let block = result_at(&watcher, "block", json!({"height": height.to_string()})).await;
        let text = block["block"]["header"]["time"].as_str().unwrap().to_owned();
        OffsetDateTime::parse(&text, &Rfc3339).unwrap()
    };
    devnet.fault(Fault::new(FaultKind::Restart)).unwrap();
    let mut longest = time::Duration::ZERO;
    while told(&mut socket).await < first + 3 {}
    for height in first..first + 3 {
        longest = longest.max(made_at(height + 1).await - made_at(height).await);
    }
    // A block time down, and one until the next block.
    assert!(longest >= Duration::from_millis(600), "{longest}");
}

#[tokio::test]
async fn a_chain_that_is_upgraded_keeps_its_state_and_speaks_the_new_version_only() {
    let (v9, v10) = (EmissionsVersion::V9, EmissionsVersion::V10);
    let devnet = start(Options { block_time: BlockTime::Manual, emissions: v9, ..Options::on_free_port() });
    let worker = devnet.accounts()[3].address.clone();
    let submit = |nonce: i64, value: &str| {
        let inference = Inference::Single(value.parse().unwrap());
        devnet.submit_as(&worker, 1, nonce, inference).unwrap().check.code
    };
    let params = async |version: EmissionsVersion| {
        let params = json!({"path": version.path("GetParams"), "data": ""});
        result(&devnet, "abci_query", params).await["response"]["log"].take()
    };
    devnet.set_registered(1, &worker, true).unwrap();
    devnet.mine(1).unwrap();
    assert_eq!(submit(1, "0.5"), 0);
    devnet.mine(1).unwrap();
    assert_eq!((params(v9).await, params(v10).await), (json!(""), json!(UNKNOWN_PATH)));

    devnet.upgrade(v10).unwrap();
    is_back(devnet.endpoint()).await;
    assert_eq!((params(v9).await, params(v10).await), (json!(UNKNOWN_PATH), json!("")));
    devnet.mine(19).unwrap();
    let version = result(&devnet, "abci_info", json!({})).await["response"]["version"].take();
    assert_eq!(version, "v0.17.0");
    let old =
        RegisterRequest { sender: worker.clone(), topic_id: 1, owner: worker.clone(), ..Default::default() };
    let old = broadcast(devnet.endpoint(), &sign(&devnet, 3, 1, v9.any(&old)).bytes).await;
    assert_eq!(old["code"], 6);
    assert!(old["log"].as_str().unwrap().contains("no message handler found for *emissionsv9."), "{old}");
    assert_eq!(submit(21, "0.25"), 0);
    devnet.mine(1).unwrap();
    let values: Vec<_> = devnet.submissions(1).unwrap().into_iter().map(|row| row.value.unwrap()).collect();
    assert_eq!(values, ["0.5", "0.25"]);
}
