//! What a real node answered, over HTTP, as the client's queries understand it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::inferers::LatestInferences;
use bootstrap::chain::locate::Located;
use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::outcome::Verdict;
use bootstrap::chain::pool::Pool;
use bootstrap::chain::query::{Client, QueryError};
use bootstrap::chain::simulation::Simulation;
use bootstrap::chain::tx::TxHash;
use bootstrap::wallet::{Address, Wallet};

use crate::server::{Reply, Server, answer, capture, status};

const LIMIT: Duration = Duration::from_secs(20);
/// The blocks that could hold a transaction of which nothing is known.
const ALL: RangeInclusive<u64> = 1..=u64::MAX;

/// What a real node answered.
fn recorded(name: &str) -> Reply {
    let recorded = capture(name);
    // CometBFT sends its own errors with status 500.
    let code = if recorded["response"]["error"].is_null() { "200 OK" } else { "500 Oops" };
    answer(code, &["content-type: application/json"], &recorded["response"].to_string())
}

/// A node that gives each query in a list of `(part of the request, capture)` its recorded answer.
async fn client(answers: &'static [(&'static str, &'static str)]) -> (Server, Client) {
    let server = Server::start(move |request| {
        let always = [("v10.QueryService/GetParams", "abci_query/GetParams.v10"), ("\"status\"", "status")];
        let of = |(part, _): &&(&str, &str)| request.body.contains(part);
        let (_, name) = answers.iter().chain(&always).find(of).unwrap_or_else(|| panic!("{request:?}"));
        recorded(name)
    })
    .await;
    let pool = Arc::new(Pool::new(&[server.url().parse().unwrap()], None).unwrap());
    let client = Client::probe(pool, LIMIT).await.unwrap();
    assert_eq!(client.version(), EmissionsVersion::V10);
    (server, client)
}

fn address() -> Address {
    Wallet::from_private_key(&"11".repeat(32)).unwrap().address().clone()
}

async fn simulated(answers: &'static [(&'static str, &'static str)]) -> Simulation {
    client(answers).await.1.simulate(b"tx".to_vec()).await.unwrap()
}

#[tokio::test]
async fn a_simulation_fits_is_refused_or_is_not_to_be_had() {
    let fits = simulated(&[("Simulate", "simulate/payload.ok")]).await;
    assert!(matches!(fits, Simulation::Fits { gas_used } if gas_used > 100_000), "{fits:?}");
    // What is not admitted is executed and paid for all the same.
    let fits = simulated(&[("Simulate", "simulate/payload.not_admitted")]).await;
    assert!(matches!(fits, Simulation::Fits { .. }), "{fits:?}");
    let refused = simulated(&[("Simulate", "simulate/payload.bad_nonce")]).await;
    assert!(
        matches!(&refused, Simulation::Refused { verdict: Verdict::WindowClosed, log } if log.contains("unfulfilled nonce")),
        "{refused:?}"
    );
    let without = simulated(&[("Simulate", "abci_query/no_grpc_node.Simulate")]).await;
    assert_eq!(without, Simulation::Unsupported);
}

#[tokio::test]
async fn an_account_that_is_there_is_new_or_is_not_there() {
    let asked =
        async |name: &'static [(&'static str, &'static str)]| client(name).await.1.account(&address()).await;
    assert!(asked(&[("AccountInfo", "abci_query/AccountInfo")]).await.unwrap().unwrap().number > 0);
    let new = asked(&[("AccountInfo", "abci_query/AccountInfo.no_tx_yet")]).await.unwrap().unwrap();
    assert_eq!(new.sequence, 0);
    let (_server, seen) = client(&[("AccountInfo", "abci_query/AccountInfo")]).await;
    let (height, account) = seen.account_with_height(&address()).await.unwrap().unwrap();
    assert!(height > 0 && account.number > 0, "the height of the state: {height}");
    assert_eq!(asked(&[("AccountInfo", "abci_query/AccountInfo.missing")]).await.unwrap(), None);
    let refused = asked(&[("AccountInfo", "abci_query/AccountInfo.bad_address")]).await.unwrap_err();
    assert_eq!(refused.verdict(), Some(Verdict::Rejected));
    assert!(!refused.is_endpoint_fault());
}

#[tokio::test]
async fn a_transaction_is_in_a_block_or_in_none() {
    let found = client(&[("\"tx\"", "tx/payload_ok.delivered")])
        .await
        .1
        .locate(TxHash::of(b"tx"), ALL)
        .await
        .unwrap();
    assert!(matches!(&found, Located::Found(tx) if tx.height == 482 && tx.gas_used == 145_537), "{found:?}");
    let absent = client(&[("\"tx\"", "tx.missing")]).await.1.locate(TxHash::of(b"tx"), ALL).await.unwrap();
    assert!(matches!(absent, Located::Absent { head } if head > 0), "{absent:?}");
    // A node that syncs knows nothing of what is new.
    let syncing = client(&[("\"tx\"", "tx.missing"), ("\"status\"", "status.catching_up")]).await.1;
    assert!(syncing.locate(TxHash::of(b"tx"), ALL).await.is_err());
}

#[tokio::test]
async fn that_a_transaction_is_in_no_block_counts_of_a_node_that_has_them_all_before_and_after() {
    // The recording is of a node that keeps all blocks from the first.
    for ((node_id, height), first, counts) in [
        ((1, 100), 1, true),
        ((1, 101), 1, true),
        ((1, 99), 1, false),
        ((2, 100), 1, false),
        ((1, 100), 0, false),
    ] {
        let was_asked = AtomicBool::new(false);
        let server = Server::start(move |request| match &request.body {
            body if body.contains("\"status\"") => match was_asked.load(Ordering::Relaxed) {
                false => status(1, "chain", 100),
                true => status(node_id, "chain", height),
            },
            body if body.contains("\"tx\"") => {
                was_asked.store(true, Ordering::Relaxed);
                recorded("tx.missing")
            }
            _ => recorded("abci_query/GetParams.v10"),
        })
        .await;
        let pool = Arc::new(Pool::new(&[server.url().parse().unwrap()], None).unwrap());
        let located = Client::probe(pool, LIMIT).await.unwrap().locate(TxHash::of(b"tx"), first..=100).await;
        assert_eq!(matches!(located, Ok(Located::Absent { head: 100 })), counts, "{located:?}");
    }
}

#[tokio::test]
async fn that_all_blocks_are_made_which_could_hold_a_transaction_is_not_taken_from_a_claim() {
    let newest = "block.latest";
    let height: u64 = capture(newest)["response"]["result"]["block"]["header"]["height"]
        .as_str()
        .and_then(|height| height.parse().ok())
        .unwrap();
    for (block, last, counts) in [
        (newest, height - 1, true),
        ("block.future", height - 1, false),
        // That it is some other block is no better.
        ("block.opening", height - 1, false),
        // What is not concluded needs no proof.
        ("block.future", height, true),
    ] {
        let server = Server::start(move |request| match &request.body {
            body if body.contains("\"status\"") => status(1, "chain", height),
            body if body.contains("\"tx\"") => recorded("tx.missing"),
            body if body.contains("\"block\"") => recorded(block),
            _ => recorded("abci_query/GetParams.v10"),
        })
        .await;
        let pool = Arc::new(Pool::new(&[server.url().parse().unwrap()], None).unwrap());
        let located = Client::probe(pool, LIMIT).await.unwrap().locate(TxHash::of(b"tx"), 1..=last).await;
        let is_absent = matches!(located, Ok(Located::Absent { head }) if head == height);
        assert_eq!(is_absent, counts, "{block}, {last}: {located:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_comet_bft_is_passed_over() {
    let (_server, client) = client(&[("GetTopic", "no_such_method")]).await;
    let error = client.topic(1).await.unwrap_err();
    assert!(error.is_endpoint_fault(), "{error}");
    assert!(matches!(error, QueryError::Pool(_)));
}

#[tokio::test]
async fn what_other_inferers_said_last() {
    let asked = async |answers: &'static [(&'static str, &'static str)]| {
        client(answers).await.1.latest_inferences(1).await
    };
    let latest = asked(&[("GetLatestNetworkInferences", "abci_query/GetLatestNetworkInferences.after")])
        .await
        .unwrap();
    assert!(latest.nonce > 0);
    let of = |values: &[(String, Decimal)]| {
        values.iter().map(|(label, value)| format!("{label} = {value}")).collect::<Vec<_>>().join(", ")
    };
    let said: Vec<_> = latest.inferers.iter().map(|inferer| of(&inferer.values)).collect();
    assert_eq!(said, ["y = 1.5", "y = 2"]);
    assert!(latest.inferers.iter().all(|inferer| inferer.address.starts_with("allo1")));
    // Before the first window was closed.
    let none =
        asked(&[("GetLatestNetworkInferences", "abci_query/GetLatestNetworkInferences")]).await.unwrap();
    assert_eq!(none, LatestInferences::default());
    // Several outputs have their labels; the bundle of one nonce is that of the latest.
    let several =
        asked(&[("GetLatestNetworkInferences", "abci_query/GetNetworkInferencesAtBlock.multi")]).await;
    assert_eq!(of(&several.unwrap().inferers[0].values), "flat = 0.2, up = 0.8");
}
