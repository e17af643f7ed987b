//! The Rust client of CometBFT takes every answer.

use std::time::Duration;

use bootstrap::devnet::{BlockTime, Devnet, Options};
use futures::StreamExt as _;
use tendermint_rpc::{
    Client, HttpClient, Order, Paging, SubscriptionClient, WebSocketClient, WebSocketClientUrl,
    client::CompatMode,
    event::EventData,
    query::{EventType, Query},
};

use crate::support::{manual, start, transfer};

fn http(devnet: &Devnet) -> HttpClient {
    let url: tendermint_rpc::Url = devnet.rpc_url().parse().unwrap();
    HttpClient::builder(url.try_into().unwrap()).compat_mode(CompatMode::V0_38).build().unwrap()
}

async fn websocket(devnet: &Devnet) -> WebSocketClient {
    let url: WebSocketClientUrl = devnet.websocket_url().parse().unwrap();
    let (client, driver) =
        WebSocketClient::builder(url).compat_mode(CompatMode::V0_38).build().await.unwrap();
    tokio::spawn(driver.run());
    client
}

/// Every method of the client that a node without peers can answer.
async fn every_method(devnet: &Devnet, client: &(impl Client + Sync), from: usize) {
    let tx = transfer(devnet, from, 0);
    let status = client.status().await.unwrap();
    assert_eq!(status.node_info.network.as_str(), devnet.chain_id());
    client.health().await.unwrap();
    assert_eq!(client.abci_info().await.unwrap().data, "AlloraApp");
    client.net_info().await.unwrap();
    client.genesis::<serde_json::Value>().await.unwrap();
    let query = client.abci_query(Some("/nope".into()), vec![], None, false).await.unwrap();
    assert_eq!(query.code.value(), 6);
    let sent = client.broadcast_tx_sync(tx.bytes.clone()).await.unwrap();
    assert_eq!((sent.code.value(), sent.hash.to_string()), (0, tx.hash.to_string()));
    let again = client.broadcast_tx_sync(tx.bytes.clone()).await.unwrap_err();
    assert!(again.to_string().contains("tx already exists in cache"), "{again}");
    let height = u32::try_from(devnet.mine(1).unwrap()).unwrap();
    assert_eq!(client.tx(sent.hash, false).await.unwrap().height.value(), u64::from(height));
    let mine: Query = Query::eq("tx.hash", tx.hash.to_string());
    assert_eq!(client.tx_search(mine, false, 1, 10, Order::Ascending).await.unwrap().total_count, 1);
    assert_eq!(client.block_results(height).await.unwrap().txs_results.unwrap().len(), 1);
    client.block_results(1_u32).await.unwrap();
    client.latest_block_results().await.unwrap();
    let block = client.block(height).await.unwrap();
    assert_eq!(block.block.data, [tx.bytes]);
    client.block(1_u32).await.unwrap();
    client.latest_block().await.unwrap();
    assert!(client.block_by_hash(block.block_id.hash).await.unwrap().block.is_some());
    assert_eq!(client.header(height).await.unwrap().header, block.block.header);
    client.header_by_hash(block.block_id.hash).await.unwrap();
    client.blockchain(1_u32, height).await.unwrap();
    let first = Query::eq("block.height", 1);
    assert_eq!(client.block_search(first, 1, 10, Order::Descending).await.unwrap().total_count, 1);
    client.commit(height).await.unwrap();
    client.latest_commit().await.unwrap();
    client.validators(height, Paging::All).await.unwrap();
    client.consensus_params(height).await.unwrap();
    client.latest_consensus_params().await.unwrap();
    client.broadcast_tx_async(transfer(devnet, from, 1).bytes).await.unwrap();
}

#[tokio::test]
async fn over_http() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    every_method(&devnet, &http(&devnet), 0).await;
}

#[tokio::test]
async fn over_the_websocket() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    every_method(&devnet, &websocket(&devnet).await, 0).await;
}

#[tokio::test]
async fn subscriptions_by_the_clock() {
    let devnet =
        start(Options { block_time: BlockTime::Every(Duration::from_millis(50)), ..Options::on_free_port() });
    let client = websocket(&devnet).await;
    let mut blocks = client.subscribe(EventType::NewBlock.into()).await.unwrap();
    let mut txs = client.subscribe(EventType::Tx.into()).await.unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let event = blocks.next().await.unwrap().unwrap();
        let EventData::NewBlock { block: Some(block), .. } = event.data else { panic!("{event:?}") };
        let height = block.header.height.value();
        assert!(last == 0 || height == last + 1, "{last} {height}");
        last = height;
    }
    let tx = transfer(&devnet, 0, 0);
    http(&devnet).broadcast_tx_sync(tx.bytes.clone()).await.unwrap();
    let event = txs.next().await.unwrap().unwrap();
    let EventData::Tx { tx_result } = event.data else { panic!("{event:?}") };
    assert_eq!(tx_result.tx, tx.bytes);
    client.unsubscribe(EventType::NewBlock.into()).await.unwrap();
}

#[tokio::test]
async fn two_clients_see_the_same_chain() {
    let devnet = manual();
    devnet.mine(3).unwrap();
    let (one, other) = (http(&devnet), http(&devnet));
    let (one, other) = tokio::join!(one.latest_block(), other.latest_block());
    assert_eq!(one.unwrap().block_id, other.unwrap().block_id);
}
