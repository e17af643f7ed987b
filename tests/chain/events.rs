//! The websocket against a local chain and against servers that do not keep to anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::chain::events::{self, ChainEvent, Interest};
use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::pool::{Pool, PoolError};
use bootstrap::devnet::{BlockTime, Devnet, Fault, FaultKind, Options};
use bootstrap::wallet::Wallet;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::capture;

/// Nothing correct takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

type Events = mpsc::Receiver<ChainEvent>;
type Socket = WebSocketStream<TcpStream>;

fn subscribe(urls: &[String]) -> (Arc<Pool>, Events) {
    let urls: Vec<_> = urls.iter().map(|url| url.parse().unwrap()).collect();
    let pool = Arc::new(Pool::new(&urls, Some("localnet".to_owned())).unwrap());
    let wallet = Wallet::from_private_key(&"11".repeat(32)).unwrap();
    let interest = Interest { topic_id: 1, address: wallet.address().clone() };
    (Arc::clone(&pool), events::subscribe(pool, interest))
}

/// Waits for the event of which `is_it` says so.
async fn until<T>(events: &mut Events, is_it: impl Fn(&ChainEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = is_it(&events.recv().await.expect("events never end")) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("it never came")
}

async fn connected(events: &mut Events) -> String {
    until(events, |event| match event {
        ChainEvent::Connected { endpoint } => Some(endpoint.clone()),
        _ => None,
    })
    .await
}

async fn disconnected(events: &mut Events) -> String {
    until(events, |event| match event {
        ChainEvent::Disconnected { cause, .. } => Some(cause.clone()),
        _ => None,
    })
    .await
}

async fn block(events: &mut Events) -> u64 {
    until(events, |event| match event {
        ChainEvent::Block { height, .. } => Some(*height),
        _ => None,
    })
    .await
}

/// A websocket server that does with its n-th connection what a test wants. Returns its URL.
async fn websocket<F>(serve: impl Fn(Socket, usize) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                tokio::spawn(serve(socket, connection));
            }
        }
    });
    url
}

/// Answers the subscriptions as `answer` does, by their number.
async fn acknowledge(socket: &mut Socket, answer: impl Fn(u64) -> Value) {
    for _ in 0..4 {
        let Some(Ok(Message::Text(call))) = socket.next().await else { panic!("no subscription") };
        let call: Value = serde_json::from_str(&call).unwrap();
        assert_eq!(call["method"], "subscribe");
        let frame = answer(call["id"].as_u64().unwrap());
        socket.send(Message::text(frame.to_string())).await.unwrap();
    }
}

fn yes(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {}})
}

fn frame(name: &str) -> Message {
    Message::text(capture(&format!("websocket/{name}"))["frame"].to_string())
}

#[tokio::test]
async fn blocks_and_openings_come_also_after_an_upgrade() {
    let options =
        Options { block_time: BlockTime::Manual, emissions: EmissionsVersion::V9, ..Options::on_free_port() };
    let devnet = Devnet::start(Options { chain_id: "localnet".into(), ..options }).unwrap();
    let (_, mut events) = subscribe(&[devnet.rpc_url()]);
    for version in [EmissionsVersion::V9, EmissionsVersion::V10] {
        if version == EmissionsVersion::V10 {
            devnet.upgrade(version).unwrap();
        }
        connected(&mut events).await;
        devnet.mine(30).unwrap();
        block(&mut events).await;
        let (nonce, end) = until(&mut events, |event| match event {
            ChainEvent::WindowOpened { nonce, window_end, height } => {
                assert_eq!(u64::try_from(*nonce), Ok(*height));
                Some((*nonce, *window_end))
            }
            _ => None,
        })
        .await;
        assert!(end > nonce);
    }
}

fn fast() -> Devnet {
    let block_time = BlockTime::Every(Duration::from_millis(100));
    Devnet::start(Options { chain_id: "localnet".into(), block_time, ..Options::on_free_port() }).unwrap()
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_followed_by_the_next() {
    let devnet = fast();
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (_, mut events) = subscribe(&[format!("http://{refused}"), devnet.rpc_url()]);
    assert!(disconnected(&mut events).await.starts_with("cannot connect"));
    assert_eq!(connected(&mut events).await, devnet.rpc_url());
}

#[tokio::test]
async fn whatever_ends_a_connection_another_follows() {
    let devnet = fast();
    let (_, mut events) = subscribe(&[devnet.rpc_url()]);
    // Two blocks tell how long a silence is one.
    for _ in 0..3 {
        block(&mut events).await;
    }
    let refusal = FaultKind::HttpStatus { status: 503 };
    devnet.fault(Fault::new(refusal).on("websocket").times(1)).unwrap();
    for (kind, cause) in [
        (FaultKind::DropReply, ""),
        (FaultKind::Garbage, "not a frame"),
        (FaultKind::HalfOpen, "no block for"),
    ] {
        devnet.fault(Fault::new(kind).on("event").times(1)).unwrap();
        until(&mut events, |event| match event {
            ChainEvent::Disconnected { cause: found, .. } if found.starts_with(cause) => Some(()),
            _ => None,
        })
        .await;
        connected(&mut events).await;
        block(&mut events).await;
    }
}

#[tokio::test]
async fn a_node_that_ends_a_subscription_is_asked_anew() {
    let url = websocket(|mut socket, connection| async move {
        acknowledge(&mut socket, yes).await;
        if connection == 0 {
            let stop = capture("websocket/error_frame_at_stop").to_string();
            socket.send(Message::text(stop)).await.unwrap();
        } else {
            socket.send(frame("hdr")).await.unwrap();
        }
        std::future::pending().await
    })
    .await;
    let (_, mut events) = subscribe(&[url]);
    let cause = disconnected(&mut events).await;
    assert!(cause.contains("subscription was canceled"), "{cause}");
    assert_eq!(block(&mut events).await, 786);
}

#[tokio::test]
async fn a_node_that_allows_fewer_subscriptions_gets_fewer() {
    let url = websocket(|mut socket, _| async move {
        acknowledge(&mut socket, |id| match id {
            0 => yes(id),
            _ => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "Internal error",
                "data": "max_subscriptions_per_client 1 reached"}}),
        })
        .await;
        socket.send(frame("hdr")).await.unwrap();
        std::future::pending().await
    })
    .await;
    let (_, mut events) = subscribe(&[url]);
    assert_eq!(block(&mut events).await, 786);
}

#[tokio::test]
async fn blocks_of_another_chain_exclude_the_endpoint() {
    let url = websocket(|mut socket, _| async move {
        acknowledge(&mut socket, yes).await;
        let mut header = capture("websocket/hdr")["frame"].clone();
        header["result"]["data"]["value"]["header"]["chain_id"] = "other".into();
        socket.send(Message::text(header.to_string())).await.unwrap();
        std::future::pending().await
    })
    .await;
    let (pool, mut events) = subscribe(&[url]);
    assert_eq!(disconnected(&mut events).await, "its blocks are of the chain `other`");
    assert!(pool.ranked().is_empty());
    assert!(matches!(
        pool.refresh(PATIENCE).await,
        Err(PoolError::WrongChain { .. } | PoolError::Unusable(_))
    ));
}

#[tokio::test]
async fn a_flood_and_frames_without_end_are_left() {
    let floods = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&floods);
    let url = websocket(move |mut socket, connection| {
        let sent = Arc::clone(&sent);
        async move {
            acknowledge(&mut socket, yes).await;
            match connection {
                0 => {
                    while socket.send(Message::text(r#"{"jsonrpc":"2.0"}"#)).await.is_ok() {
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                }
                1 => _ = socket.send(Message::text("x".repeat(5 << 20))).await,
                _ => socket.send(frame("hdr")).await.unwrap(),
            }
            std::future::pending().await
        }
    })
    .await;
    let (_, mut events) = subscribe(&[url]);
    assert_eq!(disconnected(&mut events).await, "it floods us with frames");
    assert!(disconnected(&mut events).await.contains("too long"));
    assert_eq!(block(&mut events).await, 786);
    assert!(floods.load(Ordering::SeqCst) > 1000);
}
