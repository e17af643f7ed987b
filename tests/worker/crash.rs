//! SIGKILL: neither paid twice nor given up.

use serde_json::Value;

use crate::support::{Bench, manual, quick};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// A worker that was killed while its transaction waits for a block. Gives the nonce.
fn killed_in_flight(bench: &Bench) -> i64 {
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    worker.kill();
    nonce
}

/// The next life has the round end as `admitted`, and nothing is paid twice.
fn assert_answered_once(bench: &Bench, nonce: i64) -> Value {
    let round = bench.until_a_round_is("admitted");
    assert_eq!((round["nonce"].as_i64(), bench.inferences(nonce), bench.paid().len()), (Some(nonce), 1, 1));
    round
}

#[test]
fn between_broadcast_and_block_the_same_bytes_are_settled() {
    let bench = Bench::registered(manual(), ONE);
    let nonce = killed_in_flight(&bench);
    let prepared = bench.round(nonce).expect("it was written before it was sent");
    assert!(["prepared", "broadcast"].contains(&prepared["state"].as_str().unwrap()), "{prepared}");

    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.mine(1).unwrap();
    let round = assert_answered_once(&bench, nonce);
    assert_eq!(round["tx_hash"], prepared["tx_hash"], "the same bytes");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_transaction_that_landed_meanwhile_is_not_sent_again() {
    let bench = Bench::registered(manual(), ONE);
    let nonce = killed_in_flight(&bench);
    bench.devnet.mine(3).unwrap();
    let worker = bench.run(&[]);
    assert_answered_once(&bench, nonce);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn before_the_prediction_the_window_is_still_answered() {
    let code = "import time\ndef predict(nonce):\n    time.sleep(0.3)\n    return 2\n";
    let bench = Bench::registered(manual(), code);
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until("a round", |bench| bench.round(nonce));
    worker.kill();
    let worker = bench.run(&[]);
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_answered_once(&bench, nonce);
    worker.stop();
}

/// Killed again and again, at moments that nobody chose.
#[test]
fn at_any_moment_each_window_is_paid_for_once() {
    let bench = Bench::new(quick(), ONE);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    for pause in [700, 900, 1100, 1300, 1500, 1700] {
        let worker = bench.run(&[]);
        std::thread::sleep(std::time::Duration::from_millis(pause));
        worker.kill();
    }
    let worker = bench.run(&["--windows", "1"]);
    worker.exit();
    let submissions = bench.devnet.submissions(1).unwrap();
    assert_eq!(bench.paid().len(), submissions.len(), "each payment brought an inference");
    let mut nonces: Vec<_> = submissions.iter().map(|row| row.nonce).collect();
    nonces.dedup();
    assert_eq!(nonces.len(), submissions.len());
}

#[test]
fn a_second_worker_with_the_same_wallet_is_refused() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let second = bench.bootstrap().arg("run").output().unwrap();
    let text = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(78), "{text}");
    assert!(text.contains(&worker.pid().to_string()), "it names the first one: {text}");
    assert_eq!(bench.heartbeat()["pid"], worker.pid().as_raw(), "it leaves the first one's heartbeat alone");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_chain_that_was_started_anew_is_not_taken_for_the_old_one() {
    let bench = Bench::new(quick(), ONE);
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{}", bench.log());
    let before = bench.rounds();
    let bench = bench.with_new_chain();
    let worker = bench.run(&[]);
    bench.until("a reason", |bench| {
        bench.heartbeat()["why"].as_str().is_some_and(|why| why.contains("started anew")).then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
    let once = bench.run(&["--once", "--wait", "2"]);
    assert_eq!(once.exit().code(), Some(75), "{}", bench.log());
    assert_eq!(bench.rounds(), before);
}

#[test]
fn once_answers_the_open_window_and_only_settles_what_is_over() {
    let bench = Bench::registered(manual(), ONE);
    let old = killed_in_flight(&bench);
    bench.devnet.mine(10).unwrap();
    let open = bench.mine_to_opening();
    let worker = bench.run(&["--once", "--wait", "30"]);
    bench.until("the open window's transaction", |bench| (bench.mempool() > 0).then_some(()));
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    assert_eq!(bench.round(open).unwrap()["state"], "admitted");
    assert_eq!(bench.round(old).unwrap()["state"], "admitted", "it had landed");
    assert_eq!(bench.paid().len(), 2);
}
