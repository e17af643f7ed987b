//! The methods that steer the chain, in this process and over JSON-RPC.

use std::time::{Duration, Instant};

use bootstrap::devnet::{BlockTime, CallError, Devnet, Options, StartError};
use serde_json::json;

use crate::support::{call, manual, result, start};

#[test]
fn works_without_a_runtime_and_frees_its_port() {
    let devnet = manual();
    assert_eq!(devnet.height().unwrap(), 0);
    assert_eq!(devnet.mine(3).unwrap(), 3);
    assert!(devnet.is_running());
    let address = devnet.address();
    let taken = Devnet::start(Options { listen: address, ..Options::default() });
    assert!(matches!(taken, Err(StartError::Listen { .. })), "{taken:?}");
    drop(devnet);
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn frees_its_port_inside_a_runtime_with_connections_open() {
    let devnet = manual();
    let address = devnet.address();
    let client = reqwest::Client::new();
    client.get(format!("{}/health", devnet.rpc_url())).send().await.unwrap();
    drop(devnet);
    assert!(client.get(format!("http://{address}/health")).send().await.is_err());
    start(Options { listen: address, block_time: BlockTime::Manual, ..Options::default() });
}

#[tokio::test]
async fn blocks_by_hand_and_by_the_clock() {
    let devnet = manual();
    result(&devnet, "devnet_mine", json!({"blocks": 5})).await;
    result(&devnet, "devnet_mine", json!({})).await;
    assert_eq!(devnet.height().unwrap(), 6);
    let many = call(&devnet, "devnet_mine", json!({"blocks": 10_001})).await;
    assert_eq!(many["error"]["code"], -32602);
    assert!(matches!(devnet.mine(10_001), Err(CallError::Invalid(_))));

    result(&devnet, "devnet_setBlockTime", json!({"seconds": 0.01})).await;
    let patience = Instant::now() + Duration::from_secs(10);
    while devnet.height().unwrap() < 10 {
        assert!(Instant::now() < patience, "the clock does not tick");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    result(&devnet, "devnet_setBlockTime", json!({"seconds": 0})).await;
    let height = devnet.height().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(devnet.height().unwrap(), height);
    for wrong in [json!({"seconds": -1}), json!({"seconds": 1e-9}), json!({"seconds": "1"}), json!({})] {
        let answer = call(&devnet, "devnet_setBlockTime", wrong.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{wrong}");
    }
}

#[test]
fn wrong_settings_are_refused_with_all_that_is_wrong() {
    let options = Options { epoch_length: 5, topics: 0, ..Options::on_free_port() };
    let error = Devnet::start(options).unwrap_err().to_string();
    assert!(
        error.contains("window of 10 blocks is longer than the epoch of 5") && error.contains("topics"),
        "{error}"
    );
}

#[test]
fn history_is_bounded() {
    let devnet = manual();
    devnet.mine(10_000).unwrap();
    devnet.mine(100).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let status = result(&devnet, "status", json!({})).await;
        assert_eq!(status["sync_info"]["earliest_block_height"], "101");
        let gone = call(&devnet, "block", json!({"height": "100"})).await;
        assert_eq!(gone["error"]["data"], "height 100 is not available, lowest height is 101");
    });
}
