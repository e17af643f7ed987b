//! The faucet: what it is asked, and that nothing it does holds the worker.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::chain::faucet::{Faucet, FaucetError};
use bootstrap::chain::pool::Pool;
use bootstrap::chain::query::Client;
use bootstrap::devnet::{Devnet, Options};
use bootstrap::wallet::{Address, Wallet};
use zeroize::Zeroizing;

use crate::server::{Reply, Request, Server, answer};

const LIMIT: Duration = Duration::from_secs(20);
const CHAIN_ID: &str = "allora-testnet-1";

fn address() -> Address {
    Wallet::from_private_key(&"11".repeat(32)).unwrap().address().clone()
}

fn faucet(url: &str, key: Option<&str>) -> Faucet {
    let key = key.map(|key| Zeroizing::new(key.to_owned()));
    Faucet::new(url.parse().unwrap(), CHAIN_ID, Some("https://faucet.example"), key).unwrap()
}

#[tokio::test]
async fn is_asked_by_a_form_with_the_users_key() {
    let server = Server::start(|_| answer("200 OK", &[], "{}")).await;
    faucet(&server.url(), Some("my key")).request(&address(), LIMIT).await.unwrap();
    faucet(&format!("{}/base/", server.url()), None).request(&address(), LIMIT).await.unwrap();
    let requests = server.requests();
    let [with_key, without] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((with_key.method.as_str(), with_key.target.as_str()), ("POST", "/api/request"));
    assert_eq!(with_key.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(with_key.body, format!("chain={CHAIN_ID}&address={}", address()));
    assert_eq!(with_key.headers["x-api-key"], "my key");
    assert_eq!(
        (without.target.as_str(), without.headers["x-api-key"].as_str()),
        ("/base/api/request", "None")
    );
}

#[tokio::test]
async fn a_redirect_stays_a_post_with_its_form() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let server = Server::start(move |request: &Request| match request.target.as_str() {
            "/api/request" => answer(status, &["location: /elsewhere"], ""),
            _ => answer("201 Created", &[], ""),
        })
        .await;
        faucet(&server.url(), Some("key")).request(&address(), LIMIT).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{status}");
        assert_eq!((requests[1].method.as_str(), requests[1].target.as_str()), ("POST", "/elsewhere"));
        assert_eq!(
            (&requests[1].body, &requests[1].headers["x-api-key"]),
            (&requests[0].body, &"key".to_owned())
        );
    }
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|_| answer("302 Found", &["location: /again"], "")).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err();
    assert!(matches!(error, FaucetError::Redirect { .. }), "{error}");
    assert_eq!(server.requests().len(), 6);
    let server = Server::start(|_| answer("302 Found", &["location: http://other.invalid/"], "")).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err();
    assert!(matches!(error, FaucetError::Redirect { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_is_shown_in_short_and_says_where_people_ask() {
    let server = Server::start(|_| answer("429 Too Many Requests", &["retry-after: 90"], "")).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    assert!(error.to_string().contains("https://faucet.example"), "{error}");

    let server = Server::start(|_| answer("503 Down", &[], &"<p>\n".repeat(3000))).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err().to_string();
    assert!(error.contains("503: <p> <p>") && error.len() < 400, "{error}");

    let flood = format!("HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n{}", "x".repeat(1 << 20));
    let server = Server::start(move |_| Reply::Bytes(flood.clone().into_bytes())).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err().to_string();
    assert!(error.contains("more than 16384 bytes"), "{error}");

    let server = Server::start(|_| Reply::Reset).await;
    let error = faucet(&server.url(), None).request(&address(), LIMIT).await.unwrap_err();
    assert!(matches!(error, FaucetError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_faucet_that_hangs_is_left() {
    let hang: fn(&Request) -> Reply = |_| Reply::Silence;
    let drip: fn(&Request) -> Reply = |_| {
        let text = "HTTP/1.1 500 Oops\r\ncontent-length: 9999\r\n\r\n";
        Reply::Drip(text.repeat(50).into_bytes(), Duration::from_millis(20))
    };
    for reply in [hang, drip] {
        let server = Server::start(reply).await;
        let limit = Duration::from_millis(200);
        let error = faucet(&server.url(), None).request(&address(), limit).await.unwrap_err();
        assert!(error.to_string().contains("within 200ms"), "{error}");
    }
}

#[tokio::test]
async fn the_money_is_waited_for() {
    let devnet = Arc::new(Devnet::start(Options::on_free_port()).unwrap());
    let pool = Pool::new(&[devnet.rpc_url().parse().unwrap()], None).unwrap();
    let client = Client::probe(Arc::new(pool), Duration::from_secs(10)).await.unwrap();
    let server = Server::start({
        let devnet = Arc::clone(&devnet);
        move |_| {
            devnet.set_balance(&address().to_string(), 7).unwrap();
            answer("200 OK", &[], "")
        }
    })
    .await;
    assert_eq!(client.balance(&address()).await.unwrap(), 0);
    assert_eq!(faucet(&server.url(), None).fund(&client, &address()).await.unwrap(), 7);
}
