//! The methods that steer the chain, in this process and over JSON-RPC.

use std::time::Duration;

use bootstrap::{
    chain::payload::Inference,
    devnet::{BlockTime, CallError, Devnet, Options, StartError},
};
use serde_json::json;

use crate::support::{base64, call, manual, result, start, transfer, until};

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
    until("block 10", async || (devnet.height().unwrap() >= 10).then_some(())).await;
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

#[tokio::test]
async fn a_foreign_submission_is_stored_and_paid_for() {
    let devnet = manual();
    let worker = devnet.accounts()[3].address.clone();
    devnet.set_registered(1, &worker, true).unwrap();
    devnet.mine(1).unwrap(); // opens the first nonce
    let sent = json!({"address": worker, "topic_id": 1, "nonce": 1, "value": "0.25"});
    let sent = result(&devnet, "devnet_submitAs", sent).await;
    assert_eq!(sent["code"], 0, "{sent}");
    devnet.mine(1).unwrap();
    let hash = &sent["tx_hash"];
    assert_eq!(
        result(&devnet, "devnet_submissions", json!({"topic_id": 1})).await,
        json!([{"nonce": 1, "inferer": worker, "value": "0.25", "values": null, "height": 2, "tx_hash": hash}])
    );
    let payments = result(&devnet, "devnet_payments", json!({"address": worker})).await;
    assert_eq!(
        (payments.as_array().unwrap().len(), &payments[0]["tx_hash"], &payments[0]["code"]),
        (1, hash, &json!(0))
    );
    assert!(payments[0]["fee"].as_str().unwrap().parse::<u128>().unwrap() >= 400_000);

    let stranger = "allo1yt7l07cad9t5mnax3yvzkult7z9evesu5ykm2y";
    let refused = json!({"address": stranger, "topic_id": 1, "nonce": 1, "value": "1"});
    let refused = call(&devnet, "devnet_submitAs", refused).await;
    assert!(
        refused["error"]["data"].as_str().unwrap().contains("not one of the funded accounts"),
        "{refused}"
    );
}

#[test]
fn every_transaction_that_took_something_is_a_payment_with_all_that_it_took() {
    let devnet = manual();
    let worker = devnet.accounts()[3].address.clone();
    devnet.set_registered(1, &worker, true).unwrap();
    devnet.mine(1).unwrap();
    let submit =
        |nonce| devnet.submit_as(&worker, 1, nonce, "1".parse().map(Inference::Single).unwrap()).unwrap();
    let sent = [submit(1), submit(1), submit(99)];
    devnet.mine(1).unwrap();
    let payments = devnet.payments(&worker).unwrap();
    let hashes: Vec<String> = sent.iter().map(|sent| sent.tx_hash.to_string()).collect();
    assert_eq!(
        payments.iter().map(|payment| &payment.tx_hash).collect::<Vec<_>>(),
        hashes.iter().collect::<Vec<_>>()
    );
    // The first one also pays for its data; the duplicate and the wrong nonce pay the fee for nothing.
    let (codes, fees): (Vec<u32>, Vec<u128>) =
        payments.iter().map(|payment| (payment.code, payment.fee)).unzip();
    assert_eq!((codes, fees), (vec![0, 1, 75], vec![400_010, 400_000, 400_000]));
    let spent: u128 = payments.iter().map(|payment| payment.fee).sum();
    assert_eq!(spent, 1_200_010);
}

#[test]
fn windows_of_two_blocks_open_one_after_the_other() {
    let epoch = Options { epoch_length: 2, worker_submission_window: 2, ..Options::on_free_port() };
    let devnet = start(Options { ground_truth_lag: 2, block_time: BlockTime::Manual, ..epoch });
    let worker = devnet.accounts()[3].address.clone();
    devnet.set_registered(1, &worker, true).unwrap();
    for nonce in [1, 3, 5] {
        while devnet.mine(1).unwrap() < nonce {}
        let nonce = i64::try_from(nonce).unwrap();
        devnet.submit_as(&worker, 1, nonce, "1".parse().map(Inference::Single).unwrap()).unwrap();
    }
    devnet.mine(1).unwrap();
    let nonces: Vec<u64> = devnet.submissions(1).unwrap().iter().map(|row| row.nonce).collect();
    assert_eq!(nonces, [1, 3, 5]);
}

#[tokio::test]
async fn accounts_prices_and_topics_can_be_changed() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let poor = devnet.accounts()[0].address.clone();
    result(&devnet, "devnet_setBalance", json!({"address": poor, "amount": "7"})).await;
    let refused = json!({"tx": base64(&transfer(&devnet, 0, 0).bytes)});
    assert_eq!(result(&devnet, "broadcast_tx_sync", refused).await["code"], 5, "no funds");
    let used = devnet.accounts()[1].address.clone();
    result(&devnet, "devnet_setSequence", json!({"address": used, "sequence": 9})).await;
    let ninth = json!({"tx": base64(&transfer(&devnet, 1, 9).bytes)});
    assert_eq!(result(&devnet, "broadcast_tx_sync", ninth).await["code"], 0);
    result(&devnet, "devnet_setGasPrice", json!({"price": "2.5"})).await;
    let cheap = json!({"tx": base64(&transfer(&devnet, 2, 0).bytes)});
    assert_eq!(result(&devnet, "broadcast_tx_sync", cheap).await["code"], 13, "the fee is too low now");
    result(&devnet, "devnet_setTopicActive", json!({"topic_id": 1, "active": false})).await;
    devnet.mine(25).unwrap();
    let opened = json!({"query": "emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS AND block.height > 1"});
    assert_eq!(result(&devnet, "block_search", opened).await["total_count"], "0");
    for (method, params) in [
        ("devnet_setBalance", json!({"address": "allo1x", "amount": "1"})),
        ("devnet_setBalance", json!({"address": used, "amount": "-1"})),
        ("devnet_setGasPrice", json!({"price": "much"})),
        ("devnet_setTopicActive", json!({"topic_id": 99, "active": true})),
        ("devnet_setWhitelisted", json!({"topic_id": 1, "address": used})),
        ("devnet_submissions", json!({})),
    ] {
        assert_eq!(call(&devnet, method, params).await["error"]["code"], -32602, "{method}");
    }
}
