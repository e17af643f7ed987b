//! Several endpoints, of which some are sick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bootstrap::chain::outcome::Verdict;
use bootstrap::chain::pool::{Broadcast, Pool, PoolError, Standing};
use bootstrap::chain::query::Client;
use bootstrap::chain::rpc::Endpoint;
use bootstrap::chain::tx::TxHash;
use bootstrap::devnet::{BlockTime, Devnet, Fault, FaultKind, Options};
use bootstrap::journal::{Journal, NewTransaction, Prepared, Purpose, SpendLimit, Timestamp, Uallo};

use crate::server::{Reply, Request, Server, answer, capture, claim, json, status};

const LIMIT: Duration = Duration::from_secs(20);

fn pool(servers: &[&Server]) -> Arc<Pool> {
    let urls: Vec<_> = servers.iter().map(|server| server.url().parse().unwrap()).collect();
    Arc::new(Pool::new(&urls, Some("chain".to_owned())).unwrap())
}

fn order(pool: &Pool) -> Vec<String> {
    pool.ranked().iter().map(ToString::to_string).collect()
}

/// One call of the kind that reads.
async fn height(pool: &Pool, limit: Duration) -> Result<u64, PoolError> {
    let call = async |endpoint: Endpoint, limit| endpoint.status(limit).await;
    pool.first(limit, call).await.map(|status| status.height)
}

#[tokio::test]
async fn what_is_silent_or_broken_is_passed_over_and_then_rests() {
    let good = Server::start(|_| status(2, "chain", 7)).await;
    for sick in [
        (|_| Reply::Silence) as fn(&Request) -> Reply,
        |_| Reply::Reset,
        |_| answer("200 OK", &["content-type: text/html"], "<html>"),
        |_| answer("429 Too Many", &["retry-after: 60"], ""),
    ] {
        let sick = Server::start(sick).await;
        let pool = pool(&[&sick, &good]);
        assert_eq!(height(&pool, LIMIT).await.unwrap(), 7);
        assert_eq!(order(&pool), [good.url(), sick.url()]);
        assert_eq!(pool.report()[0].standing, Standing::Resting);
        let asked = sick.requests().len();
        assert_eq!(height(&pool, LIMIT).await.unwrap(), 7);
        assert_eq!(sick.requests().len(), asked, "it is not asked again at once");
    }
}

#[tokio::test]
async fn a_sound_answer_is_looked_for_and_an_unsound_one_is_better_than_none() {
    let silent = Server::start(|_| Reply::Silence).await;
    let seven = Server::start(|_| status(1, "chain", 7)).await;
    let eight = Server::start(|_| status(2, "chain", 8)).await;
    let call = async |endpoint: Endpoint, limit| Ok(endpoint.status(limit).await?.height);
    for (servers, wanted, told) in [
        (vec![&seven, &eight], 8, 8),
        (vec![&seven, &silent, &eight], 8, 8),
        (vec![&seven, &eight], 9, 7),
        (vec![&seven, &silent], 9, 7),
    ] {
        let pool = pool(&servers);
        assert_eq!(pool.first_sound(LIMIT, |height| *height >= wanted, call).await.unwrap(), told);
        assert_eq!(pool.report()[0].standing, Standing::Fresh, "it has answered");
    }
}

#[tokio::test]
async fn with_nothing_else_a_resting_endpoint_is_asked_all_the_same() {
    let flaky = Server::start(|request| match request.connection {
        0 | 1 => answer("503 Down", &["connection: close"], ""),
        _ => status(1, "chain", 7),
    })
    .await;
    let pool = pool(&[&flaky]);
    for _ in 0..2 {
        assert!(matches!(height(&pool, LIMIT).await, Err(PoolError::Unusable(faults)) if faults.len() == 1));
    }
    assert_eq!(height(&pool, LIMIT).await.unwrap(), 7);
    assert_eq!(pool.refresh(LIMIT).await.unwrap().height, 7);
}

#[tokio::test]
async fn what_rests_is_asked_when_another_is_needed_and_it_did_not_ask_to_be_left_alone() {
    let well_again = |sick: &'static str, headers: &'static [&'static str]| {
        Server::start(move |request| match request.connection {
            0 => answer(sick, headers, ""),
            _ => status(1, "chain", 7),
        })
    };
    let good = Server::start(|_| status(2, "chain", 7)).await;
    for (sick, headers, is_woken) in [
        ("503 Down", &["connection: close"] as &[_], true),
        ("429 Too Many", &["connection: close", "retry-after: 60"], false),
    ] {
        let sick = well_again(sick, headers).await;
        let pool = pool(&[&sick, &good]);
        assert_eq!(height(&pool, LIMIT).await.unwrap(), 7);
        assert_eq!(pool.look_again(LIMIT).await, is_woken);
        let standing = if is_woken { Standing::Fresh } else { Standing::Resting };
        assert_eq!(pool.report()[0].standing, standing);
    }
}

#[tokio::test]
async fn what_the_application_says_moves_nobody() {
    let refusing = Server::start(|_| json(&capture("tx.missing")["response"])).await;
    let other = Server::start(|_| status(2, "chain", 7)).await;
    let pool = pool(&[&refusing, &other]);
    let hash = TxHash::of(b"tx");
    let looked = pool.first(LIMIT, async |endpoint: Endpoint, limit| endpoint.tx(&hash, limit).await).await;
    assert!(matches!(looked, Err(PoolError::Refused(_))), "{looked:?}");
    assert_eq!(order(&pool), [refusing.url(), other.url()]);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn another_chain_is_excluded_for_good_also_when_it_turns_up_later() {
    let moves = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&moves);
    let moved = Server::start(move |_| match seen.load(Ordering::SeqCst) {
        1 => status(1, "other", 9),
        _ => status(1, "chain", 9),
    })
    .await;
    let wrong = Server::start(|_| status(2, "wrong", 99)).await;
    let pool = pool(&[&wrong, &moved]);
    assert_eq!(pool.refresh(LIMIT).await.unwrap().height, 9);
    assert_eq!(order(&pool), [moved.url()]);
    moves.store(1, Ordering::SeqCst);
    let error = pool.refresh(LIMIT).await.unwrap_err().to_string();
    let (wrong, moved) = (wrong.url(), moved.url());
    assert_eq!(error, format!("expected chain id `chain`, but {wrong} is on `wrong`, {moved} is on `other`"));
    moves.store(2, Ordering::SeqCst);
    assert!(
        matches!(height(&pool, LIMIT).await, Err(PoolError::WrongChain { .. })),
        "a node that changes chains"
    );
}

#[tokio::test]
async fn a_head_that_stands_still_goes_behind_and_comes_back() {
    let head = Arc::new(AtomicU64::new(100));
    let (moving, lagging) = (Arc::clone(&head), Arc::new(AtomicU64::new(100)));
    let shown = Arc::clone(&lagging);
    let first = Server::start(move |_| status(1, "chain", shown.load(Ordering::SeqCst))).await;
    let second = Server::start(move |_| status(2, "chain", moving.load(Ordering::SeqCst))).await;
    let pool = pool(&[&first, &second]);
    pool.refresh(LIMIT).await.unwrap();
    assert_eq!(order(&pool), [first.url(), second.url()]);
    head.store(110, Ordering::SeqCst);
    assert_eq!(pool.refresh(LIMIT).await.unwrap().height, 110);
    assert_eq!(order(&pool), [second.url(), first.url()]);
    lagging.store(110, Ordering::SeqCst);
    pool.refresh(LIMIT).await.unwrap();
    assert_eq!(order(&pool), [first.url(), second.url()]);
}

#[tokio::test]
async fn a_height_that_the_others_contradict_is_not_followed_and_comes_back_once_it_is_true() {
    let claimed = Arc::new(AtomicU64::new(5_000));
    let shown = Arc::clone(&claimed);
    let liar = Server::start(move |_| claim(1, "chain", shown.load(Ordering::SeqCst), 100)).await;
    let honest = Server::start(|_| status(2, "chain", 100)).await;
    let pool = pool(&[&liar, &honest]);
    for height in [5_000, 101] {
        claimed.store(height, Ordering::SeqCst);
        assert_eq!(pool.refresh(LIMIT).await.unwrap().height, 100);
        assert_eq!(order(&pool), [honest.url(), liar.url()]);
        assert_eq!(pool.report()[0].standing, Standing::Ahead);
    }
    claimed.store(100, Ordering::SeqCst);
    pool.refresh(LIMIT).await.unwrap();
    assert_eq!(order(&pool), [liar.url(), honest.url()]);
}

/// Where the height is in doubt and nobody says it, it stays in doubt.
#[tokio::test]
async fn a_node_that_is_slow_is_waited_for_where_there_is_no_other() {
    let options = Options { block_time: BlockTime::Manual, ..Options::on_free_port() };
    let devnet = Devnet::start(options).unwrap();
    devnet.mine(2).unwrap();
    let url = devnet.rpc_url().parse().unwrap();
    let client = Client::probe(Arc::new(Pool::new(&[url], None).unwrap()), LIMIT).await.unwrap();
    let slow = Fault::new(FaultKind::Delay { time: Duration::from_millis(2_300) });
    devnet.fault(slow.on("status")).unwrap();
    assert_eq!(client.height().await, Some(devnet.height().unwrap()));
}

#[tokio::test]
async fn one_node_under_several_names_is_said_to_be_one() {
    let node = Server::start(|_| status(1, "chain", 7)).await;
    let other = Server::start(|_| status(2, "chain", 7)).await;
    let same_node = Server::start(|_| status(1, "chain", 7)).await;
    let localhost = node.url().replace("127.0.0.1", "localhost");
    let urls = [node.url(), localhost.clone(), other.url(), same_node.url()];
    let parsed: Vec<_> = urls.iter().map(|url| url.parse().unwrap()).collect();
    let pool = Pool::new(&parsed, None).unwrap();
    pool.refresh(LIMIT).await.unwrap();
    let same: Vec<_> = pool.report().into_iter().map(|report| report.same_as).collect();
    assert_eq!(same, [None, Some(node.url()), None, Some(node.url())]);
}

/// A transaction as a journal gives it back. Nothing that is done with it here needs the journal any more.
fn journalled() -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "chain", "allo1wallet").unwrap();
    let tx = NewTransaction {
        bytes: b"transaction".to_vec(),
        sequence: 1,
        fee: Uallo(1_000),
        charge: Uallo(0),
        gas_limit: 150_000,
        timeout_height: 130,
    };
    let purpose = Purpose::Registration { topic_id: 1 };
    journal.prepare(purpose, tx, SpendLimit::None, Timestamp::now()).unwrap()
}

fn accepted() -> Reply {
    let mut taken = capture("tx/fee_1")["response"].clone();
    taken["result"]["code"] = 0.into();
    json(&taken)
}

fn refused() -> Reply {
    json(&capture("tx/fee_1")["response"])
}

fn sent(request: &Request) -> bool {
    request.body.contains("broadcast_tx_sync")
}

#[tokio::test]
async fn a_broadcast_reaches_all_fresh_endpoints_and_waits_for_one() {
    let taker = Server::start(|_| accepted()).await;
    let silent = Server::start(|_| Reply::Silence).await;
    let answers = pool(&[&silent, &taker]).broadcast(&journalled(), LIMIT).await;
    assert!(
        matches!(&answers[..], [taken] if taken.is_accepted() && taken.endpoint == taker.url()),
        "{answers:?}"
    );
    assert!(silent.requests().iter().any(sent));
}

#[tokio::test]
async fn a_broadcast_asks_those_behind_only_where_nobody_judged() {
    let fresh_reply = Arc::new(std::sync::Mutex::new(refused as fn() -> Reply));
    let reply = Arc::clone(&fresh_reply);
    let fresh = Server::start(move |request| match sent(request) {
        true => (reply.lock().unwrap())(),
        false => status(1, "chain", 100),
    })
    .await;
    let behind =
        Server::start(|request| if sent(request) { accepted() } else { status(2, "chain", 50) }).await;
    let pool = pool(&[&behind, &fresh]);
    pool.refresh(LIMIT).await.unwrap();
    let answers = pool.broadcast(&journalled(), LIMIT).await;
    assert!(matches!(&answers[..], [refused] if refused.endpoint == fresh.url()), "{answers:?}");
    assert!(answers.iter().all(Broadcast::is_certainly_not_there));
    assert!(!behind.requests().iter().any(sent));

    *fresh_reply.lock().unwrap() = || Reply::Reset;
    let answers = pool.broadcast(&journalled(), LIMIT).await;
    assert!(
        matches!(&answers[..], [lost, taken] if !lost.is_certainly_not_there() && taken.is_accepted()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_broadcast_to_all_asks_those_that_rest() {
    let refusing =
        Server::start(|request| if sent(request) { refused() } else { status(1, "chain", 7) }).await;
    let down = Server::start(|request| match sent(request) {
        true => accepted(),
        false => answer("503 Down", &["retry-after: 60"], ""),
    })
    .await;
    let pool = pool(&[&refusing, &down]);
    pool.refresh(LIMIT).await.unwrap();
    assert_eq!(pool.report()[1].standing, Standing::Resting);
    let answers = pool.broadcast(&journalled(), LIMIT).await;
    assert!(matches!(&answers[..], [refused] if refused.is_refused()), "{answers:?}");
    let answers = pool.broadcast_to_all(&journalled(), LIMIT).await;
    assert!(answers.iter().any(|sent| sent.is_accepted() && sent.endpoint == down.url()), "{answers:?}");
}

#[tokio::test]
async fn what_a_full_mempool_did_not_take_goes_to_the_others_and_may_be_sent_again() {
    let full = Server::start(|_| {
        let text = "mempool is full: number of txs 5000 (max: 5000)";
        let mut error = capture("tx/same_tx_in_mempool")["response"].clone();
        error["error"]["data"] = text.into();
        answer("500 Internal Server Error", &["content-type: application/json"], &error.to_string())
    })
    .await;
    let answers = pool(&[&full]).broadcast(&journalled(), LIMIT).await;
    let [told] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(told.answer.as_ref().unwrap_err().verdict(), Some(Verdict::MempoolFull));
    assert!(!told.is_accepted() && !told.is_refused() && !told.is_certainly_not_there());
    let taker = Server::start(|_| accepted()).await;
    let answers = pool(&[&full, &taker]).broadcast(&journalled(), LIMIT).await;
    assert!(answers.iter().any(|sent| sent.is_accepted() && sent.endpoint == taker.url()), "{answers:?}");
}

#[tokio::test]
async fn bytes_that_a_node_has_already_are_accepted() {
    for name in ["tx/same_tx_in_mempool", "tx/same_tx_after_commit"] {
        let node = Server::start(move |_| {
            let body = capture(name)["response"].to_string();
            answer("500 Internal Server Error", &["content-type: application/json"], &body)
        })
        .await;
        let answers = pool(&[&node]).broadcast(&journalled(), LIMIT).await;
        assert!(answers.iter().all(Broadcast::is_accepted), "{answers:?}");
    }
}
